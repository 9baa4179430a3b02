import { expect, test } from 'vitest'
import { conditionOf, isTrue } from '../../api/condition-list.ts'
import { failureRemedies } from '../../api/failures.ts'
import type { Report } from '../../api/agent-protocol.ts'
import type { AgentTask } from '../../api/agent-task.ts'
import { at, endedStatus, heldStatus, now, queuedStatus, task } from '../../../test/objects.ts'
import { decideTask, type TaskObservation } from './decide.ts'
import { acceptReport, assign, attemptOver, integrated } from './transitions.ts'

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
  dependencies: [],
  holder: { state: 'alive' },
  now,
  ...more,
})

/** The task after a decision that wrote. */
function after(one: AgentTask, more: Partial<TaskObservation> = {}): AgentTask {
  const decision = decideTask(seen(one, more))
  if (decision.kind !== 'write') throw new Error(`decided ${decision.kind}`)
  return { ...one, status: decision.transition.status }
}

test('a new task without dependencies is ready at once; one with dependencies waits', () => {
  const free = after({ ...task('a'), status: {} })
  expect(isTrue(free, 'Ready')).toBe(true)
  const waiting = after({ ...task('b', { after: ['a'] }), status: {} })
  expect(isTrue(waiting, 'Ready')).toBe(false)
  expect(conditionOf(waiting, 'Succeeded')).toMatchObject({ status: 'Unknown', reason: 'Waiting' })
})

test.each([
  ['every dependency succeeded', 'FailRequest', true, true],
  ['a dependency that may fail did', 'Continue', false, true],
  ['a dependency still runs', 'FailRequest', undefined, false],
] as const)('readiness when %s', (_case, onFailure, outcome, wantReady) => {
  const waiting = after({ ...task('b', { after: ['a'] }), status: {} })
  const dependency = task(
    'a',
    { onFailure },
    outcome === undefined ? heldStatus('p1') : endedStatus(outcome),
  )
  const decision = decideTask(seen(waiting, { dependencies: [dependency] }))
  expect(decision.kind).toBe(wantReady ? 'write' : 'rest')
})

test('a task behind a failed one is skipped and says which', () => {
  const skipped = after(task('b', { after: ['a'] }), {
    dependencies: [task('a', {}, endedStatus(false))],
  })
  expect(isTrue(skipped, 'Finished')).toBe(true)
  expect(skipped.status?.failure).toMatchObject({
    reason: 'DependencyFailed',
    message: 'a did not succeed',
  })
})

test('a task behind a skipped one is skipped, too, also when the request could spare that one', () => {
  const skipped = after(task('review', { after: ['a'], onFailure: 'Continue' }), {
    dependencies: [task('a', {}, endedStatus(false))],
  })
  const finish = after(task('finish', { after: ['review'] }), { dependencies: [skipped] })
  expect(finish.status?.failure?.reason).toBe('DependencyFailed')
})

test('a lost holder or a passed deadline gives the task back with a pause', () => {
  const held = task('a', {}, heldStatus('p1'))
  const lost = after(held, { holder: { state: 'lost', why: 'its Pod is gone' } })
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
  expect(decideTask(seen(merging)).kind).toBe('integrate')
  const done = { ...merging, status: integrated(merging, 'b'.repeat(40), now).status }
  expect(isTrue(done, 'Succeeded') && isTrue(done, 'Finished')).toBe(true)
  expect(done.status.result).toMatchObject({ merged: 'b'.repeat(40), tokens: 120 })
})

test('a good report without a commit ends the task in one write', () => {
  const { commit: _commit, ...rest } = report()
  const decision = acceptReport(task('a', {}, heldStatus('p1')), rest, from, now)
  expect(decision.kind === 'accepted' && decision.transition.reason).toBe('Succeeded')
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

test('a good verdict with a failure beside it is a failure', () => {
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
