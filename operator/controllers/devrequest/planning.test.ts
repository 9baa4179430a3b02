import { expect, test } from 'vitest'
import { request } from '../../../test/objects.ts'
import type { Plan } from '../../api/devrequest.ts'
import { silentLogger } from '../../../test/silent-logger.ts'
import { VirtualClock } from '../../../test/virtual-clock.ts'
import { Planning, type Planned } from './planning.ts'

const planned: Planned = { plan: { hash: 'h' } as Plan, tokens: 7 }

function desk(make: (signal: AbortSignal) => Promise<Planned>) {
  const clock = new VirtualClock()
  const asked: AbortSignal[] = []
  const changed: string[] = []
  const planning = new Planning({
    make: (_request, { signal }) => {
      asked.push(signal)
      return make(signal)
    },
    stallOf: (error) => ({ reason: 'ForgeUnavailable', message: String(error) }),
    onChange: (key) => changed.push(key),
    clock,
    log: silentLogger,
  })
  return { clock, asked, changed, planning }
}

const wish = request('hello')

test('a plan is made once and kept until it is stored', async () => {
  const { clock, asked, changed, planning } = desk(async () => planned)
  planning.start(wish)
  planning.start(wish)
  await clock.advance(0)
  expect(planning.stateOf(wish)).toMatchObject({ state: 'done', tokens: 7 })
  expect(changed).toEqual(['guildhall/hello'])
  expect(asked).toHaveLength(1)
})

test('a try that failed is repeated after a pause that grows, however often it is wished for', async () => {
  const { clock, asked, planning } = desk(async () => {
    throw new Error('no forge')
  })
  for (const [waitMs, tries] of [
    [5_000, 1],
    [10_000, 2],
    [20_000, 3],
  ] as const) {
    expect(planning.start(wish)).toBe(0)
    await clock.advance(0)
    expect(planning.stallOf(wish)).toMatchObject({ message: 'Error: no forge' })
    expect(planning.start(wish)).toBe(waitMs)
    expect(asked).toHaveLength(tries)
    await clock.advance(waitMs)
  }
})

test('the job of a request that is gone is cancelled, that of its successor is not', async () => {
  const { clock, asked, planning } = desk(() => new Promise(() => {}))
  const next = { ...wish, metadata: { ...wish.metadata, uid: 'uid-next' } }
  planning.start(wish)
  planning.start(next)
  await clock.advance(0)
  planning.forgetOthers('guildhall/hello', 'uid-next')
  expect(asked.map((signal) => signal.aborted)).toEqual([true, false])
  expect(planning.stateOf(wish).state).toBe('idle')
  planning.forgetOthers('guildhall/hello', undefined)
  expect(asked.map((signal) => signal.aborted)).toEqual([true, true])
})

test('a revision is a job of its own: figures of the old plan end it not, the stored revision does', async () => {
  const { clock, asked, planning } = desk(() => new Promise(() => {}))
  const running = { ...wish, status: { plan: { revision: 1 } as Plan } }
  planning.start(running, { unit: 'a', evidence: [], succeeded: [] })
  await clock.advance(0)
  planning.settle(running)
  expect(planning.stateOf(running).state).toBe('running')
  planning.settle({ ...wish, status: { plan: { revision: 2 } as Plan } })
  expect(asked[0]?.aborted).toBe(true)
  expect(planning.stateOf(running).state).toBe('idle')
})

test('when the person gives another plan meanwhile, the job for the old one is dropped and a new one begins', async () => {
  const { clock, asked, planning } = desk(() => new Promise(() => {}))
  const units = [{ name: 'a', goal: 'g', files: ['a.js'], doneWhen: 'w' }]
  const edited = { ...wish, spec: { ...wish.spec, plan: { units } } }
  planning.start(wish)
  await clock.advance(0)
  expect(planning.stateOf(edited).state).toBe('idle')
  planning.start(edited)
  await clock.advance(0)
  expect(asked.map((signal) => signal.aborted)).toEqual([true, false])
  expect(planning.stateOf(edited).state).toBe('running')
})
