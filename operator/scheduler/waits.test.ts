import { expect, test } from 'vitest'
import { queuedStatus, task } from '../../test/support/objects.ts'
import { Waits } from './waits.ts'

const place = (reason: string, told?: string) => ({
  task: task(
    'a',
    {},
    told === undefined ? queuedStatus : { ...queuedStatus, queue: { position: 0, reason: told } },
  ),
  position: 0,
  reason,
})

test('a wait is told once it lasts, and a new reason begins anew', () => {
  const waits = new Waits(2_000)
  expect(waits.of([place('busy')], 0)).toEqual({ long: [], nextMs: 2_000 })
  expect(waits.of([place('busy')], 1_500)).toEqual({ long: [], nextMs: 500 })
  expect(waits.of([place('busy')], 2_000).long).toHaveLength(1)
  expect(waits.of([place('starting', 'busy')], 2_100)).toEqual({ long: [], nextMs: 2_000 })
})

test('what is told already is not told again', () => {
  const waits = new Waits(2_000)
  waits.of([place('busy', 'busy')], 0)
  expect(waits.of([place('busy', 'busy')], 9_000)).toEqual({ long: [], nextMs: undefined })
})

test('who left the queue and comes back waits anew', () => {
  const waits = new Waits(2_000)
  waits.of([place('busy')], 0)
  waits.of([], 1_000)
  expect(waits.of([place('busy')], 2_500).long).toEqual([])
})
