import { expect, test } from 'vitest'
import { Cache, newer } from '../../../test/support/cache.ts'
import { request } from '../../../test/support/objects.ts'
import type { Plan } from '../../../core/api/devrequest.ts'
import { devRequests } from '../../../core/api/kinds.ts'
import { silentLogger } from '../../../test/support/silent-logger.ts'
import { VirtualClock } from '../../../test/support/virtual-clock.ts'
import { type Planned, Planning } from './planning.ts'

const planned: Planned = { plan: { hash: 'h' } as Plan, tokens: 7 }
const wish = request('hello')

function setUp(make: (signal: AbortSignal) => Promise<Planned>) {
  const clock = new VirtualClock()
  const requests = new Cache(devRequests)
  requests.put(wish)
  const asked: AbortSignal[] = []
  const changed: string[] = []
  const planning = new Planning({
    requests,
    make: (_request, { signal }) => {
      asked.push(signal)
      return make(signal)
    },
    stallOf: (error) => ({ reason: 'ForgeUnavailable', message: String(error) }),
    onChange: (key) => changed.push(key),
    clock,
    log: silentLogger,
  })
  return { clock, requests, asked, changed, planning }
}

test('a plan is made once and kept until it is stored', async () => {
  const { clock, requests, asked, changed, planning } = setUp(async () => planned)
  planning.start(wish)
  planning.start(wish)
  await clock.advance(0)
  planning.start(wish)
  expect(planning.stateOf(wish)).toMatchObject({ state: 'done', tokens: 7 })
  expect(changed).toEqual(['guildhall/hello'])
  expect(asked).toHaveLength(1)
  const stored = newer({ ...wish, status: { plan: { revision: 1 } as Plan } })
  requests.put(stored)
  expect(planning.stateOf(stored)).toEqual({ state: 'idle' })
})

test('a try that failed is repeated after a pause that grows, however often it is asked for', async () => {
  const { clock, asked, changed, planning } = setUp(async () => {
    throw new Error('no forge')
  })
  for (const [waitMs, tries] of [
    [5_000, 1],
    [10_000, 2],
    [20_000, 3],
  ] as const) {
    planning.start(wish)
    await clock.advance(0)
    expect(planning.stallOf(wish)).toMatchObject({ message: 'Error: no forge' })
    planning.start(wish)
    await clock.advance(waitMs - 1)
    planning.start(wish)
    expect([asked.length, changed.length]).toEqual([tries, 2 * tries - 1])
    await clock.advance(1)
    // `onChange` came when the job failed, and again when it might be tried again.
    expect(changed).toHaveLength(2 * tries)
  }
})

test('the job of a request that is gone is cancelled, that of its successor is not', async () => {
  const { clock, requests, asked, planning } = setUp(() => new Promise(() => {}))
  const next = newer({ ...wish, metadata: { ...wish.metadata, uid: 'uid-next' } })
  planning.start(wish)
  await clock.advance(0)
  requests.put(next)
  planning.start(next)
  await clock.advance(0)
  expect(asked.map((signal) => signal.aborted)).toEqual([true, false])
  expect([wish, next].map((one) => planning.stateOf(one).state)).toEqual(['idle', 'running'])
  requests.remove(next)
  expect(asked.map((signal) => signal.aborted)).toEqual([true, true])
})

test('a revision is a job of its own: figures of the old plan do not end it, the stored revision does', async () => {
  const { clock, requests, asked, planning } = setUp(() => new Promise(() => {}))
  const running = newer({ ...wish, status: { plan: { revision: 1 } as Plan } })
  requests.put(running)
  planning.start(running, { unit: 'a', evidence: [], succeeded: [] })
  await clock.advance(0)
  requests.put(newer(running))
  expect(planning.stateOf(running).state).toBe('running')
  requests.put(newer(newer(running)))
  const replaced = { ...running, status: { plan: { revision: 2 } as Plan } }
  requests.put(newer(newer(newer(replaced))))
  expect(asked[0]?.aborted).toBe(true)
  expect(planning.stateOf(running).state).toBe('idle')
})

test('when the person gives another plan meanwhile, the job for the old one is dropped and a new one begins', async () => {
  const { clock, requests, asked, planning } = setUp(() => new Promise(() => {}))
  const units = [{ name: 'a', goal: 'g', files: ['a.js'], doneWhen: 'w' }]
  const edited = newer({ ...wish, spec: { ...wish.spec, plan: { units } } })
  planning.start(wish)
  await clock.advance(0)
  requests.put(edited)
  expect(planning.stateOf(edited).state).toBe('idle')
  planning.start(edited)
  await clock.advance(0)
  expect(asked.map((signal) => signal.aborted)).toEqual([true, false])
  expect(planning.stateOf(edited).state).toBe('running')
})
