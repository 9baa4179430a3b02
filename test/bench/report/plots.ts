import type { Results, RunRecord } from '../results.ts'
import { growthOf, meanOf, rate, recordsOf, type TaskCosts } from './figures.ts'

/** A file below `docs/bench`. */
interface Plot {
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

/** One line of a chart. */
interface Series {
  readonly name: string
  readonly points: readonly (readonly [x: number, y: number])[]
  /** For a limit rather than a measurement. */
  readonly dashed?: boolean
}

/** One axis: its title, its ticks, and whether equal distances are equal ratios. */
interface Axis {
  readonly title: string
  readonly log: boolean
  /** At least two, rising; the first and the last are the ends of the axis. */
  readonly ticks: readonly number[]
}

const width = 720
const height = 380
const frame = { left: 62, right: 18, top: 64, bottom: 48 }

/**
 * A line chart as an SVG document of its own. Readable on light and on dark pages: colours follow
 * the reader's scheme. Points outside of the axes are drawn on the edge. Text is escaped.
 */
export function lineChart(chart: {
  readonly title: string
  readonly x: Axis
  readonly y: Axis
  readonly series: readonly Series[]
}): string {
  const { x, y } = chart
  const right = width - frame.right
  const bottom = height - frame.bottom
  const toX = placer(x, frame.left, right)
  const toY = placer(y, bottom, frame.top)
  const grid = [
    ...x.ticks.map(
      (tick) =>
        `<path class="grid" d="M${toX(tick)} ${frame.top}V${bottom}"/>` +
        `<text class="tick" x="${toX(tick)}" y="${bottom + 18}" text-anchor="middle">${tickText(tick)}</text>`,
    ),
    ...y.ticks.map(
      (tick) =>
        `<path class="grid" d="M${frame.left} ${toY(tick)}H${right}"/>` +
        `<text class="tick" x="${frame.left - 8}" y="${toY(tick) + 4}" text-anchor="end">${tickText(tick)}</text>`,
    ),
  ]
  const lines = chart.series.flatMap(({ points, dashed = false }, index) => {
    if (points.length === 0) return []
    const path = points.map(([px, py]) => `${toX(px)} ${toY(py)}`).join('L')
    const dots = points.length > 12 || dashed ? [] : points
    return [
      `<path class="line c${index}${dashed ? ' dashed' : ''}" d="M${path}"/>`,
      ...dots.map(
        ([px, py]) => `<circle class="dot f${index}" cx="${toX(px)}" cy="${toY(py)}" r="3"/>`,
      ),
    ]
  })
  let offset = frame.left
  const legend = chart.series.map(({ name, dashed = false }, index) => {
    const at = offset
    offset += 34 + name.length * 7
    return (
      `<path class="line c${index}${dashed ? ' dashed' : ''}" d="M${at} 42h20"/>` +
      `<text class="tick" x="${at + 26}" y="46">${escape(name)}</text>`
    )
  })
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escape(chart.title)}">`,
    `<style>${style}</style>`,
    `<text class="title" x="${frame.left}" y="22">${escape(chart.title)}</text>`,
    ...legend,
    ...grid,
    ...lines,
    `<text class="tick" x="${(frame.left + right) / 2}" y="${height - 10}" text-anchor="middle">${escape(x.title)}</text>`,
    `<text class="tick" transform="translate(14 ${(frame.top + bottom) / 2}) rotate(-90)" text-anchor="middle">${escape(y.title)}</text>`,
    '</svg>',
  ].join('\n')}\n`
}

/** Powers of ten and their 2 and 5 that enclose the values; for a logarithmic axis. */
export function logTicks(values: readonly number[]): readonly number[] {
  const good = values.filter((value) => value > 0 && Number.isFinite(value))
  if (good.length === 0) return [1, 10]
  const [least, most] = [Math.min(...good), Math.max(...good)]
  const ticks: number[] = []
  for (let power = Math.floor(Math.log10(least)); ticks.length < 40; power += 1)
    for (const step of [1, 2, 5]) {
      const tick = step * 10 ** power
      if (tick > most && ticks.length >= 2 && (ticks.at(-1) ?? 0) >= most) return ticks
      if (ticks.length === 1 && tick <= least) ticks.pop()
      ticks.push(tick)
    }
  return ticks
}

/** Four to six round steps from 0 to a little over the largest value; for a linear axis. */
export function linearTicks(values: readonly number[]): readonly number[] {
  const most = Math.max(0, ...values.filter(Number.isFinite)) || 1
  const rough = most / 4
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power
  const count = Math.ceil(most / step)
  return Array.from({ length: count + 1 }, (_, index) => index * step)
}

/** From a value to a coordinate between `from` and `to`. */
function placer({ log, ticks }: Axis, from: number, to: number): (value: number) => number {
  const scale = log ? Math.log10 : (value: number): number => value
  const [low, high] = [scale(ticks[0] ?? 0), scale(ticks.at(-1) ?? 1)]
  return (value) => {
    const share = (scale(Math.max(value, log ? Number.MIN_VALUE : value)) - low) / (high - low)
    return Math.round((from + Math.min(1, Math.max(0, share)) * (to - from)) * 10) / 10
  }
}

const tickText = (tick: number): string =>
  tick >= 1000 ? `${Number((tick / 1000).toPrecision(3))}k` : `${Number(tick.toPrecision(3))}`

const escape = (text: string): string =>
  text.replace(/[&<>"]/g, (mark) => `&#${mark.charCodeAt(0)};`)

const light = ['#0b62a4', '#c0510a', '#1a7f4b', '#8e3d8e']
const dark = ['#6cb6ff', '#ffa657', '#57d08b', '#e29be2']
const colours = (palette: readonly string[]): string =>
  palette.map((colour, index) => `.c${index}{stroke:${colour}}.f${index}{fill:${colour}}`).join('')
const style = [
  'text{font:12px system-ui,sans-serif;fill:#24292f}.title{font-size:15px;font-weight:600}',
  '.grid{stroke:#8c959f;stroke-opacity:.3}.line{fill:none;stroke-width:2}.dashed{stroke-dasharray:6 4}',
  colours(light),
  `@media(prefers-color-scheme:dark){text{fill:#e6edf3}${colours(dark)}}`,
].join('')
