import { expect, test } from 'vitest'
import { createBusyMeter } from './busy.ts'

test('only the time in which something waits counts, and a slot that stands idle then', () => {
  let now = 0
  const meter = createBusyMeter(2, () => now)
  const at = (ms: number, change: Parameters<typeof meter.tell>[0]) => {
    now = ms
    meter.tell(change)
  }
  expect(meter.share()).toBeNaN()
  at(100, { working: 2, waiting: 3 })
  at(170, { working: 1 })
  at(200, { working: 2 })
  at(300, { waiting: 0 })
  at(900, { working: 0 })
  expect(meter.waitedMs()).toBe(200)
  // Of 400 slot milliseconds 30 were idle.
  expect(meter.share()).toBeCloseTo(370 / 400)
})
