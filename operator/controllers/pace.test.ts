import { expect, test } from 'vitest'
import { VirtualClock } from '../../test/virtual-clock.ts'
import { Pace } from './pace.ts'

test('a key waits its time after a write, and others do not', async () => {
  const clock = new VirtualClock()
  const pace = new Pace({ clock, everyMs: 2_000, perSecond: 10 })
  expect(pace.leftMs('a')).toBe(0)
  pace.written('a')
  expect(pace.leftMs('a')).toBe(2_000)
  expect(pace.leftMs('b')).toBe(0)
  await clock.advance(2_000)
  expect(pace.leftMs('a')).toBe(0)
})

test('many keys together write no more than they may', () => {
  const pace = new Pace({ clock: new VirtualClock(), everyMs: 2_000, perSecond: 10 })
  for (let index = 0; index < 200; index += 1) pace.written(`key-${index}`)
  expect(pace.leftMs('key-0')).toBe(20_000)
  for (let index = 1; index < 200; index += 1) pace.forget(`key-${index}`)
  expect(pace.leftMs('key-0')).toBe(2_000)
})
