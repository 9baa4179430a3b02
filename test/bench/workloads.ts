import type { Workload } from './contender.ts'

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

/** One after another with a short piece of work in between: the machine is idle whenever something is to be done. */
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
    // Ten thousand take six minutes at 27 a second; a run that is cut off says too little about what one costs.
    mostSeconds: quick ? 30 : tasks > 1_000 ? 600 : 60,
  }
}

/**
 * A steady load of this many tasks a second: one chain after another begins at a constant pace, so that from the end of
 * the warm-up on as much arrives as is finished. A chain is over in half the warm-up on average.
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

/** Chains go on arriving for so long after the window, which begins when the first task is seen to run and not before. */
const spareMs = 2_000
