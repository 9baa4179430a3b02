import { array, assert, asyncProperty, nat, record } from 'fast-check'
import { expect, test } from 'vitest'
import { VirtualClock } from '../../../test/support/virtual-clock.ts'
import { DelayedKeys } from './queue.ts'

test('each key comes once, at the earliest of its times, in their order', async () => {
  const step = record({ key: nat(5), ms: nat(100), pauseMs: nat(20) })
  await assert(
    asyncProperty(array(step, { maxLength: 30 }), async (steps) => {
      const clock = new VirtualClock()
      const due = new Map<string, number>()
      let last = 0
      const delayed = new DelayedKeys(clock, (key) => {
        const now = clock.monotonic()
        // A millisecond early at most; see the slack for early timers.
        expect(Math.abs((due.get(key) ?? Number.NaN) - now)).toBeLessThanOrEqual(1)
        expect(now).toBeGreaterThanOrEqual(last)
        last = now
        due.delete(key)
      })
      for (const { key, ms, pauseMs } of steps) {
        const name = `k-${key}`
        due.set(name, Math.min(due.get(name) ?? Number.POSITIVE_INFINITY, clock.monotonic() + ms))
        delayed.put(name, ms)
        await clock.advance(pauseMs)
      }
      await clock.advance(200)
      expect(due).toEqual(new Map())
      expect(clock.pending).toBe(0)
    }),
    { numRuns: 50 },
  )
})

test('a key that comes early again and again does not leave its later times behind', async () => {
  const clock = new VirtualClock()
  const came: string[] = []
  const delayed = new DelayedKeys(clock, (key) => came.push(key))
  for (let round = 0; round < 1_000; round += 1) {
    delayed.put('a', 600_000)
    delayed.put('a', 10)
    await clock.advance(20)
  }
  expect(came).toHaveLength(1_000)
  await clock.advance(1_200_000)
  expect(came).toHaveLength(1_000)
  expect(clock.pending).toBe(0)
})
