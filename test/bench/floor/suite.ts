import { rateOf, type Measurement, type Workload } from '../contender.ts'
import { flightsOf, flightWorkload, idleWorkload, loadWorkload, type Size } from '../workloads.ts'
import { startFloor } from './contender.ts'

/** Told of every run when it ends. */
export type OnRun = (measurement: Measurement) => void

/**
 * Measures the floor once on a fresh API server: throughput by tasks in flight, dispatch on an idle machine, and under
 * a load: of `writesPerSecond`, else at half of what it just reached.
 */
export async function floorSuite(
  size: Size,
  onRun: OnRun,
  writesPerSecond?: number,
): Promise<{ readonly inMemory: boolean }> {
  const floor = await startFloor()
  try {
    const run = async (workload: Workload): Promise<Measurement> => {
      const measurement = await floor.run(workload)
      onRun(measurement)
      return measurement
    }
    await run(idleWorkload(size))
    let most = 0
    for (const inFlight of flightsOf(size)) {
      most = Math.max(most, rateOf(await run(flightWorkload(inFlight, size))))
    }
    await run(
      loadWorkload('half', writesPerSecond === undefined ? most / 2 : writesPerSecond / 2, size),
    )
    return { inMemory: floor.inMemory }
  } finally {
    await floor.close()
  }
}
