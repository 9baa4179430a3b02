import { expect, test } from 'vitest'
import { queuedStatus, task } from '../../test/support/objects.ts'
import { WaitingTimes } from './waiting-times.ts'

const waiting = (reason: string, told?: string) => ({
  task: task(
    'a',
    {},
    told === undefined ? queuedStatus : { ...queuedStatus, queue: { position: 0, reason: told } },
  ),
  position: 0,
  reason,
})

test('a reason is written once it lasts, and a new reason starts the time again', () => {
  const times = new WaitingTimes(2_000)
  expect(times.of([waiting('busy')], 0)).toEqual({ long: [], nextMs: 2_000 })
  expect(times.of([waiting('busy')], 1_500)).toEqual({ long: [], nextMs: 500 })
  expect(times.of([waiting('busy')], 2_000).long).toHaveLength(1)
  expect(times.of([waiting('starting', 'busy')], 2_100)).toEqual({ long: [], nextMs: 2_000 })
})

test('a reason that is written already is not written again', () => {
  const times = new WaitingTimes(2_000)
  times.of([waiting('busy', 'busy')], 0)
  expect(times.of([waiting('busy', 'busy')], 9_000)).toEqual({ long: [], nextMs: undefined })
})

test('the time of a task that stopped waiting starts again', () => {
  const times = new WaitingTimes(2_000)
  times.of([waiting('busy')], 0)
  times.of([], 1_000)
  expect(times.of([waiting('busy')], 2_500).long).toEqual([])
})
