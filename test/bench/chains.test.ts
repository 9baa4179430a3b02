import { expect, test } from 'vitest'
import { chainsOf, dispatchTimes, workTimes } from './chains.ts'
import { tasksIn, type Workload } from './contender.ts'
import { flightWorkload, loadWorkload, manyWorkload } from './workloads.ts'

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
