import { rateOf, type Measurement } from '../contender.ts'
import { type Workload } from '../workloads.ts'
import type { OnRun } from '../floor/suite.ts'
import { workingWrites } from '../report/figures.ts'
import type { Facts, Stages } from '../results.ts'
import {
  flightsOf,
  flightWorkload,
  idleWorkload,
  loadWorkload,
  manyWorkload,
  type Size,
} from '../workloads.ts'
import {
  type OperatorProgram,
  startOperatorContender,
  type OperatorContender,
} from './contender.ts'
import { gatherCrowd, idleCost, largestObject, queueToPods } from './facts.ts'

/** Agents that the promises speak of where they speak of many. */
const crowd = 1_000

/** The figures that the floor needs to be measured at the same load. */
interface OperatorFigures {
  readonly facts: Facts
  /** Writes a second of all identities while the operator ran at half of its most. */
  readonly halfLoadWrites: number | undefined
}

/** Measures the operator with simulated agents, on one control plane, the small workloads first. */
export async function operatorSuite(
  size: Size,
  onRun: OnRun,
  program: OperatorProgram,
  stages: Stages,
): Promise<OperatorFigures> {
  const operator = await startOperatorContender({ agents: size.agents, program })
  const run = async (workload: Workload): Promise<Measurement | undefined> =>
    stages.attempt(`operator ${workload.name}`, async () => {
      await operator.clear()
      const measurement = await operator.run(workload)
      onRun(measurement)
      return measurement
    })
  try {
    const queueToPodsMs = await stages.attempt('queue to Pods', async () => queueToPods(operator))
    // One task for each agent: afterwards all of them are there and warm.
    await operator.clear()
    const warm = { name: 'warm', groups: Math.ceil(size.agents / 10), length: 1 }
    await operator.run({ ...manyWorkload(size.agents, size), ...warm })
    await run(idleWorkload(size))
    for (const inFlight of flightsOf(size)) await run(flightWorkload(inFlight, size))
    await run(manyWorkload(100, size))
    const thousand = await run(manyWorkload(1_000, size))
    const most = thousand === undefined ? 0 : rateOf(thousand)
    const half = most === 0 ? undefined : await run(loadWorkload('half', most / 2, size))
    const many = size.tasks > 1_000 ? await run(manyWorkload(size.tasks, size)) : undefined
    const last = many ?? half ?? thousand
    return {
      facts: {
        ...(queueToPodsMs === undefined ? {} : { queueToPodsMs }),
        ...(await stages.attempt('largest object', async () => largestObject(operator))),
        ...(await stages.attempt('crowd', async () => crowded(operator, size, last))),
      },
      halfLoadWrites: half === undefined ? undefined : writesPerSecond(half),
    }
  } finally {
    await operator.close()
  }
}

/** With all agents and all tasks at once: the most memory, then the cost of doing nothing. */
async function crowded(
  operator: OperatorContender,
  size: Size,
  last: Measurement | undefined,
): Promise<Facts> {
  const crowdAgents = size.quick ? size.agents : crowd
  await gatherCrowd(operator, crowdAgents)
  const crowdPeakBytes = await operator.peakBytes()
  // Once all tasks are finished, nothing is left to do. Tasks of a run that was cut off would go
  // on.
  if (last === undefined || last.tasks < last.made) await operator.clear()
  return {
    crowdAgents,
    crowdTasks: last?.made ?? 0,
    crowdPeakBytes,
    ...(await idleCost(operator, size.quick ? 10 : 30)),
  }
}

/**
 * Writes a second of all identities but the person's, while the load was steady: those of a task,
 * at the window's rate.
 */
function writesPerSecond(measurement: Measurement): number {
  return (workingWrites(measurement.running) / measurement.tasks) * rateOf(measurement)
}
