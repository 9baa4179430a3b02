import { expect, test } from 'vitest'
import { VirtualClock } from '../../../test/support/virtual-clock.ts'
import { ModelError } from '../errors.ts'
import { modelProfile, type ModelProfile } from '../profile.ts'
import { createReplicas, slotCountOf } from './replicas.ts'

const endpoints = ['http://a', 'http://b', 'http://c']
const profile = (name: string, parallel = 1): ModelProfile =>
  modelProfile.parse({ name, endpoint: 'http://a', replicas: endpoints, parallel })

function setUp() {
  const clock = new VirtualClock()
  const replicas = createReplicas(clock)
  const take = (name: string, parallel = 1) => {
    const { profile: at, end } = replicas.take(profile(name, parallel))
    return { at: at.endpoint.slice(-1), end }
  }
  return { clock, take, restMs: () => replicas.restMs(profile('coder')) }
}

test('a model goes where it was last, so that it is loaded once', () => {
  const { take } = setUp()
  const first = take('coder')
  first.end()
  const other = take('writer')
  other.end()
  expect([first.at, other.at, take('coder').at, take('writer').at]).toEqual(['a', 'b', 'a', 'b'])
})

test('with all its places taken it goes to a server without a model, and to another model’s last of all', () => {
  const { take } = setUp()
  take('writer').end()
  expect([take('coder').at, take('coder').at, take('coder').at]).toEqual(['b', 'c', 'a'])
})

test('a server answers as many at once as it has slots before the next one is used', () => {
  const { take } = setUp()
  const places = Array.from({ length: 6 }, () => take('coder', 2).at)
  expect(places).toEqual(['a', 'a', 'b', 'b', 'c', 'c'])
})

test('a server that is away is avoided for a while, also when the others are full', async () => {
  const { clock, take } = setUp()
  take('coder').end(new ModelError('ModelUnavailable', 'gone'))
  expect([take('coder').at, take('coder').at, take('coder').at]).toEqual(['b', 'c', 'b'])
  await clock.advance(15_000)
  expect(take('coder').at).toBe('a')
})

test('a server that said when to come back is left alone until then, and waited for only when all have said so', async () => {
  const { clock, take, restMs } = setUp()
  const busy = (seconds: number) =>
    new ModelError('ModelUnavailable', 'busy', { retryAfterMs: 1000 * seconds })
  take('coder').end(busy(60))
  await clock.advance(30_000)
  expect([take('coder').at, take('coder').at, take('coder').at]).toEqual(['b', 'c', 'b'])
  expect(restMs()).toBe(0)
  for (const seconds of [10, 20]) take('coder').end(busy(seconds))
  expect(restMs()).toBe(10_000)
  await clock.advance(10_000)
  expect(restMs()).toBe(0)
  await clock.advance(20_000)
  expect(take('coder').at).toBe('a')
})

test('when all are away they are asked all the same', () => {
  const { take } = setUp()
  const missing = new ModelError('ModelMissing', 'not there')
  for (let n = 0; n < 3; n++) take('coder').end(missing)
  expect(take('coder').at).toBe('a')
})

test('an answer that could not be used is not held against the server', () => {
  const { take } = setUp()
  take('coder').end(new ModelError('OutputUnusable', 'nonsense'))
  expect(take('coder').at).toBe('a')
})

test('the slots of a model are those of all its servers', () => {
  expect(slotCountOf(profile('coder', 2))).toBe(6)
  expect(slotCountOf(modelProfile.parse({ name: 'm', endpoint: 'http://a', parallel: 3 }))).toBe(3)
})
