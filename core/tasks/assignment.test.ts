import { expect, test } from 'vitest'
import { assignmentMessage as schema } from '../api/agent-protocol.ts'
import {
  endedStatus,
  heldStatus,
  request,
  task,
  uncheckedStatus,
} from '../../test/support/objects.ts'
import { assignmentMessage } from './assignment.ts'

const model = { tier: 'good', contextTokens: 8192, outputTokens: 2048 } as const
const asked = request('hello', { request: 'make a slug' }, { base: 'b'.repeat(40) })
const mine = task('hello-code-slug', { unit: 'slug', files: ['src/slug.js'] }, heldStatus('p1', 2))
const sibling = task('hello-code-wrap', { unit: 'wrap', goal: 'wraps', files: ['src/wrap.js'] })
const done = task(
  'hello-spec-slug',
  { action: 'spec', type: 'testing', unit: 'slug' },
  {
    ...endedStatus(true),
    result: {
      verdict: 'Done',
      summary: 'five tests',
      files: [],
      evidence: [],
      tries: 1,
      tokens: 1,
      durationSeconds: 1,
      notes: [],
      model: 'm',
    },
  },
)

test('an assignment holds all an agent needs, and follows the protocol', () => {
  const message = assignmentMessage(mine, asked, [mine, sibling, done], model, 'http://forge:8080')
  expect(schema.parse(message)).toEqual(message)
  expect(message).toMatchObject({
    task: 'hello-code-slug',
    uid: 'uid-hello-code-slug',
    attempt: 2,
    requestText: 'make a slug',
    branch: 'guild/hello',
    taskBranch: 'guild-task/hello-code-slug/2',
    siblings: [{ unit: 'wrap', goal: 'wraps', files: ['src/wrap.js'] }],
    done: [{ task: 'hello-spec-slug', summary: 'five tests' }],
  })
})

test('only a file that a spec task of the request merged is told as a spec, and unchecked units are told', () => {
  const result = { ...done.status?.result, files: ['test/slug-2.test.js'], merged: 'c'.repeat(40) }
  const merged = { ...done, status: { ...done.status, result } } as typeof done
  const unmerged = {
    ...merged,
    status: { ...done.status, result: { ...result, merged: undefined } },
  }
  const code = task('hello-code-wrap', { unit: 'wrap', action: 'code' }, {
    ...uncheckedStatus(),
    result: { ...result, summary: 'no runner' },
  } as typeof done.status)
  const { specs, unchecked } = assignmentMessage(mine, asked, [mine, merged, code], model, '')
  expect(specs).toEqual([{ unit: 'slug', path: 'test/slug-2.test.js', commit: 'c'.repeat(40) }])
  expect(unchecked).toEqual([{ unit: 'wrap', why: 'no runner' }])
  const none = assignmentMessage(mine, asked, [mine, unmerged as typeof done], model, '')
  expect(none.specs).toEqual([])
})

test('failures of earlier attempts are told, newest last', () => {
  const failure = (message: string) => ({ reason: 'ChecksFailed' as const, message, remedy: '' })
  const again = {
    ...mine,
    status: {
      ...mine.status,
      history: [1, 2].map((attempt) => ({
        attempt,
        agent: 'c',
        startedAt: '',
        finishedAt: '',
        failure: failure(`failed ${attempt}`),
      })),
    },
  }
  const message = assignmentMessage(again, asked, [again], model, 'http://forge:8080')
  expect(message.earlier.map((past) => past.message)).toEqual(['failed 1', 'failed 2'])
})
