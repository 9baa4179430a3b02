/** One line of a chart. */
export interface Series {
  readonly name: string
  readonly points: readonly (readonly [x: number, y: number])[]
  /** For a limit rather than a measurement. */
  readonly dashed?: boolean
}

/** One axis: its title, its ticks, and whether equal distances are equal ratios. */
export interface Axis {
  readonly title: string
  readonly log: boolean
  /** At least two, rising; the first and the last are the ends of the axis. */
  readonly ticks: readonly number[]
}

const width = 720
const height = 380
const frame = { left: 62, right: 18, top: 64, bottom: 48 }

/**
 * A line chart as an SVG document of its own. Readable on light and on dark pages: colours follow the reader's scheme.
 * Points outside of the axes are drawn on the edge. Text is escaped.
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
