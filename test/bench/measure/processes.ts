import { readFile } from 'node:fs/promises'

/** CPU time since the start of the machine or of a process, in milliseconds. */
export interface CpuReading {
  /** Of the whole machine, all cores together, without waiting and idling. */
  readonly machineMs: number
  /** By role. A process that ended is absent. */
  readonly processes: Readonly<Record<string, number>>
}

/** What was used between two readings. */
interface CpuUse {
  /** Milliseconds of CPU by role. */
  readonly byRole: Readonly<Record<string, number>>
  /** What everybody else took, in milliseconds: how noisy the machine was. */
  readonly othersMs: number
}

/** Linux counts in hundredths of a second on every platform that Node supports. */
const tickMs = 10

/** Busy time of all cores from the first line of /proc/stat. */
export function machineBusyMs(stat: string): number {
  const [, user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = (
    stat.split('\n')[0] ?? ''
  )
    .split(/\s+/)
    .map(Number)
  return (user + nice + system + irq + softirq + steal) * tickMs
}

/** User and system time of /proc/<pid>/stat. The name may hold spaces and parentheses. */
export function processCpuMs(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  // Fields 14 and 15 of proc(5); the first two went with the name.
  return (Number(fields[11]) + Number(fields[12])) * tickMs
}

/** A field of /proc/<pid>/status that is given in kB, in bytes. Undefined when it is not there. */
export function statusBytes(status: string, field: 'VmHWM' | 'VmRSS'): number | undefined {
  const found = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)
  return found === null ? undefined : Number(found[1]) * 1024
}

/** Reads what everybody has used so far. `pids` names processes by role. */
export async function readCpu(pids: Readonly<Record<string, number>>): Promise<CpuReading> {
  const [stat, ...each] = await Promise.all([
    readFile('/proc/stat', 'utf8'),
    ...Object.entries(pids).map(async ([role, pid]) => {
      const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
      return text === undefined ? [] : [[role, processCpuMs(text)] as const]
    }),
  ])
  return { machineMs: machineBusyMs(stat), processes: Object.fromEntries(each.flat()) }
}

/** What was used between two readings. A role that is missing in one of them counts as nothing. */
export function cpuBetween(before: CpuReading, after: CpuReading): CpuUse {
  const byRole = Object.fromEntries(
    Object.entries(after.processes).flatMap(([role, ms]) => {
      const start = before.processes[role]
      return start === undefined ? [] : [[role, ms - start]]
    }),
  )
  const ours = Object.values(byRole).reduce((sum, ms) => sum + ms, 0)
  return { byRole, othersMs: Math.max(0, after.machineMs - before.machineMs - ours) }
}

/** The most memory a process ever held, in bytes; 0 when it is gone. */
export async function peakMemory(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return statusBytes(status, 'VmHWM') ?? 0
}
