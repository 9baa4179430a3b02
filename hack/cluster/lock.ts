import { mkdir, open, readFile, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { execa } from 'execa'

/**
 * Runs `work` while holding a lock file; waits for another process that holds it.
 *
 * A lock whose holder is gone, or whose pid now belongs to another process, is taken over.
 * `waiting` is called once, with the holder.
 */
export async function withLock<T>(
  path: string,
  work: () => Promise<T>,
  options: { readonly signal?: AbortSignal; readonly waiting?: (pid: number) => void } = {},
): Promise<T> {
  await mkdir(dirname(path), { recursive: true })
  let told = false
  while (!(await take(path))) {
    const holder = await readHolder(path)
    if (holder && (await startTime(holder.pid)) === holder.started) {
      if (!told) options.waiting?.(holder.pid)
      told = true
      await sleep(300, undefined, { signal: options.signal })
    } else {
      await removeStale(path)
    }
  }
  try {
    return await work()
  } finally {
    await rm(path, { force: true })
  }
}

async function take(path: string): Promise<boolean> {
  const body = `${process.pid} ${await startTime(process.pid)}\n`
  try {
    const file = await open(path, 'wx')
    await file.writeFile(body)
    await file.close()
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
}

/**
 * Removes a lock whose holder is gone, one process at a time.
 *
 * Else one that looked a moment ago could remove the lock that another has meanwhile taken.
 */
async function removeStale(path: string): Promise<void> {
  const guard = `${path}.takeover`
  try {
    await mkdir(guard)
  } catch {
    // Another process is removing the lock. That takes milliseconds, so an old guard was left by a
    // process that died in between.
    const { mtimeMs } = await stat(guard).catch(() => ({ mtimeMs: Date.now() }))
    if (Date.now() - mtimeMs > 10_000) await rm(guard, { recursive: true, force: true })
    await sleep(20)
    return
  }
  try {
    const holder = await readHolder(path)
    if (holder && (await startTime(holder.pid)) === holder.started) return
    await rm(path, { force: true })
  } finally {
    await rm(guard, { recursive: true, force: true })
  }
}

async function readHolder(path: string): Promise<{ pid: number; started: string } | undefined> {
  // A holder writes its name right after creating the file; an empty one is a moment old, or its
  // writer died there.
  for (let attempt = 0; attempt < 5; attempt++) {
    const [pid, started] = (await readFile(path, 'utf8').catch(() => '')).trim().split(' ')
    if (pid && started) return { pid: Number(pid), started }
    await sleep(50)
  }
  return undefined
}

/**
 * A mark of when a process started, which no later process with the same pid has; undefined when
 * there is none.
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
