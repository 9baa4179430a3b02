import { expect, test } from 'vitest'
import { VirtualClock } from '../../../test/support/virtual-clock.ts'
import { StartFailures } from './start-failures.ts'

test('every agent that never reached the hub makes the pause of its type longer, up to five minutes', () => {
  const clock = new VirtualClock()
  const failures = new StartFailures(clock)
  const pauses = Array.from({ length: 8 }, () => {
    failures.failed('coding', 'exit 1')
    return ((failures.troubles.get('coding')?.until ?? 0) - clock.now()) / 1000
  })
  expect(pauses).toEqual([5, 10, 20, 40, 80, 160, 300, 300])
  expect(failures.troubles.has('testing')).toBe(false)
})

test('an agent that reaches the hub ends the pause of its type', () => {
  const failures = new StartFailures(new VirtualClock())
  failures.failed('coding', 'exit 1')
  failures.failed('testing', 'exit 1')
  failures.succeeded('coding')
  expect([...failures.troubles.keys()]).toEqual(['testing'])
})
