import { expect, test } from 'vitest'
import { condition, exampleRequest } from '../../test/support/example-objects.ts'
import { endOf, resultOf } from './access.ts'

const over = (reason: string, succeeded: 'True' | 'False') => [
  condition('Succeeded', succeeded, reason),
  condition('Finished', 'True', reason),
]
const branch = 'guild/hello'

test.each([
  [
    'failed with nothing',
    { conditions: over('TasksFailed', 'False'), branch, commits: 0 },
    'hello did not succeed (TasksFailed): the branch guild/hello has no commits of it',
  ],
  [
    'failed on the way',
    { conditions: over('TasksFailed', 'False'), branch, commits: 2 },
    'hello did not succeed (TasksFailed): the branch guild/hello has 2 commits of it',
  ],
  [
    'unchecked',
    { conditions: over('Unchecked', 'False'), branch, commits: 1 },
    'hello is Unchecked, nothing could check all of its work: the branch guild/hello has 1 commit of it',
  ],
  [
    'still running',
    { conditions: [condition('Succeeded', 'Unknown', 'Running')], branch, commits: 3 },
    'hello is not finished (Running): the branch guild/hello has 3 commits of it',
  ],
  [
    'planned only',
    { conditions: over('PlanOnly', 'True'), branch },
    'hello succeeded: the branch guild/hello has no commits of it',
  ],
])('a branch is told with how its request ended: %s', (_, status, want) => {
  expect(endOf(exampleRequest(status))).toBe(want)
})

test('a request without a branch says whether there will be one', () => {
  expect(() => resultOf(exampleRequest({}))).toThrow('hello has no branch yet')
  const failed = exampleRequest({ conditions: over('InvalidSpec', 'False') })
  expect(() => resultOf(failed)).toThrow('hello ended without a branch (InvalidSpec)')
})
