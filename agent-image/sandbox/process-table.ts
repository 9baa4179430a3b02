// Finds and kills every process that a command left behind.
import { readFileSync, readdirSync } from 'node:fs'

/** One process, as /proc tells it. */
export interface ProcessEntry {
  readonly pid: number
  readonly parent: number
  readonly group: number
  readonly session: number
  readonly uid: number
  /** A zombie: it does nothing any more and cannot be killed. */
  readonly gone: boolean
  /** Whether its environment carries the marker asked for. */
  readonly marked: boolean
}

/** Reads /proc. Processes that vanish while it is read are left out; an environment we may not read is unmarked. */
export function readProcesses(marker: string): readonly ProcessEntry[] {
  const entries: ProcessEntry[] = []
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const stat = readOr(`/proc/${name}/stat`)
    const status = readOr(`/proc/${name}/status`)
    // The command name is in parentheses and may hold anything, so fields are counted from the last one.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const [state, parent, group, session] = fields
    const uid = /^Uid:\s+(\d+)/m.exec(status)?.[1]
    if (state === undefined || parent === undefined || uid === undefined) continue
    entries.push({
      pid: Number(name),
      parent: Number(parent),
      group: Number(group),
      session: Number(session),
      uid: Number(uid),
      gone: state === 'Z' || state === 'X',
      marked: readOr(`/proc/${name}/environ`).split('\0').includes(marker),
    })
  }
  return entries
}

/** How strays are told from other processes. */
export interface StrayRule {
  /** Our own process id; never a stray. */
  readonly self: number
  /** The process group the command was started in. */
  readonly group: number | undefined
  /**
   * Everything of our user id belongs to us. True only below a process 1 of ours in a process namespace of its own: on a
   * shared machine the same rule would kill strangers.
   */
  readonly ownsNamespace: boolean
  readonly uid: number
}

/** The process ids of strays: marked, of the command's group or session, or descended from us or from another stray. */
export function findStrays(processes: readonly ProcessEntry[], rule: StrayRule): readonly number[] {
  const strays = new Set<number>()
  const live = processes.filter((entry) => !entry.gone && entry.pid !== rule.self && entry.pid > 1)
  for (const entry of live) {
    const ofCommand =
      rule.group !== undefined && (entry.group === rule.group || entry.session === rule.group)
    const ofNamespace = rule.ownsNamespace && entry.uid === rule.uid
    if (entry.marked || ofCommand || ofNamespace || entry.parent === rule.self)
      strays.add(entry.pid)
  }
  for (let grown = true; grown; ) {
    grown = false
    for (const entry of live) {
      if (strays.has(entry.pid) || !strays.has(entry.parent)) continue
      strays.add(entry.pid)
      grown = true
    }
  }
  return [...strays]
}

/**
 * Kills every stray, again and again until none is found or 50 rounds are over (a fork bomb is faster than /proc).
 * Returns how many different processes were killed, and whether some are left.
 */
export async function killStrays(
  marker: string,
  rule: StrayRule,
): Promise<{ killed: number; left: number }> {
  const killed = new Set<number>()
  for (let round = 0; round < 50; round++) {
    const strays = findStrays(readProcesses(marker), rule)
    if (strays.length === 0) return { killed: killed.size, left: 0 }
    for (const pid of strays) killed.add(pid)
    if (rule.ownsNamespace) killAll()
    for (const pid of strays) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // It ended by itself between the look and the kill.
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 5 + round * 5))
  }
  return { killed: killed.size, left: findStrays(readProcesses(marker), rule).length }
}

/**
 * Kills every process that we may signal, but for process 1 and ourselves. One system call, so no fork bomb is faster.
 * Only for a namespace of our own: elsewhere that is everything the user has.
 */
export function killAll(): void {
  try {
    process.kill(-1, 'SIGKILL')
  } catch {
    // There is none.
  }
}

function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
