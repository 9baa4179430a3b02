// What is said about tasks that have ended: each thing once, and nothing about what never began.
import { describe, expect, test } from 'vitest'
import type { AgentTask } from '../../core/api/agent-task.ts'
import type { FailureReason } from '../../core/api/failures.ts'
import { taskConditions } from '../../core/api/conditions.ts'
import type { EndedTask } from './run-plan.ts'
import { outcomeOf } from './outcome.ts'

type Status = NonNullable<AgentTask['status']>
type Said = { readonly summary?: string; readonly notes?: readonly string[] }

function task(
  action: AgentTask['spec']['action'],
  status: Partial<Status>,
  onFailure: AgentTask['spec']['onFailure'] = 'FailRequest',
): EndedTask {
  const spec = { action, title: `Do the ${action}`, onFailure } as AgentTask['spec']
  return { task: { spec, status } as AgentTask, tries: [] }
}
const conditions = (reason: string) =>
  [taskConditions.Finished, taskConditions.Succeeded].map((type) => ({
    type,
    status:
      type === taskConditions.Finished || /^(?:Done|NothingChanged)$/.test(reason)
        ? ('True' as const)
        : ('False' as const),
    reason,
    message: '',
    lastTransitionTime: '',
  }))
function ended(
  action: AgentTask['spec']['action'],
  verdict: string,
  { summary = '', notes = [] }: Said = {},
): EndedTask {
  const result = { verdict, summary, notes, evidence: [] } as unknown as Status['result']
  return task(action, { result, conditions: conditions(verdict) })
}
function failed(
  action: AgentTask['spec']['action'],
  reason: FailureReason,
  onFailure: AgentTask['spec']['onFailure'],
): EndedTask {
  const failure = { reason, message: `${action}: no`, remedy: '' }
  return task(action, { failure, conditions: conditions(reason) }, onFailure)
}

describe('what was never begun is not said to have failed', () => {
  test.each<[string, FailureReason, readonly string[]]>([
    ['a review of work that failed', 'DependencyFailed', []],
    [
      'a review that failed itself',
      'TimedOut',
      ['Do the review: it failed, and the work went on without it: review: no'],
    ],
    [
      'a review that a server refused',
      'ModelRefused',
      ['Do the review: it failed, and the work went on without it: review: no'],
    ],
  ])('%s', (_, reason, want) => {
    const tasks = [
      failed('spec', 'ChecksFailed', 'FailRequest'),
      failed('verify', 'DependencyFailed', 'FailRequest'),
      failed('review', reason, 'Continue'),
      failed('document', 'DependencyFailed', 'Continue'),
    ]
    const { warnings, failure } = outcomeOf(tasks)
    expect(warnings).toEqual(want)
    expect(failure?.reason).toBe('ChecksFailed')
  })
})

describe('why work is unchecked is said once', () => {
  const wrote = 'Wrote page.svg, and nothing could check it: no runner.'
  const unrun = '2 test files could not be run: they need vitest'
  const flaky = 'flaky: test/a.test.js > a passes only now and then'

  test.each<[string, readonly EndedTask[], readonly string[]]>([
    [
      'by who wrote it',
      [
        ended('code', 'Unchecked', { summary: wrote }),
        ended('verify', 'Unchecked', { summary: `Run twice. ${wrote}` }),
        ended('finish', 'Unchecked', { summary: 'Run twice. Nothing could check page.' }),
      ],
      [wrote],
    ],
    [
      'for two units with one reason',
      [
        ended('code', 'Unchecked', { summary: wrote }),
        ended('code', 'Unchecked', { summary: wrote }),
      ],
      [wrote],
    ],
    [
      'for two units with two',
      [
        ended('code', 'Unchecked', { summary: wrote }),
        ended('code', 'Unchecked', { summary: 'Wrote b.' }),
      ],
      [wrote, 'Wrote b.'],
    ],
    [
      'by who verified it, when the code was proven',
      [
        ended('code', 'Done'),
        ended('verify', 'Unchecked', { summary: 'No test says it.' }),
        ended('finish', 'Unchecked', { summary: 'Nothing could check it.' }),
      ],
      ['No test says it.'],
    ],
    [
      'by who came last',
      [ended('code', 'Done'), ended('finish', 'Unchecked', { summary: 'Nobody knows.' })],
      ['Nobody knows.'],
    ],
    [
      'with the tests that could not be run',
      [
        ended('branch', 'NothingChanged', { notes: ['fails before the change: x', unrun] }),
        ended('code', 'Unchecked', { summary: wrote }),
        ended('finish', 'Unchecked', { summary: wrote, notes: [unrun, 'code: Do the code'] }),
      ],
      [wrote, unrun],
    ],
    [
      'with the tests that passed only now and then',
      [
        ended('code', 'Unchecked', { summary: wrote, notes: [flaky] }),
        ended('verify', 'Unchecked', { summary: wrote, notes: [flaky, 'code: Do the code'] }),
      ],
      [wrote, flaky],
    ],
  ])('%s', (_, tasks, want) => {
    const { warnings, verdict, summary } = outcomeOf(tasks)
    expect(verdict).toBe('Unchecked')
    expect(warnings).toEqual(want)
    expect(summary).toBe(
      want.filter((sentence) => sentence !== unrun && sentence !== flaky).join(' '),
    )
  })
})

describe('flaky tests are named, whatever the end', () => {
  const note = (id: string): string => `flaky: ${id} passes only now and then`
  test.each<[string, readonly (readonly string[])[], readonly string[]]>([
    ['of the last task', [[], [note('a.test.js > a')]], [note('a.test.js > a')]],
    ['once', [[note('a > a'), 'more'], [note('a > a')]], [note('a > a')]],
    ['of several tasks', [[note('a > a')], [note('b > b')]], [note('a > a'), note('b > b')]],
  ])('%s', (_, notes, want) => {
    const tasks = notes.map((one, index) =>
      ended(index === 0 ? 'code' : 'finish', 'Done', { notes: one }),
    )
    const { warnings, verdict } = outcomeOf(tasks)
    expect(verdict).toBe('Done')
    expect(warnings).toEqual(want)
  })
})
