import { expect, test } from 'vitest'
import {
  chainsOf,
  dispatchTimes,
  finishedIn,
  windowOf,
  workTimes,
  type Seen,
  tasksIn,
  type Workload,
  flightWorkload,
  loadWorkload,
  manyWorkload,
} from './workloads.ts'
import { rateOf } from './contender.ts'

const workload: Workload = {
  name: 'w',
  groups: 2,
  chains: 3,
  length: 4,
  meanTaskMs: 0,
  oneByOne: false,
  mostSeconds: 1,
}

test('every task of a chain waits for the one before it, in its own group', () => {
  const chains = chainsOf('r1-', workload)
  expect(chains.flat()).toHaveLength(tasksIn(workload))
  expect(chains[4]).toEqual([
    { name: 'r1-1-1-0', group: 'r1-1', after: undefined },
    { name: 'r1-1-1-1', group: 'r1-1', after: 'r1-1-1-0' },
    { name: 'r1-1-1-2', group: 'r1-1', after: 'r1-1-1-1' },
    { name: 'r1-1-1-3', group: 'r1-1', after: 'r1-1-1-2' },
  ])
  expect(new Set(chains.flat().map(({ name }) => name)).size).toBe(tasksIn(workload))
})

test('a dispatch is counted where its dependency was seen to end and it was seen to run', () => {
  const tasks = chainsOf('r-', { ...workload, groups: 1, chains: 1, length: 4 }).flat()
  const seen = {
    running: { 'r-0-0-0': 1, 'r-0-0-1': 15, 'r-0-0-2': 40 },
    finished: { 'r-0-0-0': 10, 'r-0-0-1': 30, 'r-0-0-2': 50 },
  }
  expect(dispatchTimes(tasks, seen)).toEqual([5, 10])
})

test('of a steady load only the window counts: no warm-up, no tail', () => {
  const tasks = chainsOf('r-', { ...workload, groups: 1, chains: 1, length: 5 }).flat()
  const seen = {
    running: { 'r-0-0-0': 500, 'r-0-0-1': 1_401, 'r-0-0-2': 1_502, 'r-0-0-3': 2_503 },
    finished: { 'r-0-0-0': 1_400, 'r-0-0-1': 1_500, 'r-0-0-2': 2_499, 'r-0-0-3': 2_500 },
  }
  const window = windowOf(seen, { everyMs: 1, warmUpMs: 1_000, windowMs: 1_000 })
  expect(window).toEqual({ from: 1_500, to: 2_500 })
  if (window === undefined) throw new Error('no window')
  const counted = finishedIn(seen, window)
  expect(counted).toEqual({ tasks: 2, seconds: 1 })
  expect(dispatchTimes(tasks, seen, window)).toEqual([2, 4])
  expect(rateOf({ tasks: 4, seconds: 100, window: counted })).toBe(2)
  expect(
    windowOf({ running: {}, finished: {} }, { everyMs: 1, warmUpMs: 1, windowMs: 1 }),
  ).toBeUndefined()
})

/** What would be seen of a workload if nothing but the work itself took time. */
function withoutOverhead(load: Workload): Seen {
  const seen: { running: Record<string, number>; finished: Record<string, number> } = {
    running: {},
    finished: {},
  }
  const pause = workTimes(load.meanTaskMs, 1)
  chainsOf('r-', load).forEach((chain, place) => {
    let at = place * (load.arrivals?.everyMs ?? 0)
    for (const { name } of chain) {
      seen.running[name] = at
      at += pause()
      seen.finished[name] = at
    }
  })
  return seen
}

test.each([
  [15.9, false],
  [84, false],
  [10, true],
])('a load of %d tasks a second is one in each half of its window (quick: %j)', (rate, quick) => {
  const load = loadWorkload('half', rate, { quick, tasks: 1_000, agents: 200 })
  const { arrivals } = load
  if (arrivals === undefined) throw new Error('it has no pace')
  const { from, to } = windowOf(withoutOverhead(load), arrivals) ?? { from: 0, to: 0 }
  const middle = (from + to) / 2
  for (const half of [
    { from, to: middle },
    { from: middle, to },
  ]) {
    const { tasks, seconds } = finishedIn(withoutOverhead(load), half)
    expect(tasks / seconds).toBeGreaterThan(rate * 0.85)
    expect(tasks / seconds).toBeLessThan(rate * 1.15)
  }
  expect((load.groups - 1) * arrivals.everyMs).toBeGreaterThan(to)
  expect(load.mostSeconds * 1000).toBeGreaterThan(to)
})

test('work times come from the seed and have the mean that was asked for', () => {
  const [one, same] = [workTimes(50, 7), workTimes(50, 7)]
  const times = Array.from({ length: 5_000 }, one)
  expect(times.slice(0, 100)).toEqual(Array.from({ length: 100 }, same))
  const mean = times.reduce((sum, ms) => sum + ms, 0) / times.length
  expect(mean).toBeGreaterThan(45)
  expect(mean).toBeLessThan(55)
  expect(workTimes(0, 7)()).toBe(0)
})

test('no workload breaks the limits of a request', () => {
  const size = { quick: false, tasks: 10_000, agents: 200 }
  const all = [
    ...[1, 8, 16, 32, 200].map((inFlight) => flightWorkload(inFlight, size)),
    ...[100, 1_000, 10_000].map((tasks) => manyWorkload(tasks, size)),
    loadWorkload('half', 40, size),
  ]
  for (const { name, chains, length } of all) {
    expect(chains, name).toBeLessThanOrEqual(10)
    expect(chains * length, name).toBeLessThanOrEqual(50)
  }
  expect(all.slice(5, 8).map(tasksIn)).toEqual([100, 1_000, 10_000])
})
