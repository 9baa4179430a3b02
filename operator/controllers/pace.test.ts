import { expect, test } from 'vitest'
import { Cache } from '../../test/support/cache.ts'
import { request } from '../../test/support/objects.ts'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import { devRequests } from '../../core/api/kinds.ts'
import { Pace } from './pace.ts'

const paced = (...names: readonly string[]) => {
  const clock = new VirtualClock()
  const cache = new Cache(devRequests)
  const requests = names.map((name) => request(name))
  cache.put(...requests)
  return { clock, cache, requests, pace: new Pace(cache, { clock, everyMs: 2_000, perSecond: 10 }) }
}
const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => request(name)) as [
  ReturnType<typeof request>,
  ReturnType<typeof request>,
  ReturnType<typeof request>,
  ReturnType<typeof request>,
]

test('an object waits its time after a write, and others do not', async () => {
  const { clock, pace } = paced('a', 'b')
  expect(pace.isDue(a)).toBe(true)
  pace.written(a)
  expect(pace.isDue(a)).toBe(false)
  expect([pace.take(a), pace.take(b)]).toEqual([2_000, 0])
  await clock.advance(2_000)
  expect(pace.isDue(a)).toBe(true)
  expect(pace.take(a)).toBe(0)
})

test('many objects together write one after another, in the order in which they asked', async () => {
  const names = Array.from({ length: 50 }, (_, index) => `key-${index}`)
  const { clock, requests, pace } = paced(...names)
  expect(requests.map((one) => pace.take(one))).toEqual(requests.map((_, index) => index * 100))
  await clock.advance(150)
  expect(requests.slice(0, 3).map((one) => pace.isDue(one))).toEqual([false, true, false])
  expect(requests.slice(1, 3).map((one) => pace.take(one))).toEqual([0, 50])
})

test('one that asks again while it waits keeps its turn and takes no other', async () => {
  const { clock, cache, pace } = paced('a', 'b', 'c', 'd')
  pace.take(a)
  for (let times = 0; times < 5; times += 1) expect(pace.take(b)).toBe(100)
  expect(pace.take(c)).toBe(200)
  cache.remove(b)
  await clock.advance(300)
  expect(pace.take(d)).toBe(0)
})
