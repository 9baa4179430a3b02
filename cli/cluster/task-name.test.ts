import { expect, test } from 'vitest'
import { condition, examplePlan, exampleRequest } from '../../test/support/example-objects.ts'
import { taskMeant } from './task-name.ts'

const snapshot = { request: exampleRequest({ plan: examplePlan }), tasks: [], agents: [] }

test.each([
  ['hello-code-greet', 'hello-code-greet'],
  ['code-greet', 'hello-code-greet'],
  ['greet/code', 'hello-code-greet'],
  ['greet / code', 'hello-code-greet'],
  ['code greet', 'hello-code-greet'],
  ['spec parse', 'hello-spec-parse'],
  ['parse/spec', 'hello-spec-parse'],
  ['branch', 'hello-branch'],
  ['hello-finish', 'hello-finish'],
  ['finish ', 'hello-finish'],
])('a task that is called %s, as some view of it shows it, is %s', (typed, want) => {
  expect(taskMeant(snapshot, typed)).toBe(want)
})

test('a task that is not there is told with those that are', () => {
  expect(() => taskMeant(snapshot, 'greet')).toThrow(
    'hello has no task greet; it has: branch, greet/spec, greet/code, parse/spec, finish',
  )
  const early = {
    ...snapshot,
    request: exampleRequest({ conditions: [condition('Planned', 'Unknown', 'x')] }),
  }
  expect(() => taskMeant(early, 'code')).toThrow('hello has no tasks yet, and so no code')
})
