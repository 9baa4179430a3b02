import { readFile } from 'node:fs/promises'
import { execa } from 'execa'

/**
 * A mark of when a process started, which no later process with the same pid has; undefined when there is none.
 *
 * From `/proc` with the boot's id on Linux, from `ps` elsewhere. A zombie counts as gone.
 */
export async function startTime(pid: number): Promise<string | undefined> {
  if (process.platform !== 'linux') {
    const { stdout } = await execa('ps', ['-o', 'lstart=', '-p', String(pid)], { reject: false })
    return stdout.trim().replaceAll(/\s+/g, '_') || undefined
  }
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  // The second field, the program's name in brackets, may itself contain spaces and brackets.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [state, ticks] = [fields[0], fields[19]]
  if (!ticks || state === 'Z' || state === 'X') return undefined
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8')
  return `${ticks}@${boot.trim()}`
}
