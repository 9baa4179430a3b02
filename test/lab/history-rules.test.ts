import { expect, test } from 'vitest'
import type { AgentTask, AgentTaskStatus, TaskResult } from '../../core/api/agent-task.ts'
import { chain, emptyChain } from '../../operator/audit/chain.ts'
import {
  agent,
  condition,
  endedStatus,
  heldStatus,
  queuedStatus,
  task,
} from '../support/objects.ts'
import type { ApiObject } from './api.ts'
import { type Entry, type RecordedKind, auditViolations, violations } from './history-rules.ts'

const result: TaskResult = {
  verdict: 'Done',
  summary: '',
  files: [],
  evidence: [],
  tries: 1,
  tokens: 0,
  durationSeconds: 1,
  notes: [],
  model: '',
}

/** A history of versions 1, 2, 3 …; each entry says what happened to which object. */
function historyOf(
  ...steps: readonly (readonly [RecordedKind, object, ('DELETED' | 'gap')?])[]
): readonly Entry[] {
  const seen = new Set<string>()
  return steps.map(([kind, object, what], index) => {
    const { uid } = (object as ApiObject).metadata
    const known = seen.has(uid)
    seen.add(uid)
    return {
      kind,
      type: what === 'DELETED' ? 'DELETED' : known ? 'MODIFIED' : 'ADDED',
      version: BigInt(index + 1),
      at: index,
      object: object as ApiObject,
      afterGap: what === 'gap',
    }
  })
}

const step = (status: AgentTaskStatus, spec: Partial<AgentTask['spec']> = {}, name = 'a') =>
  ['AgentTask', task(name, spec, status)] as const
const held = (podUid: string, attempt = 1) => heldStatus(podUid, attempt)
const integrating = { ...held('p1'), result, conditions: queuedStatus.conditions ?? [] }
const good = { ...endedStatus(true), result, assignment: held('p1').assignment }
const retrying: AgentTaskStatus = { ...queuedStatus, ...attemptsOf(1) }
function attemptsOf(attempt: number): AgentTaskStatus {
  return { attempts: attempt, assignment: held(`p${attempt}`, attempt).assignment }
}
const deadLettered = (attempts: number, reason: 'ChecksFailed' | 'Unsupported') => ({
  ...endedStatus(false),
  attempts,
  failure: { reason, message: '', remedy: '' },
  conditions: [...(endedStatus(false).conditions ?? []), condition('DeadLettered', 'True')],
})
/** The entries of a Pod that works on a task of a request. */
const stepOf = (request: string, status: AgentTaskStatus, name: string) => {
  const one = task(name, { requestRef: { name: 'hello' } }, status)
  const owner = { apiVersion: one.apiVersion, kind: 'DevRequest', name: 'hello', uid: request }
  const metadata = { ...one.metadata, ownerReferences: [owner] }
  return ['AgentTask', { ...one, metadata }] as const
}
const twoRequests = historyOf(
  stepOf('r1', held('p1'), 'a'),
  stepOf('r1', good, 'a'),
  stepOf('r2', held('p1'), 'b'),
  stepOf('r2', good, 'b'),
)
const owned = (name: string, owner: string) => ({
  metadata: {
    ...agent(name).metadata,
    ownerReferences: [
      { apiVersion: 'v1', kind: 'Agent', name: owner, uid: `uid-${owner}`, controller: true },
    ],
  },
})

const blameless: readonly (readonly [string, readonly Entry[]])[] = [
  [
    'a task that is given away, reported and merged',
    historyOf(step(queuedStatus), step(held('p1')), step(integrating), step(good)),
  ],
  [
    'a second attempt after the first was let go',
    historyOf(
      step(queuedStatus),
      step(held('p1')),
      step(retrying),
      step(held('p2', 2)),
      step({ ...retrying, ...attemptsOf(2) }),
      step(deadLettered(3, 'ChecksFailed')),
    ),
  ],
  [
    'a Pod that takes one task after another',
    historyOf(
      step(queuedStatus),
      step(held('p1')),
      step(good),
      step(queuedStatus, {}, 'b'),
      step(held('p1'), {}, 'b'),
      step(good, {}, 'b'),
    ),
  ],
  [
    'a task behind one that may fail',
    historyOf(
      step(deadLettered(1, 'Unsupported'), { onFailure: 'Continue' }),
      step(queuedStatus, { after: ['a'] }, 'b'),
      step(held('p1'), { after: ['a'] }, 'b'),
      step(good, { after: ['a'] }, 'b'),
    ),
  ],
  [
    'a version that was missed, and is known to be',
    historyOf(
      step(held('p1')),
      ['AgentTask', task('a', {}, held('p2', 2)), 'gap'],
      step({ ...good, ...attemptsOf(2) }),
    ),
  ],
  [
    'a task that somebody deleted',
    historyOf(step(held('p1')), ['AgentTask', task('a', {}, held('p1')), 'DELETED']),
  ],
]

test.each(blameless)('%s breaks nothing', (_what, entries) => {
  expect(violations(entries, { maxAgents: 1 })).toEqual([])
})

const broken: readonly (readonly [string, string, readonly Entry[]])[] = [
  ['a task that never ends', 'I1', historyOf(step(queuedStatus))],
  [
    'a result that nobody held the task for',
    'I2',
    historyOf(step(queuedStatus), step(integrating)),
  ],
  [
    'a result of another attempt',
    'I2',
    historyOf(step(held('p0')), step({ ...integrating, assignment: held('p1', 2).assignment })),
  ],
  [
    'a second result',
    'I2',
    historyOf(
      step(held('p1')),
      step(integrating),
      step({ ...integrating, result: { ...result, tries: 2 } }),
    ),
  ],
  ['one Pod with two tasks', 'I3', historyOf(step(held('p1')), step(held('p1'), {}, 'b'))],
  ['a claim that is taken over', 'I3', historyOf(step(held('p1')), step(held('p2', 2)))],
  [
    'a task for an agent that leaves',
    'I3',
    historyOf(['Agent', agent('agent-of-p1', { state: 'draining' })], step(held('p1'))),
  ],
  [
    'a task before what it waits for',
    'I4',
    historyOf(
      step(queuedStatus),
      step(queuedStatus, { after: ['a'] }, 'b'),
      step(held('p1'), { after: ['a'] }, 'b'),
    ),
  ],
  ['a Pod that works for two requests of the same name', 'I13', twoRequests],
  [
    'a Pod that works for a second request after the task of the first was deleted',
    'I13',
    historyOf(
      stepOf('r1', held('p1'), 'a'),
      [...stepOf('r1', held('p1'), 'a'), 'DELETED'],
      stepOf('r2', held('p1'), 'b'),
    ),
  ],
  ['an agent too many', 'I5', historyOf(['Agent', agent('x')], ['Agent', agent('y')])],
  [
    'a Pod without its agent',
    'I5',
    historyOf(['Agent', agent('x')], ['Pod', owned('pod', 'x')], ['Agent', agent('x'), 'DELETED']),
  ],
  ['an attempt that is left out', 'I6', historyOf(step(queuedStatus), step(held('p1', 2)))],
  ['more attempts than allowed', 'I6', historyOf(step({ ...endedStatus(true), attempts: 4 }))],
  ['a dead letter before its last attempt', 'I6', historyOf(step(deadLettered(1, 'ChecksFailed')))],
  ['an end that is taken back', 'I7', historyOf(step(good), step(queuedStatus))],
  ['an end that changes', 'I7', historyOf(step(good), step(deadLettered(3, 'ChecksFailed')))],
  [
    'a token in an object',
    'I11',
    historyOf(
      step({
        ...good,
        failure: {
          reason: 'PodFailed',
          message: `eyJ${'a'.repeat(30)}.${'b'.repeat(30)}`,
          remedy: '',
        },
      }),
    ),
  ],
]

test.each(broken)('%s is found', (_what, want, entries) => {
  const found = violations(entries, { maxAgents: 1 })
  expect(found.map((sentence) => sentence.split(' ')[0])).toContain(want)
})

test('a Pod may work for two requests where the settings say so', () => {
  expect(violations(twoRequests, { maxAgents: 1, reuse: 'any' })).toEqual([])
})

test('what has not ended is nobody’s fault while work goes on', () => {
  expect(violations(historyOf(step(queuedStatus)), { maxAgents: 1, quiet: false })).toEqual([])
})

function linesFor(...actions: readonly string[]): readonly string[] {
  let head = emptyChain
  return actions.map((action) => {
    const record = {
      time: '',
      actor: 'operator',
      action,
      kind: 'AgentTask',
      name: 'a',
      uid: 'uid-a',
    }
    const next = chain({ ...record, message: '' }, head)
    head = next.head
    return next.line
  })
}

const entry = (kind: Entry['kind'], object: object, version: number): Entry => ({
  kind,
  type: version === 1 ? 'ADDED' : 'MODIFIED',
  version: BigInt(version),
  at: 0,
  object: object as ApiObject,
  afterGap: false,
})
const segment = (lines: readonly string[], version: number, name = 'guildhall-audit-000001') =>
  entry(
    'ConfigMap',
    { metadata: { name, uid: name }, data: { records: lines.join('\n') } },
    version,
  )
const ended = (status: AgentTaskStatus = endedStatus(true)) =>
  entry('AgentTask', task('a', {}, status), 9)

test('a chain that tells of each assignment and each end is good', () => {
  const lines = linesFor('Queued', 'Assigned', 'Succeeded')
  expect(auditViolations([segment(lines.slice(0, 2), 1), segment(lines, 2), ended()])).toEqual([])
})

test.each([
  ['a record that is missing', [segment(linesFor('Assigned'), 1), ended()], 'records of its end'],
  [
    'a record that is there twice',
    [segment(linesFor('Assigned', 'Succeeded', 'Succeeded'), 1), ended()],
    '2 records of its end',
  ],
  [
    'records that were replaced',
    [segment(linesFor('Assigned'), 1), segment(linesFor('Queued'), 2)],
    'was rewritten',
  ],
  ['a gap in the chain', [segment(linesFor('Assigned', 'Succeeded').slice(1), 1)], 'breaks at 1'],
])('%s is found', (_what, entries, want) => {
  expect(auditViolations(entries).join('\n')).toContain(want)
})
