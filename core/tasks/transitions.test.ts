import { expect, test } from 'vitest'
import { endedStatus, heldStatus, task, uncheckedStatus } from '../../test/support/objects.ts'
import type { AgentTask } from '../api/agent-task.ts'
import { readinessOf } from './transitions.ts'

const skipped = {
  ...endedStatus(false),
  failure: { reason: 'DependencyFailed' as const, message: '', remedy: '' },
}
const cases: readonly [string, AgentTask | undefined, string][] = [
  ['succeeded', task('a', {}, endedStatus(true)), 'ready'],
  ['was written, and nothing could check it', task('a', {}, uncheckedStatus()), 'ready'],
  ['still runs', task('a', {}, heldStatus('p1')), 'waiting'],
  ['is not made yet', undefined, 'waiting'],
  ['failed', task('a', {}, endedStatus(false)), 'broken'],
  [
    'failed, and the request can spare it',
    task('a', { onFailure: 'Continue' }, endedStatus(false)),
    'ready',
  ],
  [
    'could be spared and was skipped itself',
    task('a', { onFailure: 'Continue' }, skipped),
    'broken',
  ],
]
test.each(cases)('a task whose dependency %s', (_what, dependency, want) => {
  const waiting = task('b', { after: ['a'] }, {})
  expect(readinessOf(waiting, () => dependency).state).toBe(want)
})

test('one that failed breaks a task, whatever the others do', () => {
  const waiting = task('c', { after: ['a', 'b'] }, {})
  const known = { a: task('a', {}, heldStatus('p1')), b: task('b', {}, endedStatus(false)) }
  expect(readinessOf(waiting, (name) => known[name as 'a' | 'b'])).toEqual({
    state: 'broken',
    by: 'b',
  })
})
