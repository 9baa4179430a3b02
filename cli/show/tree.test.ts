import { stripVTControlCharacters } from 'node:util'
import { describe, expect, test } from 'vitest'
import type { DevRequestStatus } from '../../core/api/devrequest.ts'
import {
  at,
  condition,
  done,
  ended,
  exampleAgent,
  examplePlan,
  exampleRequest,
  exampleResult,
  held,
  start,
  taskOf,
  tasks,
} from '../../test/support/example-objects.ts'
import type { Snapshot } from '../../core/view/request.ts'
import { renderTree } from './tree.ts'

const plain = { color: false, ascii: false }
const running: DevRequestStatus = {
  conditions: [condition('Succeeded', 'Unknown', 'Running')],
  model: 'qwen2.5-coder:7b',
  branch: 'guild/hello',
  commits: 3,
  plan: examplePlan,
  progress: '1/5',
  startedAt: at(0),
}

const { status: _, ...untouched } = exampleRequest()

interface Stage {
  readonly stage: string
  readonly snapshot: Snapshot
  /** Seconds after the start. */
  readonly now: number
  readonly want: readonly string[]
}

const stages: readonly Stage[] = [
  {
    stage: 'a request that no controller has seen',
    snapshot: {
      request: untouched,
      tasks: [],
      agents: [],
    },
    now: 3,
    want: ['hello   Pending   3s'],
  },
  {
    stage: 'planning with the rehearsal model is labelled',
    snapshot: {
      request: exampleRequest({
        conditions: [condition('Succeeded', 'Unknown', 'Planning')],
        model: 'rehearsal',
        startedAt: at(0),
        waitingFor: 'the model',
      }),
      tasks: [],
      agents: [],
    },
    now: 65,
    want: ['hello   Planning   1m05s   model rehearsal (scripted answers)', 'waiting: the model'],
  },
  {
    stage: 'a plan without tasks yet',
    snapshot: {
      request: exampleRequest({
        ...running,
        progress: '0/5',
        commits: 0,
        plan: { ...examplePlan, warnings: ['two units touch src/a.js'] },
      }),
      tasks: [],
      agents: [],
    },
    now: 10,
    want: [
      'hello   Running   10s   progress 0/5   model qwen2.5-coder:7b   branch guild/hello',
      'plan by the model qwen2.5-coder:7b: 2 units, 5 tasks in 4 waves, team 2 testing, 1 coding',
      'warning: two units touch src/a.js',
      '├─ ◷ branch     Prepare the branch',
      '├─ greet',
      '│  ├─ ◷ spec    Do the spec',
      '│  └─ ◷ code    Do the code',
      '├─ parse',
      '│  └─ ◷ spec    Do the spec',
      '└─ ◷ finish     Do the finish',
    ],
  },
  {
    stage: 'tasks in parallel: done, repairing, queued, waiting',
    snapshot: {
      request: exampleRequest({ ...running, tokens: 41_300 }),
      tasks: [
        taskOf(tasks.branch, done('git-1', 1, 4)),
        taskOf(tasks.specGreet, held('testing-1', 5)),
        taskOf(tasks.codeGreet),
        taskOf(tasks.specParse, {
          conditions: [condition('Ready', 'True', 'Ready')],
          queue: { position: 2, reason: 'all testing agents are busy' },
        }),
      ],
      agents: [
        exampleAgent('testing-1', {
          state: 'busy',
          currentTask: 'hello-spec-greet',
          activity: 'try 2: repairing after 2 failed tests',
        }),
      ],
    },
    now: 40,
    want: [
      'hello   Running   40s   progress 1/5   model qwen2.5-coder:7b   tokens 41.3k   branch guild/hello (3 commits)',
      'plan by the model qwen2.5-coder:7b: 2 units, 5 tasks in 4 waves, team 2 testing, 1 coding',
      '├─ ✔ branch     Prepare the branch  git-1      qwen2.5-coder:7b  3s',
      '├─ greet',
      '│  ├─ ● spec    Do the spec         testing-1  qwen2.5-coder:7b  35s  try 2: repairing after 2 failed tests',
      '│  └─ ◷ code    Do the code                                           waits for 1 task',
      '├─ parse',
      '│  └─ ◷ spec    Do the spec                                           all testing agents are busy (2 before it)',
      '└─ ◷ finish     Do the finish',
    ],
  },
]

/** The one line of a request with a single task. */
const one = (status: Parameters<typeof taskOf>[1], agents: Snapshot['agents'] = []) =>
  renderTree(
    {
      request: exampleRequest({ plan: { ...examplePlan, tasks: [tasks.codeGreet] } }),
      tasks: [taskOf(tasks.codeGreet, status)],
      agents,
    },
    start + 60_000,
    plain,
  )
    .at(-1)
    ?.trimStart()
    .replaceAll(/ {2,}/g, '  ')

describe('the tree', () => {
  test.each(stages)('shows $stage', ({ snapshot, now, want }) => {
    expect(renderTree(snapshot, start + now * 1000, plain)).toEqual(want)
  })

  const details = [
    {
      what: 'tests, tries, tokens and the merged commit of what is done',
      status: done('coding-1', 0, 20, {
        evidence: [
          { command: 'node --test', exitCode: 1, passed: 5, failed: 2, digest: '' },
          { command: 'node --test', exitCode: 0, passed: 7, failed: 0, digest: '' },
        ],
        tries: 2,
        tokens: 3200,
        commit: 'b'.repeat(40),
        merged: 'a'.repeat(40),
      }),
      want: '└─ ✔ code  Do the code  coding-1  qwen2.5-coder:7b  20s  7 tests passed · 2 tries · 3.2k tokens · aaaaaaaa',
    },
    {
      what: 'tests that failed before and still do as no fault of the task',
      status: done('coding-1', 0, 20, {
        evidence: [{ command: 'node --test', exitCode: 1, passed: 6, failed: 1, digest: '' }],
      }),
      want: '└─ ✔ code  Do the code  coding-1  qwen2.5-coder:7b  20s  6 tests passed, 1 failing as before',
    },
    {
      what: 'a file that could not be loaded as no test',
      status: done('coding-1', 0, 20, {
        evidence: [
          { command: 'node --test', exitCode: 1, passed: 5, failed: 1, unloaded: 1, digest: '' },
        ],
      }),
      want: '└─ ✔ code  Do the code  coding-1  qwen2.5-coder:7b  20s  5 tests passed; 1 test file could not be loaded before either',
    },
    {
      what: 'files that could not be loaded beside tests that fail',
      status: done('coding-1', 0, 20, {
        evidence: [
          { command: 'node --test', exitCode: 1, passed: 5, failed: 3, unloaded: 2, digest: '' },
        ],
      }),
      want: '└─ ✔ code  Do the code  coding-1  qwen2.5-coder:7b  20s  5 tests passed, 1 failing as before; 2 test files could not be loaded before either',
    },
    {
      what: 'a verdict other than Done',
      status: done('coding-1', 0, 20, { verdict: 'AlreadyDone' }),
      want: '└─ ✔ code  Do the code  coding-1  qwen2.5-coder:7b  20s  AlreadyDone',
    },
    {
      what: 'work that nothing could check as no success',
      status: {
        ...done('coding-1', 0, 20, { verdict: 'Unchecked', summary: 'No test runs it.' }),
        conditions: [
          condition('Succeeded', 'False', 'Unchecked'),
          condition('Finished', 'True', 'Unchecked'),
        ],
      },
      want: '└─ ? code  Do the code  coding-1  qwen2.5-coder:7b  20s  Unchecked · No test runs it.',
    },
    {
      what: 'the second attempt and why the first one ended',
      status: {
        ...held('coding-2', 50, 2),
        history: [
          {
            attempt: 1,
            agent: 'coding-1',
            startedAt: at(0),
            finishedAt: at(40),
            failure: { reason: 'AgentLost' as const, message: '', remedy: '' },
          },
        ],
      },
      want: '└─ ● code  Do the code  coding-2  10s  attempt 2 after AgentLost',
    },
    {
      what: 'a result that waits to be merged',
      status: {
        ...held('coding-1', 0),
        result: exampleResult({ commit: 'c'.repeat(40) }),
      },
      want: '└─ ● code  Do the code  coding-1  qwen2.5-coder:7b  1m00s  cccccccc · merging',
    },
    {
      what: 'a dead letter with its reason and how many tests failed',
      status: {
        ...ended('DeadLettered', {
          reason: 'ChecksFailed',
          message: 'tests still fail',
          remedy: 'sharpen the request',
        }),
        result: exampleResult({
          verdict: 'ChecksFailed',
          evidence: [{ command: 'node --test', exitCode: 1, passed: 5, failed: 2, digest: '' }],
        }),
      },
      want: '└─ ⚠ code  Do the code  ChecksFailed: tests still fail · 2 of 7 tests failed',
    },
    {
      what: 'what was skipped, and why',
      status: ended('Skipped', {
        reason: 'DependencyFailed',
        message: 'hello-spec-greet failed',
        remedy: '',
      }),
      want: '└─ ○ code  Do the code  hello-spec-greet failed',
    },
    {
      what: 'a failure that still has attempts left as failed',
      status: ended('Failed', undefined),
      want: '└─ ✖ code  Do the code  Failed',
    },
  ]
  test.each(details)('shows $what', ({ status, want }) => {
    expect(one(status)).toBe(want)
  })

  test('ends with the summary, and the clock stands still', () => {
    const request = exampleRequest({
      conditions: [
        condition('Succeeded', 'False', 'TasksFailed'),
        condition('Finished', 'True', 'TasksFailed'),
      ],
      startedAt: at(0),
      completionTime: at(90),
      summary: '1 of 5 tasks failed.',
    })
    expect(renderTree({ request, tasks: [], agents: [] }, start + 900_000, plain)).toEqual([
      'hello   TasksFailed   1m30s',
      '1 of 5 tasks failed.',
    ])
  })

  const why = 'test/slug.test.js: joins: expected a-b and got something else than that'
  const wrote = 'Wrote src/slug.js, and nothing could check it: the tests need vitest'
  const failed = ended('DeadLettered', { reason: 'ChecksFailed', message: why, remedy: '' })
  test.each<[string, string, readonly ReturnType<typeof taskOf>[], string, number]>([
    [
      'of a failure that the summary names',
      `1 of 5 tasks failed. hello-code-greet: ${why}`,
      [taskOf(tasks.codeGreet, failed)],
      why,
      1,
    ],
    [
      'of two tasks that failed for one cause',
      '2 of 5 tasks failed.',
      [taskOf(tasks.codeGreet, failed), taskOf(tasks.specParse, failed)],
      why,
      1,
    ],
    [
      'of two tasks that failed for causes of their own',
      '2 of 5 tasks failed.',
      [
        taskOf(tasks.codeGreet, failed),
        taskOf(tasks.specParse, {
          ...ended('DeadLettered', { reason: 'TimedOut', message: `${why}, too`, remedy: '' }),
        }),
      ],
      'ChecksFailed: test/slug',
      1,
    ],
    [
      'of a warning of the plan that the summary repeats',
      `the branch is ready. ${wrote}.`,
      [],
      wrote,
      1,
    ],
  ])('says a sentence once: that %s', (_, summary, list, want, times) => {
    const request = exampleRequest({
      plan: { ...examplePlan, warnings: [wrote] },
      conditions: [
        condition('Succeeded', 'False', 'TasksFailed'),
        condition('Finished', 'True', 'TasksFailed'),
      ],
      summary,
    })
    const text = renderTree({ request, tasks: list, agents: [] }, start, plain).join('\n')
    expect(text.split(want)).toHaveLength(times + 1)
    expect(text.match(/⚠/g)?.length ?? 0).toBe(list.length)
    // The reason stays with each.
    for (const { status } of list) expect(text).toContain(status?.failure?.reason ?? '?')
  })

  test('keeps to ASCII and to the width when asked', () => {
    const snapshot = stages.at(-1)?.snapshot
    if (snapshot === undefined) throw new Error('no stage')
    const lines = renderTree(snapshot, start + 40_000, { color: false, ascii: true, width: 60 })
    expect(lines.join('\n')).toMatch(/^[\x20-\x7e\n]*$/)
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(60)
    expect(lines).toContain('|  |- * spec    Do the spec     testing-1  35s  try 2: repa~')
    expect(lines).toContain('`- . finish     Do the finish')
  })

  test('colours mark the state and never change the text', () => {
    const snapshot = stages.at(-1)?.snapshot
    if (snapshot === undefined) throw new Error('no stage')
    const coloured = renderTree(snapshot, start, { color: true, ascii: false }).join('\n')
    expect(coloured).toContain('\u001b[32m✔\u001b[0m')
    const bare = stripVTControlCharacters(coloured)
      .split('\n')
      .map((line) => line.trimEnd())
    expect(bare).toEqual(renderTree(snapshot, start, plain))
  })

  test('a model cannot move the cursor with what it writes', () => {
    const lines = one(held('coding-1', 0), [
      exampleAgent('coding-1', {
        currentTask: 'hello-code-greet',
        activity: 'writing\u001b[2J\nrm -rf',
      }),
    ])
    expect(lines).toContain('writing [2J rm -rf')
  })
})
