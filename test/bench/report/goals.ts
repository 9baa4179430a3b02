// The goals that this bench can judge, each with its reading of a run.
import { ratio } from '../measure/statistics.ts'
import type { Results } from '../results.ts'
import {
  floorRate,
  growthOf,
  growthRatio,
  meanOf,
  rate,
  recordsOf,
  taskCosts,
  type TaskCosts,
  bytes,
  figure,
} from './figures.ts'

/** A goal and how it is read out of a run. */
interface Goal {
  /** Also the key of its reason in `docs/bench/reasons.json`. */
  readonly id: string
  readonly what: string
  readonly goal: string
  /** The nearest figure elsewhere. */
  readonly elsewhere: string
  /** Undefined when the run did not measure it. */
  readonly judge: (results: Results) => Verdict | undefined
}

interface Verdict {
  readonly measured: string
  readonly met: boolean
}

const growthLimit = 1.25

export const goals: readonly Goal[] = [
  {
    id: 'dispatch-idle',
    what: 'dependency finished -> next task running on a warm agent, idle, p50',
    goal: '<= 20 ms',
    elsewhere: 'Argo 9 to 10 s, 0.94 s tuned',
    judge: (results) => {
      const p50 = dispatch(results, 'operator', 'idle', 'p50')
      const floor = dispatch(results, 'floor', 'idle', 'p50')
      return verdict(p50, p50 <= 20, `${figure(p50, 'ms')} (floor ${figure(floor, 'ms')})`)
    },
  },
  {
    id: 'dispatch-half',
    what: "the same at half load, p99, against the floor's p99 at the same write rate",
    goal: '<= 1.5x',
    elsewhere: '',
    judge: (results) => {
      const p99 = dispatch(results, 'operator', 'half', 'p99')
      const times = ratio(p99, dispatchOfLast(results))
      return verdict(
        times,
        times <= 1.5,
        `${figure(times)}x (${figure(p99, 'ms')} to ${figure(dispatchOfLast(results), 'ms')})`,
      )
    },
  },
  {
    id: 'writes',
    what: 'API writes per task after creation, all identities, warm',
    goal: '<= 3',
    elsewhere: 'Argo 6 to 10 simulated, 30 to 62 on real clusters',
    judge: (results) => {
      const { writes } = costsAt(results, 'tasks-1000') ?? {}
      const { writes: alone } = costsAt(results, 'idle') ?? {}
      return verdict(
        writes,
        (writes ?? Infinity) <= 3,
        `${figure(writes)} (one at a time ${figure(alone)})`,
      )
    },
  },
  {
    id: 'reads',
    what: 'LIST and GET per task in steady state',
    goal: '0',
    elsewhere: '',
    judge: (results) => {
      const { reads } = costsAt(results, 'tasks-1000') ?? {}
      return verdict(reads, (reads ?? 1) < 0.005, figure(reads))
    },
  },
  {
    id: 'growth',
    what: 'growth of CPU, writes, bytes per task from 100 to the most tasks',
    goal: `<= ${growthLimit}x`,
    elsewhere: 'Argo rewrites the whole status',
    judge: (results) => {
      const growth = growthOf(results)
      const parts: readonly (readonly [string, (costs: TaskCosts) => number])[] = [
        ['CPU', (costs) => costs.wholeCpuMs],
        ['writes', (costs) => costs.writes],
        ['bytes', (costs) => costs.storedBytes],
      ]
      const ratios = parts.map(([name, read]) => [name, growthRatio(growth, read)] as const)
      const worst = Math.max(...ratios.map(([, times]) => times))
      const words = ratios.map(([name, times]) => `${name} ${figure(times)}x`).join(', ')
      const { tasks = 0, finished = 0 } = growth.at(-1) ?? {}
      const cut = finished < tasks ? `, cut off when ${finished} were finished` : ''
      return verdict(worst, worst <= growthLimit, `${words} at ${tasks}${cut}`)
    },
  },
  {
    id: 'throughput',
    what: 'throughput with many agents, against the floor of the same run',
    goal: '>= 60 %',
    elsewhere: 'Argo 8 tasks/s, 15.6 tuned',
    judge: (results) => {
      const own = meanOf(recordsOf(results, 'operator', 'tasks-1000'), rate)
      const share = ratio(own, floorRate(results)) * 100
      const words = `${figure(share, '%')} (${figure(own)} of ${figure(floorRate(results))} tasks/s)`
      return verdict(share, share >= 60, words)
    },
  },
  {
    id: 'cpu',
    what: 'CPU of the operator per task',
    goal: '<= 3 ms',
    elsewhere: 'Argo 26 ms',
    judge: (results) => {
      const { cpuMs } = costsAt(results, 'tasks-1000') ?? {}
      return verdict(cpuMs, (cpuMs ?? Infinity) <= 3, figure(cpuMs, 'ms'))
    },
  },
  {
    id: 'largest',
    what: 'largest object',
    goal: '<= 256 KiB',
    elsewhere: '',
    judge: ({ facts: { largestBytes, largestName = '' } }) =>
      verdict(
        largestBytes,
        (largestBytes ?? Infinity) <= 256 * 1024,
        `${bytes(largestBytes)} (${largestName})`,
      ),
  },
  {
    id: 'memory',
    what: 'operator memory with all tasks and agents, peak',
    goal: '<= 160 MB',
    elsewhere: 'the stock client alone 117 MB',
    judge: ({ facts: { crowdPeakBytes, crowdAgents = 0, crowdTasks = 0 } }) =>
      verdict(
        crowdPeakBytes,
        (crowdPeakBytes ?? Infinity) <= 160e6,
        `${figure((crowdPeakBytes ?? Number.NaN) / 1e6, 'MB')} (${crowdTasks} tasks, ${crowdAgents} agents)`,
      ),
  },
  {
    id: 'idle',
    what: 'idle cost',
    goal: '<= 0.2 % of a core, <= 1 request/s with 1,000 agents',
    elsewhere: '',
    judge: ({ facts: { idleCore, idleRequestsPerSecond = Infinity, crowdAgents = 0 } }) =>
      verdict(
        idleCore,
        (idleCore ?? 1) <= 0.002 && idleRequestsPerSecond <= 1,
        `${figure((idleCore ?? Number.NaN) * 100, '%')}, ${figure(idleRequestsPerSecond)} requests/s with ${crowdAgents} agents`,
      ),
  },
  {
    id: 'queue',
    what: 'queue of 50 -> Pods created',
    goal: '<= 250 ms',
    elsewhere: 'HPA 15 s, KEDA 30 s',
    judge: ({ facts: { queueToPodsMs } }) =>
      verdict(queueToPodsMs, (queueToPodsMs ?? Infinity) <= 250, figure(queueToPodsMs, 'ms')),
  },
  recovery(
    'restart',
    'operator killed -> reconciling again, restarted at once',
    3,
    'restartSeconds',
  ),
  recovery('failover', 'operator killed -> another replica reconciles', 17, 'failoverSeconds'),
  recovery('graceful', 'operator stopped -> another replica reconciles', 1, 'gracefulSeconds'),
]

function recovery(
  id: string,
  what: string,
  limit: number,
  fact: 'restartSeconds' | 'failoverSeconds' | 'gracefulSeconds',
): Goal {
  return {
    id,
    what,
    goal: `<= ${limit} s`,
    elsewhere: '',
    judge: ({ facts }) =>
      verdict(facts[fact], (facts[fact] ?? Infinity) <= limit, figure(facts[fact], 's')),
  }
}

function verdict(value: number | undefined, met: boolean, measured: string): Verdict | undefined {
  return value === undefined || Number.isNaN(value) ? undefined : { measured, met }
}

function dispatch(
  results: Results,
  contender: string,
  workload: string,
  rank: 'p50' | 'p99',
): number {
  return meanOf(recordsOf(results, contender, workload), ({ dispatch }) => dispatch?.[rank])
}

/** Only the floor measured after the operator ran at the operator's write rate. */
function dispatchOfLast(results: Results): number {
  return recordsOf(results, 'floor', 'half').at(-1)?.dispatch?.p99 ?? Number.NaN
}

function costsAt(results: Results, workload: string): TaskCosts | undefined {
  const record = recordsOf(results, 'operator', workload)[0]
  return record === undefined ? undefined : taskCosts(record)
}
