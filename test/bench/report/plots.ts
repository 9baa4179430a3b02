import type { Results, RunRecord } from '../results.ts'
import { growthOf, meanOf, rate, recordsOf, type TaskCosts } from './figures.ts'
import { lineChart, linearTicks, logTicks, type Series } from './line-chart.ts'

/** A file below `docs/bench`. */
export interface Plot {
  readonly file: string
  readonly alt: string
  readonly svg: string
}

/** Every plot that these results have figures for. */
export function plotsOf(results: Results): readonly Plot[] {
  return [dispatchPlot(results), throughputPlot(results), growthPlot(results)].flatMap(
    (plot) => plot ?? [],
  )
}

/** Which share of the dispatches took no longer than so many milliseconds. */
function dispatchPlot(results: Results): Plot | undefined {
  const series = [
    ['floor, idle', 'floor', 'idle'],
    ['operator, idle', 'operator', 'idle'],
    ['floor, half load', 'floor', 'half'],
    ['operator, half load', 'operator', 'half'],
  ].flatMap(([name = '', contender = '', workload = '']): Series[] => {
    const curve = recordsOf(results, contender, workload).at(-1)?.dispatch?.curve
    return curve === undefined
      ? []
      : [{ name, points: curve.map((ms, index) => [ms, index + 1] as const) }]
  })
  if (series.length === 0) return undefined
  const title = 'Dependency finished to next task running'
  const svg = lineChart({
    title,
    x: {
      title: 'milliseconds, logarithmic',
      log: true,
      ticks: logTicks(series.flatMap(({ points }) => points.map(([ms]) => ms))),
    },
    y: { title: '% of dispatches', log: false, ticks: [0, 25, 50, 75, 100] },
    series,
  })
  return { file: 'dispatch.svg', alt: title, svg }
}

function throughputPlot(results: Results): Plot | undefined {
  const series = ['floor', 'operator'].flatMap((name): Series[] => {
    const points = new Map<number, number>()
    for (const record of results.records) {
      const inFlight = tasksInFlight(record, results.agents)
      if (record.contender === name && inFlight !== undefined)
        points.set(inFlight, meanOf(recordsOf(results, name, record.workload.name), rate))
    }
    return points.size === 0
      ? []
      : [{ name, points: [...points].toSorted(([one], [other]) => one - other) }]
  })
  if (series.length === 0) return undefined
  const title = 'Throughput by tasks in flight'
  const all = series.flatMap(({ points }) => points)
  const svg = lineChart({
    title,
    x: { title: 'tasks in flight, logarithmic', log: true, ticks: logTicks(all.map(([x]) => x)) },
    y: { title: 'tasks/s', log: false, ticks: linearTicks(all.map(([, y]) => y)) },
    series,
  })
  return { file: 'throughput.svg', alt: title, svg }
}

function tasksInFlight({ workload }: RunRecord, agents: number): number | undefined {
  const [, count] = /^flight-(\d+)$/.exec(workload.name) ?? []
  if (count !== undefined) return Number(count)
  return workload.name === 'tasks-1000'
    ? Math.min(agents, workload.groups * workload.chains)
    : undefined
}

function growthPlot(results: Results): Plot | undefined {
  const growth = growthOf(results)
  const [first, last] = [growth[0], growth.at(-1)]
  if (first === undefined || last === undefined || first === last) return undefined
  const against = (read: (costs: TaskCosts) => number): Series['points'] =>
    growth.map((costs) => [costs.tasks, read(costs) / read(first)] as const)
  const series: readonly Series[] = [
    { name: 'operator CPU', points: against((costs) => costs.wholeCpuMs) },
    { name: 'API writes', points: against((costs) => costs.writes) },
    { name: 'bytes stored', points: against((costs) => costs.storedBytes) },
    {
      name: 'goal',
      dashed: true,
      points: [
        [first.tasks, 1.25],
        [last.tasks, 1.25],
      ],
    },
  ]
  const title = `Cost of one task, as a multiple of its cost among ${first.tasks}`
  const svg = lineChart({
    title,
    x: {
      title: 'tasks at once, logarithmic',
      log: true,
      ticks: logTicks(growth.map(({ tasks }) => tasks)),
    },
    y: {
      title: 'times',
      log: false,
      ticks: linearTicks(series.flatMap(({ points }) => points.map(([, times]) => times))),
    },
    series,
  })
  return { file: 'growth.svg', alt: title, svg }
}
