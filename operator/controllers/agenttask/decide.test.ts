import { expect, test } from 'vitest'
import { isTrue } from '../../../core/api/condition-list.ts'
import { failureRemedies } from '../../../core/api/failures.ts'
import type { Report } from '../../../core/api/agent-protocol.ts'
import type { AgentTask } from '../../../core/api/agent-task.ts'
import { at, heldStatus, now, queuedStatus, task } from '../../../test/support/objects.ts'
import { type TaskObservation, decideTask } from './decide.ts'
import { hasFailed, hasSucceeded, isComplete } from '../../../core/api/task-state.ts'
import {
  acceptReport,
  assign,
  attemptOver,
  integrated,
  queued,
  skip,
} from '../../../core/tasks/transitions.ts'

const commit = 'a'.repeat(40)
const report = (more: Partial<Report> = {}): Report => ({
  task: 'a',
  uid: 'uid-a',
  attempt: 1,
  verdict: 'Done',
  summary: 'wrote it',
  commit,
  files: ['src/a.js'],
  evidence: [],
  tries: 1,
  durationSeconds: 3,
  notes: [],
  ...more,
})
const from = { podUid: 'p1', tokens: 120, model: 'm' }

const seen = (one: AgentTask, more: Partial<TaskObservation> = {}): TaskObservation => ({
  task: one,
  readiness: { state: 'ready' },
  holder: { state: 'alive' },
  claims: [one],
  overdueMs: 0,
  now,
  ...more,
})

/** The decision about a task that its agent works on in time. */
const untilDeadline = ({ status }: AgentTask) => ({
  nextMs: Date.parse(status?.assignment?.deadline ?? '') - now,
})

/** The task after a decision that wrote. */
function after(one: AgentTask, more: Partial<TaskObservation> = {}): AgentTask {
  const { change, ...rest } = decideTask(seen(one, more))
  if (change === undefined) throw new Error(`decided ${JSON.stringify(rest)}`)
  return { ...one, status: change.status }
}

test('a task that waits for others or for an agent is left to the scheduler', () => {
  for (const state of ['ready', 'waiting'] as const)
    expect(decideTask(seen({ ...task('a'), status: {} }, { readiness: { state } }))).toEqual({})
})

test('a task behind a failed one is skipped and says which', () => {
  const skipped = after({ ...task('b'), status: {} }, { readiness: { state: 'broken', by: 'a' } })
  expect(isTrue(skipped, 'Finished')).toBe(true)
  expect(skipped.status?.failure).toMatchObject({
    reason: 'DependencyFailed',
    message: 'a did not succeed',
  })
})

test('of two tasks that one Pod holds the later one is taken back at once and at no cost', () => {
  const first = task('b', {}, heldStatus('p1'))
  const held = heldStatus('p1', 3)
  const later = task(
    'a',
    {},
    {
      ...held,
      ...(held.assignment === undefined ? {} : { assignment: { ...held.assignment, at: at(-5) } }),
    },
  )
  const claims = [later, first]
  expect(decideTask(seen(first, { claims }))).toEqual(untilDeadline(first))
  const back = after(later, { claims })
  expect(back.status).toMatchObject({ notBefore: at(0), failure: { reason: 'AgentWithdrawn' } })
  expect(isTrue(back, 'Finished')).toBe(false)
  // Of two tasks that were given at the same moment the name decides, whichever is looked at.
  const [one, other] = [task('a', {}, heldStatus('p1')), task('b', {}, heldStatus('p1'))]
  expect(decideTask(seen(one, { claims: [one, other] }))).toEqual(untilDeadline(one))
  expect(decideTask(seen(other, { claims: [other, one] })).change).toBeDefined()
})

test('an agent that somebody took away is not held against the task, one that vanished is', () => {
  const held = task('a', { maxAttempts: 1 }, heldStatus('p1'))
  const lost = (blameless: boolean) =>
    after(held, { holder: { state: 'lost', why: 'x', blameless } })
  expect(isTrue(lost(true), 'DeadLettered')).toBe(false)
  expect(isTrue(lost(false), 'DeadLettered')).toBe(true)
})

test('a lost holder or a passed deadline gives the task back with a pause', () => {
  const held = task('a', {}, heldStatus('p1'))
  const lost = after(held, { holder: { state: 'lost', why: 'its Pod is gone', blameless: false } })
  expect(lost.status?.failure?.reason).toBe('AgentLost')
  expect(lost.status?.notBefore).toBe(at(2))
  expect(isTrue(lost, 'Assigned')).toBe(false)
  const late = after(task('a', {}, heldStatus('p1', 1, at(-1))))
  expect(late.status?.failure?.reason).toBe('TimedOut')
})

test('after its last attempt a task is dead-lettered with reason, evidence and remedy', () => {
  const held = task('a', {}, heldStatus('p1', 3))
  const decision = acceptReport(
    held,
    report({
      attempt: 3,
      verdict: 'ChecksFailed',
      failure: { reason: 'ChecksFailed', message: '2 of 5 tests fail' },
      evidence: [{ command: 'node --test', exitCode: 1, passed: 3, failed: 2, digest: 'x' }],
    }),
    from,
    now,
  )
  if (decision.kind !== 'accepted') throw new Error(decision.kind)
  const dead = { ...held, status: decision.transition.status }
  expect(isTrue(dead, 'DeadLettered')).toBe(true)
  expect(isTrue(dead, 'Finished')).toBe(true)
  expect(dead.status.failure).toEqual({
    reason: 'ChecksFailed',
    message: '2 of 5 tests fail',
    remedy: failureRemedies.ChecksFailed,
  })
  expect(dead.status.result?.evidence).toHaveLength(1)
  expect(dead.status.history?.at(-1)?.branch).toBe('guild-task/a/3')
})

test('an attempt that only waited for the model is not held against the task', () => {
  let one = task('a', { maxAttempts: 2 })
  for (const reason of ['ModelUnavailable', 'ModelUnavailable', 'ChecksFailed'] as const) {
    one = { ...one, status: assign(one, { name: 'c', podUid: 'p1' }, now).status }
    one = { ...one, status: attemptOver(one, { reason, message: '' }, now).status }
  }
  expect(isTrue(one, 'DeadLettered')).toBe(false)
  one = { ...one, status: assign(one, { name: 'c', podUid: 'p1' }, now).status }
  one = { ...one, status: attemptOver(one, { reason: 'ChecksFailed', message: '' }, now).status }
  expect(isTrue(one, 'DeadLettered')).toBe(true)
})

test('a hopeless failure is not tried again', () => {
  const ended = attemptOver(
    task('a', {}, heldStatus('p1')),
    { reason: 'Unsupported', message: 'no' },
    now,
  )
  expect(ended.status.conditions?.find((one) => one.type === 'DeadLettered')?.reason).toBe(
    'Unsupported',
  )
})

test('a good report waits for its merge, and the merge ends the task', () => {
  const held = task('a', {}, heldStatus('p1'))
  const decision = acceptReport(held, report(), from, now)
  if (decision.kind !== 'accepted') throw new Error(decision.kind)
  const merging = { ...held, status: decision.transition.status }
  expect(isTrue(merging, 'Finished')).toBe(false)
  expect(decideTask(seen(merging))).toEqual({ step: 'merge' })
  const done = { ...merging, status: integrated(merging, 'b'.repeat(40), now).status }
  expect(isTrue(done, 'Succeeded') && isTrue(done, 'Finished')).toBe(true)
  expect(done.status.result).toMatchObject({ merged: 'b'.repeat(40), tokens: 120 })
})

test('a good report without a commit ends the task in one write', () => {
  const { commit: _commit, ...rest } = report()
  const decision = acceptReport(task('a', {}, heldStatus('p1')), rest, from, now)
  expect(decision.kind === 'accepted' && decision.transition.reason).toBe('Succeeded')
})

test('work that nothing could check ends its task, and never reads as success', () => {
  const said = report({ verdict: 'Unchecked' })
  const decision = acceptReport(task('a', {}, heldStatus('p1')), said, from, now)
  if (decision.kind !== 'accepted') throw new Error(decision.kind)
  const merging = { ...task('a'), status: decision.transition.status }
  const end = integrated(merging, 'b'.repeat(40), now)
  expect(end).toMatchObject({ type: 'Warning', reason: 'Unchecked', act: { action: 'Unchecked' } })
  const done = { ...merging, status: end.status }
  expect(isTrue(done, 'Finished')).toBe(true)
  expect(hasSucceeded(done)).toBe(false)
  expect(hasFailed(done)).toBe(false)
  expect(isComplete(done)).toBe(true)
  expect(end.status.conditions?.map(({ reason }) => reason)).not.toContain('Succeeded')
})

const forged: readonly [string, AgentTask, Report, typeof from][] = [
  ['another Pod', task('a', {}, heldStatus('p1')), report(), { ...from, podUid: 'p2' }],
  ['a task of the same name before', task('a', {}, heldStatus('p1')), report({ uid: 'old' }), from],
  ['an older attempt', task('a', {}, heldStatus('p1', 2)), report({ attempt: 1 }), from],
  ['a later attempt', task('a', {}, heldStatus('p1', 1)), report({ attempt: 2 }), from],
  ['nobody at all', task('a', {}, queuedStatus), report(), from],
  [
    'an attempt that was taken away',
    {
      ...task('a'),
      status: attemptOver(task('a', {}, heldStatus('p1')), { reason: 'TimedOut', message: '' }, now)
        .status,
    },
    report(),
    from,
  ],
]
test.each(forged)('a report from %s is fenced', (_who, one, said, who) => {
  expect(acceptReport(one, said, who, now).kind).toBe('fenced')
})

test('the same report again is accepted without a second effect', () => {
  const held = task('a', {}, heldStatus('p1'))
  const first = acceptReport(held, report(), from, now)
  if (first.kind !== 'accepted') throw new Error(first.kind)
  expect(acceptReport({ ...held, status: first.transition.status }, report(), from, now).kind).toBe(
    'repeated',
  )
})

test('a good verdict together with a failure is a failure', () => {
  const decision = acceptReport(
    task('a', {}, heldStatus('p1')),
    report({ failure: { reason: 'ScopeViolated', message: 'wrote elsewhere' } }),
    from,
    now,
  )
  expect(decision.kind === 'accepted' && decision.transition.reason).toBe('Retrying')
})

test('attempts are numbered by assignment and never repeat', () => {
  const first = assign(task('a'), { name: 'c', podUid: 'p1' }, now)
  const lost = attemptOver(
    { ...task('a'), status: first.status },
    { reason: 'AgentLost', message: '' },
    now,
  )
  const second = assign({ ...task('a'), status: lost.status }, { name: 'd', podUid: 'p2' }, now)
  expect([first, second].map((one) => one.status.assignment?.attempt)).toEqual([1, 2])
})

test('a deadline that passed while nobody could report waits for the agent to come back, within bounds', () => {
  const late = task('a', {}, heldStatus('p1', 1, at(-600)))
  const decided = (state: 'alive' | 'unknown' | 'reporting', overdueMs: number) =>
    decideTask(seen(late, { holder: { state }, overdueMs }))
  const timedOut = { change: { act: { message: expect.stringContaining('TimedOut') as string } } }
  expect(decided('unknown', 1_000)).toEqual({ nextMs: 1_000 })
  expect(decided('unknown', 60_000)).toMatchObject(timedOut)
  expect(decided('reporting', 600_000)).toEqual({ nextMs: 1_000 })
  expect(decided('alive', 0)).toMatchObject(timedOut)
})

test('a queue place is a transition once; a new reason is not', () => {
  const waiting: AgentTask = { ...task('a'), status: {} }
  const first = queued(waiting, 0, 'all 10 agents are in use', now)
  expect(first.act?.action).toBe('Queued')
  expect(first.status.conditions).toHaveLength(4)
  const second = queued({ ...waiting, status: first.status }, 0, 'agent c is starting', now)
  expect(second.act).toBeUndefined()
  expect(second.status.queue?.reason).toBe('agent c is starting')
})

test('an assignment sets all conditions of a task without a status', () => {
  const given = assign({ ...task('a'), status: {} }, { name: 'c', podUid: 'p1' }, now)
  expect(given.status.conditions?.map(({ type, status }) => `${type}=${status}`)).toEqual([
    'Ready=True',
    'Assigned=True',
    'Succeeded=Unknown',
    'Finished=False',
  ])
})

test('no text of an agent gets into an audit record', () => {
  const held = task('a', {}, heldStatus('p1', 3))
  const secret = 'the-secret'
  const bad = report({
    attempt: 3,
    summary: secret,
    notes: [secret],
    failure: { reason: 'ChecksFailed', message: secret },
  })
  const good = report({ attempt: 3, summary: secret })
  for (const said of [bad, good]) {
    const decision = acceptReport(held, said, from, now)
    if (decision.kind !== 'accepted') throw new Error(decision.kind)
    expect(JSON.stringify(decision.transition.act)).not.toContain(secret)
    const merging = { ...held, status: decision.transition.status }
    if (said === good)
      expect(JSON.stringify(integrated(merging, commit, now).act)).not.toContain(secret)
  }
})

test('what is told of a task is a sentence with a subject', () => {
  const open = task('a')
  const held = task('a', {}, heldStatus('p1'))
  const end = { reason: 'TimedOut', message: 'there was no result after 30 s' } as const
  const told = [
    assign(open, { name: 'coding-1', podUid: 'p1' }, now),
    skip(open, 'b', now),
    attemptOver(held, end, now),
  ].flatMap(({ message, act }) => [message, act?.message ?? ''])
  expect(told.filter((text) => !/^(?:the task |attempt \d|b did not|TimedOut)/.test(text))).toEqual(
    [],
  )
})
