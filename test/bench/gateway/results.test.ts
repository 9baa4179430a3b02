import { expect, test } from 'vitest'
import { callsOf, gatewayReport } from './results.ts'

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
