import { expect, test } from 'vitest'
import { agent, endedStatus, heldStatus, request, task } from '../../../test/support/objects.ts'
import { kinds } from '../../../core/api/kinds.ts'
import { checkOf } from './controller.ts'

const checkTask = checkOf(kinds.tasks)
const checkAgent = checkOf(kinds.agents)
const checkRequest = checkOf(kinds.requests)

test('what the operator itself makes is fit for work', () => {
  for (const one of [task('a'), task('a', {}, {}), task('a', {}, heldStatus('p1'))])
    expect(checkTask(one)).toBeUndefined()
  expect(checkTask(task('a', {}, endedStatus(true)))).toBeUndefined()
  expect(checkAgent(agent('c', { state: 'idle' }))).toBeUndefined()
  expect(checkRequest(request('hello'))).toBeUndefined()
})

const spoiled: readonly [string, Record<string, unknown>, string][] = [
  ['no list of what it waits for', { spec: { ...task('a').spec, after: undefined } }, 'spec.after'],
  ['a type of a later version', { spec: { ...task('a').spec, type: 'sales' } }, 'spec.type'],
  ['no spec at all', { spec: undefined }, 'spec'],
  ['conditions that are none', { status: { conditions: 'Ready' } }, 'status.conditions'],
  [
    'a deadline that is no time',
    {
      status: { assignment: { agent: 'c', podUid: 'p', attempt: 1, at: 'soon', deadline: 'late' } },
    },
    'status.assignment.at: is no time',
  ],
]
test.each(spoiled)('a task with %s is named with the place', (_what, change, want) => {
  expect(checkTask({ ...task('a'), ...change })).toContain(want)
})

test('what an unknown version added does not disturb', () => {
  const later = { ...task('a'), spec: { ...task('a').spec, budget: 7 }, extra: { a: 1 } }
  expect(checkTask(later as never)).toBeUndefined()
})
