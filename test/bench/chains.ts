// The names of a workload's tasks and who waits for whom: the same for every contender.
import type { Workload } from './contender.ts'

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

/** Last dependency finished -> task running, for each task that had one and was seen to run. */
export function dispatchTimes(
  tasks: readonly ChainTask[],
  seen: { readonly running: Sightings; readonly finished: Sightings },
): readonly number[] {
  return tasks.flatMap(({ name, after }) => {
    const from = after === undefined ? undefined : seen.finished[after]
    const to = seen.running[name]
    return from === undefined || to === undefined ? [] : [to - from]
  })
}

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
