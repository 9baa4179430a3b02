import { expect, test } from 'vitest'
import { VirtualClock } from '../../test/virtual-clock.ts'
import { Pace } from './pace.ts'

const paced = () => {
  const clock = new VirtualClock()
  return { clock, pace: new Pace({ clock, everyMs: 2_000, perSecond: 10 }) }
}

test('a key waits its time after a write, and others do not', async () => {
  const { clock, pace } = paced()
  expect(pace.isDue('a')).toBe(true)
  pace.written('a')
  expect(pace.isDue('a')).toBe(false)
  expect([pace.take('a'), pace.take('b')]).toEqual([2_000, 0])
  await clock.advance(2_000)
  expect(pace.isDue('a')).toBe(true)
  expect(pace.take('a')).toBe(0)
})

test('many keys together write one after another, in the order in which they asked', async () => {
  const { clock, pace } = paced()
  const keys = Array.from({ length: 50 }, (_, index) => `key-${index}`)
  expect(keys.map((key) => pace.take(key))).toEqual(keys.map((_, index) => index * 100))
  await clock.advance(150)
  expect(keys.slice(0, 3).map((key) => pace.isDue(key))).toEqual([false, true, false])
  expect([pace.take('key-2'), pace.take('key-1')]).toEqual([50, 0])
})

test('one that asks again while it waits keeps its turn and takes no other', async () => {
  const { clock, pace } = paced()
  pace.take('a')
  for (let times = 0; times < 5; times += 1) expect(pace.take('b')).toBe(100)
  expect(pace.take('c')).toBe(200)
  pace.forget('b')
  await clock.advance(300)
  expect(pace.take('d')).toBe(0)
})
