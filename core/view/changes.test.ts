import { expect, test } from 'vitest'
import type { DevRequestStatus } from '../api/devrequest.ts'
import {
  at,
  condition,
  done,
  ended,
  exampleAgent,
  examplePlan,
  exampleRequest,
  exampleResult,
  exampleTask,
  held,
  taskOf,
  tasks,
} from '../../test/support/example-objects.ts'
import type { Snapshot } from './request.ts'
import { draw } from '../../cli/show/style.ts'
import { transitions } from './changes.ts'

const told = (before: Snapshot | undefined, after: Snapshot) =>
  transitions(before, after).map((line) => draw(line, { color: false, ascii: false }))

const view = (
  fields: Partial<Snapshot> = {},
  status: DevRequestStatus = { plan: examplePlan },
) => ({
  request: exampleRequest(status),
  tasks: [],
  agents: [],
  ...fields,
})

const busy = (activity: string) =>
  exampleAgent('testing-1', { state: 'busy', currentTask: 'hello-spec-greet', activity })
const spec = (status: Parameters<typeof taskOf>[1]) => [taskOf(tasks.specGreet, status)]

const review = (notes: string[]) => [
  taskOf(exampleTask('review'), done('review-1', 1, 2, { notes })),
]

const steps: readonly {
  readonly step: string
  readonly before: Snapshot | undefined
  readonly after: Snapshot
  readonly want: readonly string[]
}[] = [
  {
    step: 'nothing when nothing happened',
    before: view({ tasks: spec(held('testing-1', 1)), agents: [busy('try 1')] }),
    after: view({ tasks: spec(held('testing-1', 1)), agents: [busy('try 1')] }),
    want: [],
  },
  {
    step: 'the model, with the word rehearsal explained',
    before: undefined,
    after: view({}, { model: 'rehearsal' }),
    want: ['hello is Pending', 'hello works with the model rehearsal (scripted answers)'],
  },
  {
    step: 'the plan and its warnings, once',
    before: view({}, {}),
    after: view(
      {},
      { plan: { ...examplePlan, model: 'm:1', warnings: ['only one unit was found'] } },
    ),
    want: [
      'plan made by the model m:1: 2 units (greet, parse), 5 tasks, team 2 testing, 1 coding',
      'plan warning: only one unit was found',
    ],
  },
  {
    step: 'an agent that comes and one that goes',
    before: view({
      agents: [
        exampleAgent('coding-1', {
          performance: { completed: 3, failed: 1, meanSeconds: 9, tokens: 5 },
        }),
      ],
    }),
    after: view({ agents: [exampleAgent('testing-1', { state: 'starting' })] }),
    want: [
      'agent testing-1 (testing) appeared and is starting',
      'agent coding-1 left after 4 tasks',
    ],
  },
  {
    step: 'nothing of agents of other requests: they come, go, and were free before',
    before: view({
      agents: [
        exampleAgent('coding-1', { currentRequest: 'other' }),
        exampleAgent('coding-2', { servedRequest: { name: 'other', uid: 'u' } }),
        exampleAgent('coding-3', {}),
      ],
    }),
    after: view({
      agents: [
        exampleAgent('coding-3', { currentRequest: 'other' }),
        exampleAgent('coding-4', { currentRequest: 'other', state: 'busy' }),
        exampleAgent('coding-5', { servedRequest: { name: 'other', uid: 'u' }, state: 'idle' }),
      ],
    }),
    want: [],
  },
  {
    step: 'agents of the request itself, and free ones',
    before: view({ agents: [exampleAgent('coding-1', { currentRequest: 'hello' })] }),
    after: view({
      agents: [
        exampleAgent('coding-2', { currentRequest: 'hello', state: 'busy' }),
        exampleAgent('coding-3', { servedRequest: { name: 'hello', uid: 'u' }, state: 'idle' }),
      ],
    }),
    want: [
      'agent coding-2 (coding) appeared and is busy',
      'agent coding-3 (coding) appeared and is idle',
      'agent coding-1 left',
    ],
  },
  {
    step: 'that a task which only looks changed nothing, in no word that reads like an error',
    before: view({ tasks: [taskOf(exampleTask('branch'), held('git-1', 1))] }),
    after: view({
      tasks: [taskOf(exampleTask('branch'), done('git-1', 1, 2, { verdict: 'NothingChanged' }))],
    }),
    want: ['✔ branch finished'],
  },
  {
    step: 'that there was nothing to write',
    before: view({ tasks: spec(held('testing-1', 1)) }),
    after: view({ tasks: spec(done('testing-1', 1, 2, { verdict: 'NothingChanged' })) }),
    want: ['✔ spec greet finished: no change needed'],
  },
  {
    step: 'the start of a task',
    before: view({ tasks: spec({}) }),
    after: view({ tasks: spec(held('testing-1', 1)) }),
    want: ['● spec greet started on testing-1: Do the spec'],
  },
  {
    step: 'failing tests and the repair',
    before: view({ tasks: spec(held('testing-1', 1)), agents: [busy('try 1: running tests')] }),
    after: view({
      tasks: spec(held('testing-1', 1)),
      agents: [busy('try 2: repairing after 2 failed tests')],
    }),
    want: ['● spec greet: try 2: repairing after 2 failed tests'],
  },
  {
    step: 'a lost agent and the next attempt',
    before: view({ tasks: spec(held('testing-1', 1)) }),
    after: view({
      tasks: spec({
        ...held('testing-2', 30, 2),
        history: [
          {
            attempt: 1,
            agent: 'testing-1',
            startedAt: at(1),
            finishedAt: at(20),
            failure: { reason: 'AgentLost', message: 'no heartbeat for 30 s', remedy: '' },
          },
        ],
      }),
    }),
    want: [
      '✖ spec greet attempt 1 on testing-1 ended: AgentLost: no heartbeat for 30 s',
      '● spec greet started on testing-2, attempt 2: Do the spec',
    ],
  },
  {
    step: 'the cause of the last attempt and of the end once',
    before: view({ tasks: spec(held('testing-1', 1)) }),
    after: view({
      tasks: spec({
        ...ended('DeadLettered', { reason: 'TimedOut', message: 'it took too long', remedy: '' }),
        history: [
          {
            attempt: 1,
            agent: 'testing-1',
            startedAt: at(1),
            finishedAt: at(20),
            failure: { reason: 'TimedOut', message: 'it took too long', remedy: '' },
          },
        ],
      }),
    }),
    want: [
      '✖ spec greet attempt 1 on testing-1 ended: TimedOut: it took too long',
      '⚠ spec greet has no attempt left: TimedOut',
    ],
  },
  {
    step: 'new tests, which fail before their code',
    before: view({ tasks: spec(held('testing-1', 1)) }),
    after: view({
      tasks: spec(
        done('testing-1', 1, 9, {
          evidence: [{ command: 'node --test', exitCode: 1, passed: 0, failed: 5, digest: '' }],
        }),
      ),
    }),
    want: ['✔ spec greet finished: 5 tests written, failing as they must before the code'],
  },
  {
    step: 'the report before the merge',
    before: view({ tasks: spec(held('testing-1', 1)) }),
    after: view({ tasks: spec({ ...held('testing-1', 1), result: exampleResult() }) }),
    want: ['● spec greet reported: merging'],
  },
  {
    step: 'the end with its figures',
    before: view({ tasks: spec(held('testing-1', 1)) }),
    after: view({
      tasks: spec(
        done('testing-1', 1, 9, {
          tries: 2,
          merged: 'd'.repeat(40),
          evidence: [{ command: 'node --test', exitCode: 0, passed: 3, failed: 0, digest: '' }],
        }),
      ),
    }),
    want: ['✔ spec greet finished: 3 tests passed, 2 tries, integrated as dddddddd'],
  },
  {
    step: 'an end whose start was missed, with its agent',
    before: view({ tasks: spec({}) }),
    after: view({ tasks: spec(done('testing-1', 1, 2)) }),
    want: ['✔ spec greet finished on testing-1'],
  },
  {
    step: 'what the review found, by its count and its first sentence',
    before: view({ tasks: spec({}) }),
    after: view({ tasks: review(['high: a.js: a test file was deleted', 'low: b.js: // TODO']) }),
    want: [
      '✔ review finished on review-1: 2 findings, the first: high: a.js: a test file was deleted',
    ],
  },
  {
    step: 'a dead letter',
    before: view({ tasks: spec({}) }),
    after: view({
      tasks: spec(ended('DeadLettered', { reason: 'TimedOut', message: 'no report', remedy: 'x' })),
    }),
    want: ['⚠ spec greet has no attempt left: TimedOut: no report'],
  },
  {
    step: 'a refusal that another attempt would only repeat',
    before: view({ tasks: spec({}) }),
    after: view({
      tasks: spec(ended('DeadLettered', { reason: 'ModelRefused', message: 'no', remedy: 'x' })),
    }),
    want: [
      '⚠ spec greet is given up, because another attempt would end the same: ModelRefused: no',
    ],
  },
  {
    step: 'what is waited for',
    before: view(),
    after: view({}, { plan: examplePlan, waitingFor: 'the model' }),
    want: ['hello is waiting: the model'],
  },
  {
    step: 'the end of the request',
    before: view(),
    after: view(
      {},
      {
        plan: examplePlan,
        conditions: [
          condition('Succeeded', 'True', 'Succeeded'),
          condition('Finished', 'True', 'x'),
        ],
        progress: '5/5',
        branch: 'guild/hello',
        model: 'm',
        tokens: 1500,
        summary: 'All is well.',
      },
    ),
    want: [
      'hello works with the model m',
      '✔ hello Succeeded: 5/5 tasks, branch guild/hello, 1.5k tokens, model m',
      'All is well.',
    ],
  },
]

test.each(steps)('tells $step', ({ before, after, want }) => {
  expect(told(before, after)).toEqual(want)
})
