// The workloads of the bench, and the names and order of their tasks. They are the same for every
// contender.

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
  /** Ends the run after this time; tasks that are not finished then do not count. */
  readonly mostSeconds: number
}

/**
 * A steady load. Only a window counts, in which as much work arrives as is finished. All in
 * milliseconds.
 */
interface Arrivals {
  /** A group begins each so often, whether or not those before it are finished. */
  readonly everyMs: number
  /**
   * Not counted, from the first task that ran: so long it takes until as many groups are under way
   * as will be.
   */
  readonly warmUpMs: number
  /** The window that counts. It ends while groups still arrive, so their tail is not in it. */
  readonly windowMs: number
}

/** How many tasks a workload has. */
export function tasksIn({ groups, chains, length }: Workload): number {
  return groups * chains * length
}

/** How large the bench's workloads are. */
export interface Size {
  readonly quick: boolean
  /** Tasks of the largest workload. */
  readonly tasks: number
  readonly agents: number
}

/** Tasks in flight that throughput is measured with. */
export function flightsOf({ quick }: Size): readonly number[] {
  return quick ? [1, 16] : [1, 8, 16, 32]
}

/**
 * One after another with a short piece of work in between: the machine is idle whenever something
 * is to be done.
 */
export function idleWorkload({ quick }: Size): Workload {
  return {
    name: 'idle',
    groups: quick ? 2 : 6,
    chains: 1,
    length: 50,
    meanTaskMs: 20,
    oneByOne: true,
    mostSeconds: quick ? 15 : 45,
  }
}

/** A fixed number of tasks in flight, each chain in a request of its own, no work in between. */
export function flightWorkload(inFlight: number, { quick }: Size): Workload {
  const tasks = quick ? 240 : 480
  const length = Math.min(50, Math.max(3, Math.ceil(tasks / inFlight)))
  return {
    name: `flight-${inFlight}`,
    groups: inFlight === 1 ? Math.ceil(tasks / 3 / length) : inFlight,
    chains: 1,
    length,
    meanTaskMs: 0,
    oneByOne: inFlight === 1,
    mostSeconds: quick ? 12 : 25,
  }
}

/** So many tasks at once that it can be seen whether one more costs more. */
export function manyWorkload(tasks: number, { quick }: Size): Workload {
  return {
    name: `tasks-${tasks}`,
    groups: Math.ceil(tasks / 50),
    chains: 10,
    length: 5,
    meanTaskMs: 0,
    oneByOne: false,
    // Ten thousand take six minutes at 27 a second; a run that is cut off says too little about
    // what one costs.
    mostSeconds: quick ? 30 : tasks > 1_000 ? 600 : 60,
  }
}

/**
 * A steady load of this many tasks a second: one chain after another begins at a constant pace, so
 * that from the end of the warm-up on as much arrives as is finished. A chain is over in half the
 * warm-up on average.
 */
export function loadWorkload(name: string, rate: number, { quick }: Size): Workload {
  const length = quick ? 5 : 10
  const meanTaskMs = quick ? 300 : 500
  const warmUpMs = 2 * length * meanTaskMs
  const windowMs = quick ? 10_000 : 40_000
  const everyMs = (length / rate) * 1000
  const arrivingMs = warmUpMs + windowMs + spareMs
  return {
    name,
    groups: Math.ceil(arrivingMs / everyMs),
    chains: 1,
    length,
    meanTaskMs,
    oneByOne: false,
    arrivals: { everyMs, warmUpMs, windowMs },
    mostSeconds: (arrivingMs + warmUpMs) / 1000 + 20,
  }
}

/**
 * Chains go on arriving for so long after the window, which begins when the first task is seen to
 * run and not before.
 */
const spareMs = 2_000

/** One task of a workload. */
export interface ChainTask {
  readonly name: string
  readonly group: string
  /** The task before it in its chain. */
  readonly after: string | undefined
}

/**
 * Every chain of a workload, as lists of tasks in their order. `prefix` keeps the names of two runs
 * apart.
 */
export function chainsOf(prefix: string, workload: Workload): readonly (readonly ChainTask[])[] {
  const { groups, chains, length } = workload
  return Array.from({ length: groups * chains }, (_, chain) => {
    const group = `${prefix}${Math.floor(chain / chains)}`
    const name = (place: number): string => `${group}-${chain % chains}-${place}`
    return Array.from({ length }, (_, place) => ({
      name: name(place),
      group,
      after: place === 0 ? undefined : name(place - 1),
    }))
  })
}

/** When each task was first seen in a state, in milliseconds of one clock. */
export type Sightings = Readonly<Record<string, number>>

/** The sightings of a run's tasks. */
export interface Seen {
  readonly running: Sightings
  readonly finished: Sightings
}

/** A stretch of the clock of the sightings: `from` belongs to it, `to` does not. */
interface Stretch {
  readonly from: number
  readonly to: number
}

/**
 * Last dependency finished -> task running, for each task that had one, in the stretch, and was
 * seen to run.
 */
export function dispatchTimes(
  tasks: readonly ChainTask[],
  seen: Seen,
  stretch: Stretch = always,
): readonly number[] {
  return tasks.flatMap(({ name, after }) => {
    const from = after === undefined ? undefined : seen.finished[after]
    const to = seen.running[name]
    return from === undefined || to === undefined || !isIn(stretch, from) ? [] : [to - from]
  })
}

/** The window of a steady load that counts; undefined when nothing ran. */
export function windowOf(seen: Seen, arrivals: Arrivals): Stretch | undefined {
  const begun = Math.min(...Object.values(seen.running))
  if (!Number.isFinite(begun)) return undefined
  const from = begun + arrivals.warmUpMs
  return { from, to: from + arrivals.windowMs }
}

/** How many tasks finished in a stretch, and how long it is. */
export function finishedIn(
  { finished }: Seen,
  stretch: Stretch,
): { readonly tasks: number; readonly seconds: number } {
  const ends = Object.values(finished).filter((at) => isIn(stretch, at))
  return { tasks: ends.length, seconds: (stretch.to - stretch.from) / 1000 }
}

const always: Stretch = { from: -Infinity, to: Infinity }
const isIn = ({ from, to }: Stretch, at: number): boolean => from <= at && at < to

/**
 * Work times from a seed: exponential with this mean, so that work comes as it does from many
 * independent people.
 */
export function workTimes(meanMs: number, seed: number): () => number {
  let state = seed
  return () => {
    if (meanMs === 0) return 0
    // A linear congruential generator is enough here: nobody guesses it, and every run gets the
    // same times.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return -Math.log(1 - state / 2 ** 32) * meanMs
  }
}
