import { expect, test } from 'vitest'
import { conditionOf, isTrue } from '../../../core/api/condition-list.ts'
import type { AgentTask } from '../../../core/api/agent-task.ts'
import type { DevRequest, Plan } from '../../../core/api/devrequest.ts'
import type { FailureReason } from '../../../core/api/failures.ts'
import {
  agent,
  at,
  endedStatus,
  heldStatus,
  now,
  queuedStatus,
  request,
  task,
  uncheckedStatus,
} from '../../../test/support/objects.ts'
import { modelStall, unknownModel } from './stalls.ts'
import { type WaitingReason, waitingReasons } from '../../../core/api/waiting-reasons.ts'
import { skip } from '../../../core/tasks/transitions.ts'
import { givenHash } from '../../../core/planner/tasks.ts'
import { decideRequest } from './decide.ts'
import type { RequestObservation, Stall } from './observation.ts'
import { finalStatus } from './status.ts'

const plan: Plan = {
  hash: 'h',
  revision: 1,
  source: 'model',
  waves: [['a'], ['b']],
  team: [{ type: 'coding', count: 1 }],
  tasks: ['a', 'b'].map((name) => ({
    name,
    type: 'coding',
    action: 'code',
    title: name,
    goal: name,
    doneWhen: '',
    files: [],
    after: [],
    onFailure: 'FailRequest',
  })),
  warnings: [],
  attempts: 1,
}

const seen = (one: DevRequest, more: Partial<RequestObservation> = {}): RequestObservation => ({
  request: one,
  invalid: undefined,
  model: 'm',
  tasks: [],
  agents: [],
  planning: { state: 'idle' },
  stall: undefined,
  branch: undefined,
  recorded: true,
  now,
  ...more,
})

/** A request that only an event, or a last look after ten minutes, moves. */
const resting = { nextMs: 600_000 }

/** The request after every status write that is due, and the decision that is left. */
function settled(one: DevRequest, more: Partial<RequestObservation> = {}) {
  let current = one
  for (let round = 0; round < 3; round += 1) {
    const decision = decideRequest(seen(current, more))
    const { change } = decision
    if (change === undefined) return { request: current, decision }
    current = { ...current, status: change.status }
  }
  throw new Error('the status never settles')
}

const prepared = request(
  'hello',
  {},
  { repository: 'hello-uid-h', base: 'b', branch: 'guild/hello' },
)
const planned = request('hello', {}, { ...prepared.status, plan })

test('a new request shows every condition, then its repository is prepared', () => {
  const { request: one, decision } = settled(request('hello'))
  expect(one.status?.conditions?.map((condition) => condition.type)).toEqual([
    'Accepted',
    'Planned',
    'Authorized',
    'Integrated',
    'Delivered',
    'Succeeded',
    'Finished',
  ])
  expect(decision).toEqual({ step: { kind: 'prepare' } })
})

test('an invalid spec is isolated: a sentence, no work', () => {
  const { request: one, decision } = settled(request('hello'), { invalid: 'spec.request: missing' })
  expect(conditionOf(one, 'Accepted')).toMatchObject({ status: 'False', reason: 'InvalidSpec' })
  expect(decision).toEqual(resting)
})

/** A task whose result used tokens. */
const withTokens = (one: AgentTask, tokens: number): AgentTask => ({
  ...one,
  status: {
    ...one.status,
    result: {
      verdict: 'Done',
      summary: '',
      files: [],
      evidence: [],
      tries: 1,
      tokens,
      durationSeconds: 1,
      notes: [],
      model: 'm',
    },
  },
})

test('it is planned once, and the first plan is stored', () => {
  expect(settled(prepared).decision).toEqual({ step: { kind: 'plan' } })
  expect(settled(prepared, { planning: { state: 'running' } }).decision).toEqual(resting)
  const { request: one, decision } = settled(prepared, {
    planning: { state: 'done', plan, tokens: 77 },
  })
  expect(one.status).toMatchObject({ plan: { hash: 'h' }, tokens: 77, progress: '0/2' })
  const used = withTokens(task('a', {}, endedStatus(true)), 23)
  expect(settled(one, { tasks: [used, task('b')] }).request.status?.tokens).toBe(100)
  expect(decision.step).toMatchObject({
    kind: 'create-tasks',
    tasks: [{ name: 'a' }, { name: 'b' }],
  })
  const other = { ...plan, hash: 'second' }
  expect(
    settled(one, { planning: { state: 'done', plan: other, tokens: 1 } }).request.status?.plan
      ?.hash,
  ).toBe('h')
})

const units = [{ name: 'a', goal: 'g', files: ['a.js'], doneWhen: 'w' }]

test('suspended from the beginning it is planned, and no task is made before it goes on', () => {
  const suspended = request('hello', { suspend: true }, prepared.status)
  expect(settled(suspended).decision).toEqual({ step: { kind: 'plan' } })
  const done = settled(suspended, { planning: { state: 'done', plan, tokens: 7 } })
  expect(conditionOf(done.request, 'Authorized')).toMatchObject({
    status: 'Unknown',
    reason: 'Suspended',
  })
  expect(done.request.status?.waitingFor).toBe('spec.suspend=false')
  expect(done.decision).toEqual(resting)
  const resumed = settled({ ...done.request, spec: { ...suspended.spec, suspend: false } })
  expect(isTrue(resumed.request, 'Authorized')).toBe(true)
  expect(resumed.decision.step?.kind).toBe('create-tasks')
  const paused = settled({ ...resumed.request, spec: suspended.spec })
  expect(isTrue(paused.request, 'Authorized')).toBe(true)
  expect(paused.decision.step?.kind).toBe('create-tasks')
})

test('a plan that a person gives before work starts takes the place of the one that was made', () => {
  const suspended = request('hello', { suspend: true }, { ...prepared.status, plan })
  const edited = { ...suspended, spec: { ...suspended.spec, plan: { units } } }
  const { request: waiting, decision } = settled(edited)
  expect(decision).toEqual({ step: { kind: 'plan' } })
  expect(conditionOf(waiting, 'Succeeded')).toMatchObject({ reason: 'Planning' })
  expect(conditionOf(waiting, 'Planned')).toMatchObject({ status: 'Unknown' })
  const given = givenHash({ units })
  const second: Plan = { ...plan, hash: 'second', revision: 2, source: 'person', given }
  const { request: read } = settled(waiting, {
    planning: { state: 'done', plan: second, tokens: 0 },
  })
  expect(read.status?.plan).toMatchObject({ hash: 'second', source: 'person' })
  expect(conditionOf(read, 'Succeeded')).toMatchObject({ reason: 'Suspended' })
})

test('once the plan is authorized another one changes nothing', () => {
  const started = settled(planned).request
  const { decision } = settled({ ...started, spec: { ...started.spec, plan: { units } } })
  expect(decision.step).toMatchObject({
    kind: 'create-tasks',
    tasks: [{ name: 'a' }, { name: 'b' }],
  })
})

test('only missing tasks are created', () => {
  expect(settled(planned, { tasks: [task('a')] }).decision.step).toMatchObject({
    kind: 'create-tasks',
    tasks: [{ name: 'b' }],
  })
})

test('a stall shows in the summary, the column and an abnormal-true condition, and goes without trace', () => {
  const stall = { reason: 'ModelUnavailable', message: 'the model server is away' } as const
  const { request: one } = settled(planned, { stall, tasks: [task('a'), task('b')] })
  expect(conditionOf(one, 'Succeeded')).toMatchObject({
    status: 'Unknown',
    reason: 'ModelUnavailable',
  })
  expect(one.status?.waitingFor).toBe('the model server')
  expect(isTrue(one, 'Stalled')).toBe(true)
  const { request: well } = settled(one, { tasks: [task('a'), task('b')] })
  expect(conditionOf(well, 'Stalled')).toBeUndefined()
  expect(conditionOf(well, 'Succeeded')?.reason).toBe('Running')
})

const inQueue = (reason: string, more: Partial<AgentTask['status']> = {}) =>
  task('a', {}, { ...queuedStatus, queue: { position: 0, reason }, ...more })
const minute = (n: number): string => new Date(now + n * 60_000).toISOString()
const stalledBy = (reason: Stall['reason']): Partial<RequestObservation> => ({
  stall: { reason, message: 'wrong' },
})

test.each<[string, DevRequest, Partial<RequestObservation>, WaitingReason, string]>([
  [
    'a person to resume it',
    request('hello', { suspend: true }, planned.status),
    {},
    'Resume',
    'spec.suspend=false',
  ],
  [
    'a person to correct its spec',
    prepared,
    { invalid: 'spec.limits: is a text' },
    'Correction',
    'a person',
  ],
  ['a person to correct its source', prepared, stalledBy('InvalidSpec'), 'Correction', 'a person'],
  ['a person to free a name', planned, stalledBy('Pending'), 'Correction', 'a person'],
  ['a model server', planned, stalledBy('ModelUnavailable'), 'Model', 'the model server'],
  ['a model', planned, stalledBy('ModelMissing'), 'Model', 'the model'],
  [
    'a person to make a model',
    prepared,
    { stall: unknownModel('gpt9', ['coder:7b']) },
    'Correction',
    'a person',
  ],
  [
    'a person to put a model on its server',
    planned,
    { stall: modelStall({ isMissing: true, isForPerson: true, message: 'ollama pull x' }) },
    'Correction',
    'a person',
  ],
  [
    'a model that is being pulled',
    planned,
    { stall: modelStall({ isMissing: true, isForPerson: false, message: 'it is pulled' }) },
    'Model',
    'the model',
  ],
  ['a forge', planned, stalledBy('ForgeUnavailable'), 'Forge', 'the forge'],
  ['room on the forge', planned, stalledBy('ForgeFull'), 'Forge', 'room on the forge'],
  ['its source', prepared, stalledBy('SourceUnavailable'), 'Source', 'the source repository'],
  [
    'an agent',
    planned,
    { tasks: [inQueue('all 3 agents are in use'), task('b')] },
    'Agent',
    'all 3 agents are in use',
  ],
  [
    'a pause to end',
    planned,
    { tasks: [inQueue('a pause', { notBefore: minute(1) }), task('b')] },
    'Retry',
    'a pause',
  ],
  [
    'an agent after a pause',
    planned,
    { tasks: [inQueue('a pause', { notBefore: minute(-1) }), task('b')] },
    'Agent',
    'a pause',
  ],
])(
  'a request that waits for %s says so to programs and to people',
  (_what, one, more, want, words) => {
    const { request: waiting } = settled(one, more)
    expect(waiting.status).toMatchObject({ waitingReason: want, waitingFor: words })
  },
)

test('every reason to wait is one that the operator gives', () => {
  expect(Object.keys(waitingReasons)).toEqual([
    'Resume',
    'Correction',
    'Model',
    'Forge',
    'Source',
    'Agent',
    'Retry',
  ])
})

test('what a request waited for goes when it goes on, and when it ends', () => {
  const { request: waiting } = settled(planned, stalledBy('ForgeFull'))
  const { request: well } = settled(waiting, {
    tasks: [task('a', {}, heldStatus('p1')), task('b')],
  })
  expect(well.status).not.toHaveProperty('waitingReason')
  expect(well.status).not.toHaveProperty('waitingFor')
  const ended = [task('a', {}, endedStatus(true)), task('b', {}, endedStatus(true))]
  const end = finalStatus(seen(waiting, { tasks: [...ended, inQueue('left over')] }))
  expect(end).not.toHaveProperty('waitingReason')
  expect(end).not.toHaveProperty('waitingFor')
})

test.each([
  ['one is done and one runs', [endedStatus(true), heldStatus('p1')], '1/2'],
  ['one failed', [endedStatus(false), heldStatus('p1')], '0/2'],
  [
    'all have ended, and one of them without success',
    [endedStatus(true), endedStatus(false)],
    '1/2',
  ],
  [
    'one failed and the other was skipped for it',
    [endedStatus(false), skip(task('b'), 'a', now).status],
    '0/2',
  ],
  ['one is unchecked', [endedStatus(true), uncheckedStatus()], '2/2'],
])('progress counts only tasks whose work stands: %s', (_, [a, b], want) => {
  const { request: one } = settled(planned, { tasks: [task('a', {}, a), task('b', {}, b)] })
  expect(one.status?.progress).toBe(want)
})

test('progress names the team', () => {
  const { request: one } = settled(planned, {
    tasks: [task('a', {}, endedStatus(true)), task('b', {}, heldStatus('p1'))],
    agents: [agent('coding-1')],
  })
  expect(one.status).toMatchObject({ progress: '1/2', team: 'coding x1' })
})

const ends: readonly [string, AgentTask[], 'True' | 'False', string][] = [
  [
    'every task succeeded',
    [task('a', {}, endedStatus(true)), task('b', {}, endedStatus(true))],
    'True',
    'Succeeded',
  ],
  [
    'one that may fail did',
    [task('a', {}, endedStatus(true)), task('b', { onFailure: 'Continue' }, endedStatus(false))],
    'True',
    'Succeeded',
  ],
  [
    'nothing could check one',
    [task('a', {}, endedStatus(true)), task('b', {}, uncheckedStatus())],
    'False',
    'Unchecked',
  ],
  [
    'nothing could check one and another failed',
    [task('a', {}, endedStatus(false)), task('b', {}, uncheckedStatus())],
    'False',
    'TasksFailed',
  ],
  [
    'one failed',
    [task('a', {}, endedStatus(true)), task('b', {}, endedStatus(false))],
    'False',
    'TasksFailed',
  ],
]
test.each(ends)(
  'when %s it finishes with an honest result',
  (_case, tasks, wantStatus, wantReason) => {
    expect(settled(planned, { tasks }).decision).toEqual({ step: { kind: 'finish' } })
    const status = finalStatus(seen(planned, { tasks, branch: { head: 'c', commits: 4 } }))
    expect(conditionOf({ status }, 'Succeeded')).toMatchObject({
      status: wantStatus,
      reason: wantReason,
    })
    expect(isTrue({ status }, 'Finished')).toBe(true)
    expect(status).toMatchObject({ completionTime: at(0), head: 'c', commits: 4 })
  },
)

test('a request that nothing could check delivers its branch, and its last words say what was not checked', () => {
  const result = { summary: 'Wrote src/App.jsx, and nothing could check it: no runner.' }
  const unchecked = { ...uncheckedStatus(), result } as AgentTask['status']
  const tasks = [task('a', {}, endedStatus(true)), task('b', { action: 'code' }, unchecked)]
  const status = finalStatus(seen(planned, { tasks, branch: { head: 'c', commits: 4 } }))
  expect(isTrue({ status }, 'Delivered')).toBe(true)
  expect(status.summary).toContain('nothing could check all of it')
  expect(status.summary).toContain('b: Wrote src/App.jsx')
})

test('a plan-only request ends with its plan and runs nothing', () => {
  const asked = request('hello', { planOnly: true }, planned.status)
  expect(settled(asked).decision).toEqual({ step: { kind: 'finish' } })
  expect(
    finalStatus(seen(asked)).conditions?.find((one) => one.type === 'Succeeded'),
  ).toMatchObject({
    status: 'True',
    reason: 'PlanOnly',
  })
})

test('a finished request rests until its time to live is over', () => {
  const status = { ...finalStatus(seen(planned, { tasks: [task('a', {}, queuedStatus)] })) }
  const one = request('hello', { ttlSecondsAfterFinished: 60 }, status)
  expect(decideRequest(seen(one))).toEqual({ nextMs: 60_000 })
  const late = { now: now + 61_000 }
  expect(decideRequest(seen(one, late))).toEqual({ step: { kind: 'remove' } })
  expect(decideRequest(seen(one, { ...late, recorded: false }))).toEqual({ nextMs: 1_000 })
})

const failedStatus = (reason: FailureReason): AgentTask['status'] => ({
  ...endedStatus(false),
  failure: { reason, message: `it ended with ${reason}`, remedy: '' },
})

/** A request whose one unit has failed, for a reason. */
function afterFailure(reason: FailureReason, over: Partial<Plan> = {}) {
  const withUnits = {
    ...plan,
    ...over,
    tasks: plan.tasks.map((one) => ({ ...one, unit: one.name })),
  }
  const running = request('hello', {}, { repository: 'r', plan: withUnits })
  const tasks = [
    task('a', { unit: 'a' }, failedStatus(reason)),
    task('b', { unit: 'b' }, endedStatus(true)),
  ]
  return { withUnits, running, tasks }
}

test.each<[string, FailureReason, Partial<Plan>, 'replan' | 'finish']>([
  ['that did not pass its checks is planned again', 'ChecksFailed', {}, 'replan'],
  ['whose answers were unusable is planned again', 'OutputUnusable', {}, 'replan'],
  ['of a plan that was revised fails for good', 'ChecksFailed', { revision: 2 }, 'finish'],
  ['of a person’s plan is left to the person', 'ChecksFailed', { source: 'person' }, 'finish'],
  ['whose agent was lost fails for good', 'AgentLost', {}, 'finish'],
])('a unit %s', (_, reason, over, want) => {
  const { running, tasks } = afterFailure(reason, over)
  const { decision, request: told } = settled(running, { tasks })
  const failed = { unit: 'a', evidence: [`it ended with ${reason}`], succeeded: ['b'] }
  expect(decision).toEqual({ step: want === 'replan' ? { kind: want, failed } : { kind: want } })
  if (want === 'finish') return
  expect(conditionOf(told, 'Succeeded')?.reason).toBe('Replanning')
})

test('the revision is stored once, its new tasks are made, and what it does without counts no more', () => {
  const { withUnits, running, tasks } = afterFailure('ChecksFailed')
  const [, b] = withUnits.tasks
  const next: Plan = {
    ...withUnits,
    revision: 2,
    tasks: b === undefined ? [] : [b, { ...b, name: 'a-2', unit: 'a-2' }],
    replaced: ['a'],
  }
  const planning = { state: 'done', plan: next, tokens: 9 } as const
  const { request: revised, decision } = settled(running, { tasks, planning })
  expect(revised.status?.plan).toMatchObject({ revision: 2, replaced: ['a'] })
  expect(revised.status?.progress).toBe('1/2')
  expect(decision.step).toMatchObject({ kind: 'create-tasks', tasks: [{ name: 'a-2' }] })
  const done = [...tasks, task('a-2', { unit: 'a-2' }, endedStatus(true))]
  expect(settled(revised, { tasks: done }).decision).toEqual({ step: { kind: 'finish' } })
  const end = finalStatus(seen(revised, { tasks: done }))
  expect(isTrue({ status: end }, 'Succeeded')).toBe(true)
})

test('a unit that cannot be split ends the request as it would have ended', () => {
  const { withUnits, running, tasks } = afterFailure('ChecksFailed')
  const planning = { state: 'done', plan: { ...withUnits, revision: 2 }, tokens: 9 } as const
  const { request: revised, decision } = settled(running, { tasks, planning })
  expect(decision).toEqual({ step: { kind: 'finish' } })
  expect(finalStatus(seen(revised, { tasks })).summary).toMatch(/a failed: ChecksFailed/)
})

test.each([
  ['nothing began', [], /^work begins: of 2 tasks those that need no other wait for an agent$/],
  ['one runs', [task('a', {}, heldStatus('p1'))], /^1 task is worked on$/],
  [
    'two run',
    [task('a', {}, heldStatus('p1')), task('b', {}, heldStatus('p2'))],
    /^2 tasks are worked on$/,
  ],
  [
    'none runs right now',
    [task('a', {}, endedStatus(true)), task('b')],
    /^1 of 2 tasks are done, and the next waits/,
  ],
])('what runs is told without the figure 0: %s', (_, tasks, want) => {
  const { request: one } = settled(planned, { tasks })
  expect(conditionOf(one, 'Succeeded')?.message).toMatch(want)
})

test('every condition tells a sentence with a subject', () => {
  const stages = [request('hello'), planned, settled(planned, { tasks: [task('a')] }).request]
  const told = stages.flatMap((one) => settled(one).request.status?.conditions ?? [])
  expect(told.length).toBeGreaterThan(15)
  const bare = told.filter(({ message }) => !/^(?:the |work |\d+ |no approval )/.test(message))
  expect(bare.map(({ type, message }) => `${type}: ${message}`)).toEqual([])
})
