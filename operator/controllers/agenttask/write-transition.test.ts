import { expect, test } from 'vitest'
import { endedStatus, heldStatus, now, task } from '../../../test/support/objects.ts'
import type { AgentTask, TaskResult } from '../../../core/api/agent-task.ts'
import { findingsInShort, reviewFindings } from '../../../core/api/task-state.ts'
import { newsForRequest } from './write-transition.ts'
import { type Transition, assign, attemptOver, skip } from '../../../core/tasks/transitions.ts'

const after = (one: AgentTask, { status }: Transition): AgentTask => ({ ...one, status })

function news(one: AgentTask, transition: Transition) {
  return newsForRequest(after(one, transition), transition)
}

const held = (maxAttempts = 3): AgentTask => task('code-slug', { maxAttempts }, heldStatus('p1'))

test('the Events of a request tell that a task is tried again, and that it failed', () => {
  const end = { reason: 'ChecksFailed', message: '1 of 3 tests failed' } as const
  expect(news(held(), attemptOver(held(), end, now))).toEqual({
    type: 'Warning',
    reason: 'TaskRetrying',
    action: 'Progress',
    minor: true,
    message: 'code-slug: attempt 1 of 3 failed: ChecksFailed: 1 of 3 tests failed',
  })
  const last = news(held(1), attemptOver(held(1), end, now))
  expect(last).toMatchObject({ reason: 'TaskFailed', type: 'Warning' })
  expect(last?.message).toMatch(/^code-slug: ChecksFailed: 1 of 3 tests failed Remedy: /)
})

test('an assignment, or a skip after another failure, causes no Event of the request', () => {
  const open = task('a')
  expect(news(open, assign(open, { name: 'coding-1', podUid: 'p1' }, now))).toBeUndefined()
  expect(news(open, skip(open, 'b', now))).toBeUndefined()
})

const notes = [
  'high (model): src/slug.js: bug: The last hyphen stays. More words follow. [return text]',
  'low: src/wrap.js: // TODO',
  'the model gave no usable answer for 1 files',
]
const reviewed = (found: readonly string[], action = 'review'): AgentTask =>
  task(
    'review',
    { action: action as 'review' },
    { ...endedStatus(true), result: { notes: [...found] } as unknown as TaskResult },
  )

test.each<[string, AgentTask, string]>([
  [
    'two',
    reviewed(notes),
    '2 findings, the first: high (model): src/slug.js: bug: The last hyphen stays.',
  ],
  ['one', reviewed(notes.slice(1)), '1 finding: low: src/wrap.js: // TODO'],
  ['none', reviewed(notes.slice(2)), ''],
  ['notes of another task', reviewed(notes, 'code'), ''],
  ['a long one', reviewed([`large: ${'x'.repeat(400)}`]), `1 finding: large: ${'x'.repeat(192)}…`],
])('what a review found is told by its count and its first sentence: %s', (_, one, want) => {
  expect(findingsInShort(one)).toBe(want)
  const told = newsForRequest(one, { reason: 'Succeeded', message: 'done' })
  expect(told?.message).toBe(want === '' ? undefined : `review: ${want}`)
})

test('a remark about the review itself is not a finding', () => {
  expect(reviewFindings(reviewed(notes))).toHaveLength(2)
})
