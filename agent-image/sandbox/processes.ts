// The processes of a command: the ones that it left behind, how they are killed, and how much they
// may use. An endless list or a fork bomb is a mistake that models make, and has to end as a failing
// test. At the container's own limit the kernel would kill the container, and the Pod would be lost.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'

/** One process, as /proc tells it. */
export interface ProcessEntry {
  readonly pid: number
  readonly parent: number
  readonly group: number
  readonly session: number
  readonly uid: number
  /** Whether it is a zombie, which does nothing any more and cannot be killed. */
  readonly gone: boolean
  /** Whether its environment carries the marker asked for. */
  readonly marked: boolean
}

/**
 * Reads /proc. Processes that vanish while it is read are left out; an environment we may not read
 * is unmarked.
 */
function readProcesses(marker: string): readonly ProcessEntry[] {
  const entries: ProcessEntry[] = []
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const stat = textOfFile(`/proc/${name}/stat`)
    const status = textOfFile(`/proc/${name}/status`)
    // The command name is in parentheses and may hold anything, so fields are counted from the last
    // one.
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
      marked: textOfFile(`/proc/${name}/environ`).split('\0').includes(marker),
    })
  }
  return entries
}

/** How strays are told from other processes. */
export interface StrayRule {
  /** The server's own process id; never a stray. */
  readonly self: number
  /** The process group the command was started in. */
  readonly group: number | undefined
  /**
   * Whether everything of our user id belongs to us. That holds only below a process 1 of ours in a
   * process namespace of its own: on a shared machine the rule would kill strangers.
   */
  readonly ownsNamespace: boolean
  readonly uid: number
}

/**
 * The process ids of strays: marked, of the command's group or session, or descended from us or
 * from another stray.
 */
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
 * Kills every stray, again and again until none is found or 50 rounds are over (a fork bomb is
 * faster than /proc). Returns how many different processes were killed, and whether some are left.
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
 * Kills every process that we may signal, except process 1 and ourselves. One system call, so no
 * fork bomb is faster. Only for a namespace of our own: elsewhere that is everything the user has.
 */
export function killAll(): void {
  try {
    process.kill(-1, 'SIGKILL')
  } catch {
    // There is none.
  }
}

/**
 * The text of a file of the kernel; empty when it cannot be read, as that of a process that ended.
 */
export function textOfFile(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** What one command and all its processes may use. */
export interface Limits {
  /** Bytes of private memory, all processes together. */
  readonly memoryBytes: number
  readonly processes: number
  /**
   * Whether no processes but the sandbox's have our user id, at least as far as this container can
   * see.
   */
  readonly ownUser: boolean
}

const mebi = 1024 * 1024
/**
 * For the server (80 MiB when idle, more while it passes a report on), process 1 (10 MiB), /dev/shm
 * (64 MiB), and what a command can take between two looks (about 75 MiB).
 */
const reserveBytes = 256 * mebi
/**
 * The limit that the chart gives the container. It stands for the limit of a machine that has none.
 */
const usualBytes = 1024 * mebi

/** Limits for commands in this container: its memory less what the server needs. */
export function limitsHere(ownUser: boolean): Limits {
  const container = containerMemory((path) => textOfFile(path))
  return { memoryBytes: commandMemory(container), processes: 1000, ownUser }
}

/**
 * Bytes of memory that the container may use by cgroup v2 or v1; undefined when there is no limit.
 */
export function containerMemory(read: (path: string) => string): number | undefined {
  const texts = ['/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes'].map(
    read,
  )
  const limits = texts.filter((text) => /^\d+\s*$/.test(text)).map(Number)
  // Version 1 says "no limit" with the largest number of pages.
  return limits.find((limit) => limit < 2 ** 50)
}

/**
 * The part of a container's memory that commands may use; a small container leaves half of its own
 * to them.
 */
export function commandMemory(containerBytes: number = usualBytes): number {
  return Math.max(containerBytes - reserveBytes, Math.floor(containerBytes / 2))
}

const prlimit = ['/usr/bin/prlimit', '/bin/prlimit'].find((path) => existsSync(path))

/**
 * `argv` with the limits that the kernel holds for each process, where the machine has `prlimit`.
 * A file may hold at most 512 MiB, half of the volume for /tmp, because a file that grows for ever
 * must not get the Pod evicted.
 *
 * The kernel holds Python's memory, so an endless list is a MemoryError in one test. It cannot hold
 * Node's: V8 maps 512 MiB of writable memory for the code of each thread before it uses any
 * (measured on Node 24), so a limit low enough to matter would refuse every worker. Node ends
 * itself when the heap is full; `excessOf` finds all other memory.
 */
export function withLimits(argv: readonly string[], limits: Limits): readonly string[] {
  if (prlimit === undefined) return argv
  const words = ['--core=0', `--fsize=${512 * mebi}`, '--nofile=4096']
  // Below the limit of the watch, which would end the process with all its tests.
  if (/^python[\d.]*$/.test(basename(argv[0] ?? '')))
    words.push(`--data=${Math.floor((limits.memoryBytes * 7) / 8)}`)
  if (limits.ownUser)
    // The kernel counts the threads of a user on the whole node, so of all agents there. This
    // number is only the last barrier, far above what their honest commands need together. Queued
    // signals: see sandbox-init.py.
    words.push('--nproc=8192', '--sigpending=1024')
  return [prlimit, ...words, '--', ...argv]
}

/** A process with its private memory. */
interface Usage {
  readonly pid: number
  readonly bytes: number
}

/** The part of a command's processes that has to end. */
type Excess =
  | { readonly kind: 'none' }
  /** One process has to go; the others may tell what became of it. */
  | { readonly kind: 'memory'; readonly pid: number; readonly problem: string }
  /** All have to go. */
  | { readonly kind: 'processes'; readonly problem: string }

/**
 * Compares what processes use with the limits. Of too much memory the largest process is blamed.
 */
export function excessOf(usages: readonly Usage[], limits: Limits): Excess {
  if (usages.length > limits.processes)
    return {
      kind: 'processes',
      problem: `The command was ended: it had started more than ${limits.processes} processes.`,
    }
  const total = usages.reduce((sum, usage) => sum + usage.bytes, 0)
  const [first] = usages
  if (total <= limits.memoryBytes || first === undefined) return { kind: 'none' }
  const largest = usages.reduce((most, usage) => (usage.bytes > most.bytes ? usage : most), first)
  const limit = Math.floor(limits.memoryBytes / mebi)
  return {
    kind: 'memory',
    pid: largest.pid,
    problem: `A process of the command was ended: the command used more than ${limit} MiB of memory.`,
  }
}

/**
 * Private memory of the processes of the command that runs in the group `leader`, as far as they
 * can be found quickly.
 */
export function usagesOf(leader: number, limits: Limits): readonly Usage[] {
  const pids = limits.ownUser ? everybodyBut([1, process.pid]) : [...descendantsOf(leader)]
  return pids.map((pid) => ({ pid, bytes: privateBytes(pid) }))
}

function everybodyBut(pids: readonly number[]): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => !pids.includes(pid))
}

function* descendantsOf(pid: number): Generator<number> {
  yield pid
  const children = textOfFile(`/proc/${pid}/task/${pid}/children`)
  for (const child of children.split(' ')) if (child !== '') yield* descendantsOf(Number(child))
}

/**
 * Pages of 4 KiB; where the kernel has larger ones, the command may use more, which its container
 * still holds.
 */
function privateBytes(pid: number): number {
  const [, resident = '0', shared = '0'] = textOfFile(`/proc/${pid}/statm`).split(' ')
  return Math.max(0, Number(resident) - Number(shared)) * 4096
}
