import { rateOf, type Measurement, type Workload } from '../contender.ts'
import type { OnRun } from '../floor/suite.ts'
import type { Facts } from '../results.ts'
import {
  flightsOf,
  flightWorkload,
  idleWorkload,
  loadWorkload,
  manyWorkload,
  type Size,
} from '../workloads.ts'
import type { OperatorProgram } from './build.ts'
import { startOperatorContender } from './contender.ts'
import { gatherCrowd, idleCost, largestObject } from './crowd.ts'
import { queueToPods } from './queue.ts'

/** Agents that the promises speak of where they speak of many. */
const crowd = 1_000

/** What the floor needs to know to be measured at the same load. */
export interface OperatorFigures {
  readonly facts: Facts
  /** Writes a second of all identities while the operator ran at half of its most. */
  readonly halfLoadWrites: number
}

/** Measures the operator with simulated agents, on one control plane, the small workloads first. */
export async function operatorSuite(
  size: Size,
  onRun: OnRun,
  program: OperatorProgram,
): Promise<OperatorFigures> {
  const operator = await startOperatorContender({ agents: size.agents, program })
  try {
    const run = async (workload: Workload): Promise<Measurement> => {
      const measurement = await operator.run(workload)
      onRun(measurement)
      return measurement
    }
    const clean = async (workload: Workload): Promise<Measurement> => {
      await operator.clear()
      return run(workload)
    }
    const queueToPodsMs = await queueToPods(operator)
    // One task for each agent: afterwards all of them are there and warm.
    await operator.clear()
    await operator.run({
      ...manyWorkload(size.agents, size),
      name: 'warm',
      groups: Math.ceil(size.agents / 10),
      length: 1,
    })
    await clean(idleWorkload(size))
    for (const inFlight of flightsOf(size)) await clean(flightWorkload(inFlight, size))
    await clean(manyWorkload(100, size))
    const most = rateOf(await clean(manyWorkload(1_000, size)))
    if (most === 0)
      throw new Error(`the operator finished no task: ${operator.lab.troubles().join('; ')}`)
    const half = await clean(loadWorkload('half', most / 2, size))
    const last = size.tasks > 1_000 ? await clean(manyWorkload(size.tasks, size)) : half
    const largest = await largestObject(operator)
    const agents = size.quick ? size.agents : crowd
    await gatherCrowd(operator, agents)
    const crowdPeakBytes = await operator.peakBytes()
    // Nothing is left to do once all are finished; what was cut off would go on.
    if (last.tasks < last.made) await operator.clear()
    const idle = await idleCost(operator, size.quick ? 10 : 30)
    return {
      facts: {
        queueToPodsMs,
        ...largest,
        crowdPeakBytes,
        crowdAgents: agents,
        crowdTasks: last.made,
        ...idle,
      },
      halfLoadWrites: writesPerSecond(half),
    }
  } finally {
    await operator.close()
  }
}

/** Of everybody but the person who made the requests. */
function writesPerSecond({ running }: Measurement): number {
  const { author: _author, ...working } = running.identities
  const writes = Object.values(working).reduce((sum, { writes }) => sum + writes, 0)
  return writes / running.seconds
}
