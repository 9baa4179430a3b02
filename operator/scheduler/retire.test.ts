import { expect, test } from 'vitest'
import { now } from '../../test/support/objects.ts'
import type { SchedulableAgent } from './agents.ts'
import { type Demand, graceMs, agentToRetire } from './retire.ts'

const agent = (
  name: string,
  request?: string,
  more: Partial<SchedulableAgent> = {},
): SchedulableAgent => ({
  name,
  type: 'coding',
  podUid: `pod-${name}`,
  serves: request === undefined ? { kind: 'anyone' } : { kind: 'request', uid: request },
  connected: true,
  leaving: false,
  completed: 0,
  maxTasks: 50,
  idleSince: now - 60_000,
  ...more,
})
const demand = (requestUid: string, more: Partial<Demand> = {}): Demand => ({
  requestUid,
  type: 'coding',
  rank: 2,
  load: 0,
  tasks: 1,
  ...more,
})
const idleFor = (ms: number | undefined) => ({
  idleSince: ms === undefined ? undefined : now - ms,
})
/** Who goes for a coding task of the request `asker`. */
const goes = (
  free: readonly SchedulableAgent[],
  others: readonly Demand[] = [],
  asker: Partial<Demand> = {},
  agentsOf: Readonly<Record<string, number>> = {},
) => {
  const { agent: gone, nextAt } = agentToRetire({
    now,
    free,
    others,
    asker: demand('asker', asker),
    agentsOf: new Map(Object.entries(agentsOf)),
  })
  return { gone: gone?.name, inMs: nextAt === undefined ? undefined : nextAt - now }
}

test.each([
  ['of another request', agent('a', 'r1')],
  ['of its own request and another type', agent('a', 'asker', { type: 'testing', ...idleFor(0) })],
  ['that is clean and of another type', agent('a', undefined, { type: 'git', ...idleFor(0) })],
])('an idle agent %s makes room', (_which, one) => {
  expect(goes([one])).toEqual({ gone: 'a', inMs: undefined })
})

test.each([
  ['became idle a moment ago', 0, graceMs],
  ['is idle for a while', graceMs - 1, 1],
  ['is idle since a moment that nobody wrote down yet', undefined, graceMs],
  ['is idle since tomorrow, by a clock that ran ahead', -86_400_000, graceMs],
])('one of a request that %s may get its next task in a moment', (_how, idleMs, inMs) => {
  expect(goes([agent('a', 'r1', idleFor(idleMs))])).toEqual({ gone: undefined, inMs })
})

test.each<[string, Partial<Demand>, Partial<Demand>, boolean]>([
  ['a more urgent task', { rank: 0, load: 9 }, { rank: 1 }, true],
  ['a less urgent task', { rank: 3 }, { rank: 1, load: 9 }, false],
  ['a request that has less than the other keeps', { load: 2 }, { load: 3 }, true],
  ['a request that would have more than the other then', { load: 3 }, { load: 3 }, false],
  ['a request that has more already', { load: 4 }, { load: 3 }, false],
])('an agent whose next task waits, for %s', (_whom, asker, other, want) => {
  const free = [agent('a', 'r1', idleFor(0))]
  expect(goes(free, [demand('r1', other)], asker).gone).toBe(want ? 'a' : undefined)
})

test('what cannot be given out is no work that waits', () => {
  const free = [agent('a', 'r1')]
  expect(goes(free, [demand('r1', { tasks: 0 })]).gone).toBe('a')
  expect(goes(free, [demand('r1', { type: 'testing' })]).gone).toBe('a')
  expect(goes(free, [demand('r2')]).gone).toBe('a')
})

test('of three idle agents with one task to come, one can be spared', () => {
  const free = ['a', 'b', 'c'].map((name) => agent(name, 'r1'))
  expect(goes(free, [demand('r1', { tasks: 2 })]).gone).toBe('a')
  expect(goes(free, [demand('r1', { tasks: 3 })]).gone).toBeUndefined()
})

test('the place is taken from where it hurts least', () => {
  const small = agent('small', 'r1', idleFor(90_000))
  const large = agent('large', 'r2', idleFor(10_000))
  const longer = agent('longer', 'r2', idleFor(20_000))
  const clean = agent('clean', undefined, { type: 'testing', ...idleFor(0) })
  const places = { r1: 1, r2: 4 }
  expect(goes([small, large, longer, clean], [], {}, places).gone).toBe('clean')
  expect(goes([small, large, longer], [], {}, places).gone).toBe('longer')
  expect(goes([small], [], {}, places).gone).toBe('small')
})
