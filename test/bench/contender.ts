// The seam of the bench: what is measured, and what comes out. The floor and the operator stand behind it; another
// engine joins by one more implementation of `Contender`.
import type { RequestCounts } from './measure/requests.ts'

/**
 * Work to be done: chains of tasks, each task behind the one before it, the chains side by side.
 * A group is one request: at most 10 chains and 50 tasks, the limits of a DevRequest.
 */
export interface Workload {
  readonly name: string
  readonly groups: number
  /** Chains in each group. */
  readonly chains: number
  /** Tasks in each chain. */
  readonly length: number
  /** Mean of the exponential time a worker spends on a task; 0: it reports at once. */
  readonly meanTaskMs: number
  /** One group after the other instead of all at once. */
  readonly oneByOne: boolean
  /** Groups begin at a pace instead of all at once. */
  readonly arrivals?: Arrivals | undefined
  /** Ends the run after this time; what is not done then does not count. */
  readonly mostSeconds: number
}

/** A steady load: what counts is a window in which as much work arrives as is finished. All in milliseconds. */
export interface Arrivals {
  /** A group begins each so often, whether or not those before it are finished. */
  readonly everyMs: number
  /** Not counted, from the first task that ran: so long it takes until as many groups are under way as will be. */
  readonly warmUpMs: number
  /** What counts. It ends while groups still arrive; so their tail is not in it. */
  readonly windowMs: number
}

/** What a stretch of a run cost everybody, as seen from outside: by the server's own count, and by /proc. */
export interface Costs {
  /** CPU by role, in milliseconds; `contender`, `apiserver`, `etcd`, and whoever else took part. */
  readonly cpuMs: Readonly<Record<string, number>>
  /** CPU that everybody else on the machine took meanwhile, in milliseconds. */
  readonly othersMs: number
  readonly seconds: number
  /** What the API server was asked, by everybody. */
  readonly requests: RequestCounts
  /** Writes and reads of each identity of ours, where the server counts them apart. */
  readonly identities: Readonly<Record<string, { readonly writes: number; readonly reads: number }>>
  /** Bytes that were put into etcd. */
  readonly storedBytes: number
}

/** What came of one run. */
export interface Measurement {
  readonly contender: string
  readonly workload: Workload
  /** Tasks that were made. */
  readonly made: number
  /** Tasks that were seen to finish. */
  readonly tasks: number
  /** From the first task running to the last one finished. */
  readonly seconds: number
  /** What was finished in the window that counts, where work arrived at a pace. */
  readonly window?: { readonly tasks: number; readonly seconds: number } | undefined
  /**
   * Last dependency finished -> task running, as a third process saw it on its watch, in milliseconds. With a window
   * only where the dependency finished in it.
   */
  readonly dispatchMs: readonly number[]
  /** While the tasks were made and nothing ran yet, where a contender does work then. */
  readonly making: Costs | undefined
  /** While they ran. */
  readonly running: Costs
  /** The most memory the contender's process held so far. */
  readonly peakBytes: number
}

/** Somebody who can carry out a workload on a running API server. */
export interface Contender {
  readonly name: string
  run(workload: Workload): Promise<Measurement>
  /** Ends what it started. */
  close(): Promise<void>
}

/** How many tasks a workload has. */
export function tasksIn({ groups, chains, length }: Workload): number {
  return groups * chains * length
}

/** Finished tasks a second: in the window that counts, else from the first task running to the last one finished. */
export function rateOf({
  window,
  ...whole
}: Pick<Measurement, 'tasks' | 'seconds' | 'window'>): number {
  const { tasks, seconds } = window ?? whole
  return seconds > 0 ? tasks / seconds : 0
}

/** What one task cost: its share of what was used while tasks were made and while they ran. */
export function perTask(measurement: Measurement, cost: (costs: Costs) => number): number {
  const { making, running, made, tasks } = measurement
  const before = making === undefined ? 0 : cost(making) / made
  return before + (tasks === 0 ? Number.NaN : cost(running) / tasks)
}
