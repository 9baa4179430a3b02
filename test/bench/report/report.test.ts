import { expect, test } from 'vitest'
import type { Costs } from '../contender.ts'
import type { Results, RunRecord } from '../results.ts'
import { results as resultsShape } from '../results.ts'
import { fillIn, goalTable, sectionsOf } from './document.ts'
import {
  floorRate,
  growthOf,
  growthRatio,
  othersShare,
  taskCosts,
  bytes,
  figure,
  markdownTable,
} from './figures.ts'
import { goals } from './goals.ts'
import { lineChart, linearTicks, logTicks, plotsOf } from './plots.ts'

const costs = (more: Partial<Costs> = {}): Costs => ({
  cpuMs: { contender: 200, apiserver: 1_000, etcd: 100 },
  othersMs: 0,
  seconds: 10,
  requests: {},
  identities: { operator: { writes: 300, reads: 0 }, author: { writes: 50, reads: 7 } },
  storedBytes: 400_000,
  ...more,
})

const record = (contender: string, name: string, more: Partial<RunRecord> = {}): RunRecord => ({
  contender,
  workload: {
    name,
    groups: 2,
    chains: 10,
    length: 5,
    meanTaskMs: 0,
    oneByOne: false,
    mostSeconds: 60,
  },
  made: 100,
  tasks: 100,
  seconds: 2,
  tasksPerSecond: 50,
  dispatch: { count: 3, p50: 10, p90: 20, p99: 30, max: 30, curve: [1, 10, 20, 30] },
  making: null,
  running: costs(),
  peakBytes: 100e6,
  ...more,
})

const results = (records: readonly RunRecord[], more: Partial<Results> = {}): Results => ({
  command: 'operator',
  quick: false,
  date: '2026-11-26T09:40:00Z',
  commit: 'abc1234',
  seconds: 700,
  machine: {
    cores: 2,
    memoryBytes: 24 * 1024 ** 3,
    processor: 'P',
    node: '24.0.0',
    kubernetes: '1.36.3',
    etcdInMemory: true,
  },
  agents: 200,
  troubles: [],
  records: [...records],
  facts: {},
  ...more,
})

const verdictOf = (id: string, from: Results) => goals.find((goal) => goal.id === id)?.judge(from)

test("the floor's throughput is the best of its means before and after", () => {
  const floor = (name: string, tasksPerSecond: number) => record('floor', name, { tasksPerSecond })
  const all = [
    floor('flight-8', 100),
    floor('flight-32', 150),
    record('operator', 'flight-32', { tasksPerSecond: 500 }),
    floor('flight-8', 140),
    floor('flight-32', 60),
  ]
  expect(floorRate(results(all))).toBe(120)
})

test('a task costs its share of making and of running; creation itself is no write after it', () => {
  const making = costs({
    cpuMs: { contender: 100 },
    requests: { 'POST agenttasks': 100 },
    identities: { operator: { writes: 150, reads: 10 } },
    storedBytes: 0,
  })
  const one = taskCosts(record('operator', 'tasks-100', { making, tasks: 50 }))
  expect(one).toMatchObject({ cpuMs: 4, wholeCpuMs: 5, reads: 0.1, storedBytes: 8_000 })
  // 1.5 while 100 were made, of which 1 was the creation; 300 while 50 ran. The author does not
  // count.
  expect(one.writes).toBeCloseTo(1.5 - 1 + 6)
})

test('growth compares the most tasks with the fewest, whatever their order', () => {
  const of = (tasks: number, storedBytes: number) =>
    record('operator', `tasks-${tasks}`, { made: tasks, tasks, running: costs({ storedBytes }) })
  const growth = growthOf(results([of(1_000, 4_000_000), of(100, 200_000), of(200, 1)]))
  expect(growth.map(({ tasks }) => tasks)).toEqual([100, 200, 1_000])
  expect(growthRatio(growth, ({ storedBytes }) => storedBytes)).toBe(2)
  expect(growthRatio(growth.slice(0, 1), ({ storedBytes }) => storedBytes)).toBeNaN()
})

test('what others took is a share of all cores', () => {
  expect(othersShare(record('floor', 'idle', { running: costs({ othersMs: 5_000 }) }), 2)).toBe(
    0.25,
  )
})

test('goals are met and missed by the figures of the run', () => {
  const good = results(
    [
      record('floor', 'flight-32', { tasksPerSecond: 80 }),
      record('operator', 'tasks-1000'),
      record('operator', 'idle'),
      record('floor', 'half'),
      record('operator', 'half'),
    ],
    { facts: { queueToPodsMs: 251, restartSeconds: 2.9 } },
  )
  expect(verdictOf('throughput', good)).toEqual({
    measured: '62.5 % (50.0 of 80.0 tasks/s)',
    met: true,
  })
  expect(verdictOf('dispatch-idle', good)?.met).toBe(true)
  expect(verdictOf('dispatch-half', good)).toMatchObject({ met: true })
  expect(verdictOf('writes', good)?.met).toBe(true)
  expect(verdictOf('queue', good)).toEqual({ measured: '251 ms', met: false })
  expect(verdictOf('restart', good)?.met).toBe(true)
  expect(verdictOf('growth', good)).toBeUndefined()
})

test('the growth goal says when its largest run was cut off', () => {
  const of = (made: number, tasks: number) => record('operator', `tasks-${made}`, { made, tasks })
  const measured = (tasks: number) =>
    verdictOf('growth', results([of(100, 100), of(200, tasks)]))?.measured
  expect(measured(200)).toMatch(/ at 200$/)
  expect(measured(50)).toMatch(/ at 200, cut off when 50 were finished$/)
})

test('the half-load goal compares with the floor that ran last, at the same write rate', () => {
  const floor = (p99: number) =>
    record('floor', 'half', { dispatch: { count: 1, p50: 1, p90: 1, p99, max: p99, curve: [] } })
  expect(
    verdictOf('dispatch-half', results([floor(1), record('operator', 'half'), floor(20)])),
  ).toEqual({ measured: '1.50x (30.0 ms to 20.0 ms)', met: true })
})

test('a goal that was not measured is not met and says so; a missed one tells why', () => {
  const table = goalTable(results([], { facts: { queueToPodsMs: 900 } }), {
    queue: 'Pods wait for the limiter.',
    restart: 'never shown',
  })
  expect(table).toMatch(/queue of 50.*900 ms.*\*\*no\*\*.*Pods wait for the limiter\./)
  expect(table).toMatch(/restarted at once.*not measured.*\| -/)
  expect(table).not.toContain('never shown')
})

test('every generated part has its place in the document, and only that place changes', () => {
  const text = 'a\n<!-- bench:run:begin -->\nold $1\n<!-- bench:run:end -->\nb\n'
  expect(fillIn(text, { run: 'new $& | text' })).toBe(
    'a\n<!-- bench:run:begin -->\nnew $& | text\n<!-- bench:run:end -->\nb\n',
  )
  expect(() => fillIn(text, { other: '' })).toThrow('bench:other')
})

test('results survive being written and read', () => {
  const all = results([record('floor', 'idle'), record('operator', 'idle', { dispatch: null })])
  expect(resultsShape.parse(JSON.parse(JSON.stringify(all)))).toEqual(all)
  expect(Object.keys(sectionsOf(all, {}))).toContain('goals')
})

test('what failed is told beside where and when', () => {
  const { run } = sectionsOf(results([], { troubles: ['crowd: 900 of 1000 agents came'] }), {})
  expect(run).toContain('Failed, and so not measured: crowd: 900 of 1000 agents came.')
})

test('plots are drawn from what there is', () => {
  const files = (from: Results): readonly string[] => plotsOf(from).map(({ file }) => file)
  expect(files(results([]))).toEqual([])
  expect(files(results([record('floor', 'flight-8')]))).toEqual(['throughput.svg'])
  const growth = [100, 1_000].map((made) => record('operator', `tasks-${made}`, { made }))
  expect(files(results([record('floor', 'idle'), ...growth]))).toEqual([
    'dispatch.svg',
    'throughput.svg',
    'growth.svg',
  ])
})

test('a chart keeps points inside its frame and its text harmless', () => {
  const svg = lineChart({
    title: 'a <b> & "c"',
    x: { title: 'x', log: true, ticks: [1, 10, 100] },
    y: { title: 'y', log: false, ticks: [0, 50, 100] },
    series: [
      {
        name: 's',
        points: [
          [0, -5],
          [10, 50],
          [9_999, 900],
        ],
      },
    ],
  })
  expect(svg).toContain('a &#60;b&#62; &#38; &#34;c&#34;')
  expect(svg).not.toContain('NaN')
  expect(/d="M(62 332L[^"]+)"/.exec(svg)?.[1]).toBe('62 332L382 198L702 64')
})

test.each([
  [
    [3, 40],
    [2, 5, 10, 20, 50],
  ],
  [
    [1, 200],
    [1, 2, 5, 10, 20, 50, 100, 200],
  ],
  [
    [100, 10_000],
    [100, 200, 500, 1_000, 2_000, 5_000, 10_000],
  ],
  [[7], [5, 10]],
  [[], [1, 10]],
])('logarithmic ticks around %j', (values, want) => {
  expect(logTicks(values)).toEqual(want)
})

test.each([
  [
    [0.3, 1.25],
    [0, 0.5, 1, 1.5],
  ],
  [[151], [0, 50, 100, 150, 200]],
  [[], [0, 0.25, 0.5, 0.75, 1]],
])('linear ticks up to %j', (values, want) => {
  expect(linearTicks(values)).toEqual(want)
})

test('figures keep about three digits, and nothing is a dash', () => {
  expect([0, 0.123, 9.87, 12.34, 1234.5, Number.NaN, undefined].map((one) => figure(one))).toEqual([
    '0',
    '0.12',
    '9.87',
    '12.3',
    '1235',
    '-',
    '-',
  ])
  expect([12, 2048, 3 * 1024 * 1024].map(bytes)).toEqual(['12.0 B', '2.00 KiB', '3.00 MiB'])
})

test('a table is padded, and figures stand to the right', () => {
  expect(
    markdownTable(
      ['what', 'n'],
      [
        ['long word', '7'],
        ['x', '10'],
      ],
      [1],
    ),
  ).toBe(
    [
      '| what      |   n |',
      '|-----------|----:|',
      '| long word |   7 |',
      '| x         |  10 |',
    ].join('\n'),
  )
})
