// The names of a workload's tasks and who waits for whom: the same for every contender.
import type { Arrivals, Workload } from './contender.ts'

/** One task of a workload. */
export interface ChainTask {
  readonly name: string
  readonly group: string
  /** The task before it in its chain. */
  readonly after: string | undefined
}

/** Every chain of a workload, as lists of tasks in their order. `prefix` keeps the names of two runs apart. */
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

/** What was seen of a run's tasks. */
export interface Seen {
  readonly running: Sightings
  readonly finished: Sightings
}

/** A stretch of the clock that sightings are told in: `from` belongs to it, `to` does not. */
export interface Stretch {
  readonly from: number
  readonly to: number
}

/** Last dependency finished -> task running, for each task that had one, in the stretch, and was seen to run. */
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

/** Work times from a seed: exponential with this mean, so that work comes as it does from many independent people. */
export function workTimes(meanMs: number, seed: number): () => number {
  let state = seed
  return () => {
    if (meanMs === 0) return 0
    // A linear congruential generator is enough here: nobody guesses it, and every run gets the same times.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return -Math.log(1 - state / 2 ** 32) * meanMs
  }
}
