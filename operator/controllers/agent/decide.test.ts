import { expect, test } from 'vitest'
import type { AgentStatus } from '../../../core/api/agent.ts'
import { agent, at, heldStatus, now, task } from '../../../test/support/objects.ts'
import { decideAgent, draining, engaged, refused, type AgentObservation } from './decide.ts'

const running = { state: 'running', uid: 'p1', name: 'coding-1-abcde' } as const
const open = { state: 'open', activity: 'cloning' } as const
const closed = (seconds: number) => ({ state: 'closed', forMs: seconds * 1000 }) as const

const seen = (
  status: AgentStatus | undefined,
  more: Partial<AgentObservation> = {},
): AgentObservation => ({
  agent: agent('coding-1', status),
  pod: running,
  stream: open,
  held: undefined,
  outcomes: [],
  inStateMs: 0,
  idleMs: 0,
  recorded: true,
  now,
  ...more,
})

function statusAfter(observation: AgentObservation): AgentStatus {
  const { change, ...rest } = decideAgent(observation)
  if (change === undefined || change.status.state === 'terminated')
    throw new Error(`decided ${change?.status.state ?? JSON.stringify(rest)}`)
  return change.status
}

const idle = statusAfter(seen({}))
/** No write and no step; only an event brings the agent back. */
const nothing = { nextMs: undefined }

test('a new agent gets a Pod, and an agent whose Pod vanished goes', () => {
  expect(decideAgent(seen({}, { pod: { state: 'missing' } }))).toEqual({
    step: { kind: 'create-pod' },
    nextMs: 15_000,
  })
  const { change, ...rest } = decideAgent(seen(idle, { pod: { state: 'missing' } }))
  expect(change).toMatchObject({
    notices: [{ type: 'Warning', reason: 'PodFailed' }],
    status: { state: 'terminated' },
    act: { action: 'Removed', message: 'PodFailed: its Pod is gone' },
  })
  expect(rest).toEqual({})
})

test('an agent that is to go is removed once its record is safe', () => {
  const gone = { ...idle, state: 'terminated' } as const
  expect(decideAgent(seen(gone, { recorded: false }))).toEqual({ nextMs: 1_000 })
  expect(decideAgent(seen(gone))).toEqual({ step: { kind: 'remove' } })
})

test('with an open stream an agent is idle, or busy with the task that it holds', () => {
  expect(idle).toMatchObject({ state: 'idle', podUid: 'p1', idleSince: at(0) })
  const busy = statusAfter(seen(idle, { held: task('a', {}, heldStatus('p1')), now: now + 6_000 }))
  expect(busy).toMatchObject({
    state: 'busy',
    currentTask: 'a',
    currentRequest: 'hello',
    activity: 'cloning',
  })
  expect(busy.idleSince).toBeUndefined()
})

const hello = { name: 'hello', uid: 'uid-hello' }

test('an agent that gets its first task is written as busy, so that nothing has to be written again', () => {
  const before = { ...idle, podName: running.name }
  const held = task('a', {}, heldStatus('p1'))
  const status = engaged(agent('coding-1', before), held, hello, now)
  expect(status).toMatchObject({ state: 'busy', currentTask: 'a', servedRequest: hello })
  const silent = { state: 'open', activity: '' } as const
  expect(decideAgent(seen(status, { held, stream: silent }))).toEqual(nothing)
})

test.each([
  ['is idle', {}],
  ['lost its connection', { stream: closed(5) }],
  ['ended', { pod: { state: 'ended', failed: true, message: '' } }],
] as const)('an agent that %s still belongs to its request, and names it', (_how, more) => {
  const status = { ...idle, servedRequest: hello, currentRequest: 'hello' }
  const decision = decideAgent(seen(status, { inStateMs: 1, now: now + 9_000, ...more }))
  const after = decision.change?.status ?? status
  expect(after).toMatchObject({ servedRequest: hello, currentRequest: 'hello' })
})

test('an agent that leaves belongs to its request to the end', () => {
  const status = draining(agent('coding-1', { ...idle, servedRequest: hello }), 'is over', now)
  expect(status.servedRequest).toEqual(hello)
})

test('an agent that serves every request names one only while it works', () => {
  const busy = statusAfter(seen(idle, { held: task('a', {}, heldStatus('p1')) }))
  expect([busy.currentRequest, busy.servedRequest]).toEqual(['hello', undefined])
  expect(statusAfter(seen(busy)).currentRequest).toBeUndefined()
})

test.each([
  ['the task of an agent', { held: task('a', {}, heldStatus('p1')) }],
  ['the performance of an agent', { outcomes: [{ succeeded: true, seconds: 1, tokens: 1 }] }],
] as const)('%s is written when there is time', (_what, more) => {
  const { change } = decideAgent(seen(idle, more))
  expect(change).toMatchObject({ mayWait: true, act: undefined })
})

test('a change of an agent’s life is written at once and recorded', () => {
  const lost = seen(idle, { stream: closed(5), now: now + 1_000 })
  expect(decideAgent(lost).change).toMatchObject({
    mayWait: false,
    act: { action: 'Disconnected', message: 'the agent is idle' },
  })
})

test('an agent is idle since its work ended, however late that is written, and the date stays', () => {
  const status = { ...idle, state: 'busy', heartbeatTime: at(-9) } as const
  const later = statusAfter(seen(status, { idleMs: 3_000 }))
  expect(later.idleSince).toBe(at(-3))
  expect(decideAgent(seen(later, { idleMs: 9_004, now: now + 6_000 }))).toEqual(nothing)
})

test('a heartbeat of a clock that ran ahead does not hold up a write', () => {
  const ahead = { ...idle, heartbeatTime: at(3600) }
  expect(statusAfter(seen(ahead, { held: task('a', {}, heldStatus('p1')) })).state).toBe('busy')
})

test('nothing is written when nothing but the time moved', () => {
  expect(decideAgent(seen(idle, { now: now + 60_000, idleMs: 60_000 }))).toEqual(nothing)
})

test('the performance of an agent counts every task that ended', () => {
  const status = statusAfter(
    seen(idle, {
      now: now + 9_000,
      outcomes: [
        { succeeded: true, seconds: 10, tokens: 100 },
        { succeeded: false, seconds: 20, tokens: 50 },
      ],
    }),
  )
  expect(status.performance).toEqual({ completed: 1, failed: 1, meanSeconds: 15, tokens: 150 })
})

test.each([
  ['just now is kept', 5, 'idle'],
  ['for over a minute goes', 61, 'terminated'],
] as const)('an agent that is silent %s', (_since, seconds, want) => {
  expect(decideAgent(seen(idle, { stream: closed(seconds) })).change?.status.state).toBe(want)
})

test('a Pod that cannot be scheduled stalls the agent with the scheduler’s words', () => {
  const status = statusAfter(
    seen(
      {},
      {
        pod: { state: 'pending', trouble: 'no node has 1Gi free', unschedulable: true },
        stream: closed(1),
      },
    ),
  )
  expect(status.conditions).toMatchObject([
    { type: 'Ready', reason: 'PodUnschedulable' },
    { type: 'Stalled', status: 'True', message: 'no node has 1Gi free' },
  ])
})

test('a draining agent is left alone, then removed', () => {
  const leaving = draining(agent('coding-1', idle), 'was idle', now)
  expect(decideAgent(seen(leaving))).toEqual({ nextMs: 45_000 })
  const late = decideAgent(seen(leaving, { inStateMs: 46_000 }))
  expect(late.change?.status.state).toBe('terminated')
  expect(
    decideAgent(seen(leaving, { pod: { state: 'ended', failed: false, message: '' } })).change,
  ).toMatchObject({
    status: { state: 'terminated' },
    notices: [{ type: 'Normal', reason: 'Draining' }],
  })
})

test('an agent whose Pod is refused says so once', () => {
  const change = refused(agent('coding-1'), 'QuotaExceeded', 'exceeded quota: pods=3', now)
  const { status, act, notices } = change ?? {}
  expect(status?.state).toBe('starting')
  expect([act?.action, notices?.map(({ reason }) => reason)]).toEqual([
    'QuotaExceeded',
    ['QuotaExceeded'],
  ])
  expect(status?.conditions).toMatchObject([
    { type: 'Ready', status: 'False', reason: 'QuotaExceeded', message: 'exceeded quota: pods=3' },
    { type: 'Stalled', status: 'True', reason: 'QuotaExceeded' },
  ])
  const told = agent('coding-1', status)
  expect(refused(told, 'QuotaExceeded', 'exceeded quota: pods=3', now + 1000)).toBeUndefined()
})

test.each<[string, AgentStatus | undefined, boolean]>([
  ['has no status', undefined, true],
  ['was starting', { state: 'starting' }, true],
  ['was idle', idle, false],
])(
  'the end of an agent that %s counts as a failed start only before it reached the hub',
  (...row) => {
    const [, status, want] = row
    const pod = { state: 'ended', failed: true, message: 'exit 1' } as const
    const { change, step } = decideAgent(seen(status, { pod }))
    expect(change?.status.state).toBe('terminated')
    expect(step).toEqual(
      want ? { kind: 'count-failed-start', message: 'its Pod failed: exit 1' } : undefined,
    )
  },
)

test('no message of a Pod gets into an audit record', () => {
  const pod = { state: 'ended', failed: true, message: 'Error 1 the-secret' } as const
  const { change } = decideAgent(seen(idle, { pod }))
  expect(change?.status.state).toBe('terminated')
  expect(change?.notices?.[0]?.message).toContain('the-secret')
  expect(change?.act).toBeDefined()
  expect(JSON.stringify(change?.act)).not.toContain('the-secret')
})
