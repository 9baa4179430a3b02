import { expect, test } from 'vitest'
import { callsOf, gatewayReport, createBusyMeter } from './results.ts'

const run = { date: '2026-11-26T00:00:00Z', commit: 'abc', quick: true, cores: 2 }
const machine = { processor: 'p', node: '24' }

test.each([
  [12, 0.97, 0],
  [16, 0.97, 1],
  [12, 0.9, 1],
])(
  'of %d ms after 4 bare ones and %d of the slots %d goals are missed',
  (gatewayMs, share, want) => {
    const calls = [callsOf('x', [{ bareMs: 4, gatewayMs }])]
    const busy = { slots: 4, calls: 9, waitedMs: 1000, share }
    const text = gatewayReport({ ...run, ...machine, calls, busy })
    expect(text.match(/\*\*no\*\*/g) ?? []).toHaveLength(want)
  },
)

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
