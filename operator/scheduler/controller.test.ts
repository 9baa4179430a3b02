import { expect, test } from 'vitest'
import { Cache, calmAudit } from '../../test/support/cache.ts'
import { agentTasks, agents, devRequests } from '../../core/api/kinds.ts'
import type { Indexer } from '../../core/kube/store.ts'
import type { KubeObject, Resource } from '../../core/kube/resource.ts'
import {
  agent,
  at,
  condition,
  heldStatus,
  queuedStatus,
  request,
  task,
} from '../../test/support/objects.ts'
import type { AgentTask } from '../../core/api/agent-task.ts'
import type { Agent } from '../../core/api/agent.ts'
import type { DevRequest } from '../../core/api/devrequest.ts'
import type { AgentSettings } from '../settings/config.ts'
import { AgentStreams } from '../presence/agent-streams.ts'
import { KubeError } from '../../core/kube/errors.ts'
import { graceMs } from './retire.ts'
import { silentLogger } from '../../test/support/silent-logger.ts'
import { WaitError } from '../../core/kube/runtime/controller.ts'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import { type World, taskIndexes } from '../controllers/world.ts'
import { schedulerReconciler } from './controller.ts'

/** A scheduler over fixed caches; status writes are noted by name, and those of `refuses` are refused. */
function scheduler(world: {
  readonly requests: readonly DevRequest[]
  readonly tasks: readonly AgentTask[]
  readonly agents: readonly Agent[]
  readonly refuses?: string
  readonly moved?: string
  readonly maxAgents?: number
  readonly reuse?: 'any'
}) {
  const clock = new VirtualClock(Date.UTC(2026, 10, 23, 12))
  const streams = new AgentStreams(clock)
  const written: string[] = []
  const changed: Agent[] = []
  for (const { metadata, status } of world.agents)
    streams.open({
      podUid: status?.podUid ?? '',
      agent: metadata.name,
      send: () => {},
      close: () => {},
    })
  const filled = <T extends KubeObject>(
    resource: Resource<T>,
    items: readonly T[],
    indexes?: Readonly<Record<string, Indexer<T>>>,
  ) => {
    const cache = new Cache(resource, indexes)
    cache.put(...items)
    return cache
  }
  const client = {
    create: async (_resource: unknown, draft: Agent) => {
      written.push(draft.metadata.name)
      return draft
    },
    updateStatus: async (_resource: unknown, object: AgentTask) => {
      if (object.metadata.name === world.refuses)
        throw new KubeError({ status: 422, reason: 'Invalid', message: 'refused' })
      if (object.metadata.name === world.moved)
        throw new KubeError({ status: 409, reason: 'Conflict', message: 'moved' })
      written.push(object.metadata.name)
      if (object.kind === 'Agent') changed.push(object as unknown as Agent)
      return object
    },
  }
  const run = schedulerReconciler(
    {
      namespace: 'guildhall',
      clock,
      client,
      requests: filled(devRequests, world.requests),
      tasks: filled(agentTasks, world.tasks, taskIndexes),
      agents: filled(agents, world.agents),
      events: { record: () => {} },
      audit: calmAudit,
    } as unknown as World,
    {
      streams,
      settings: {
        maxAgents: world.maxAgents ?? 0,
        idleSeconds: 300,
        maxTasks: 50,
        reuse: world.reuse ?? 'request',
      } as AgentSettings,
      starts: { troubles: new Map() },
      outcomes: { of: () => [] },
      dispatch: () => {},
    },
  )
  const { signal } = new AbortController()
  return {
    clock,
    streams,
    written,
    changed,
    run: async () => run('all', { signal, log: silentLogger }),
  }
}

/** An idle agent that belongs to the request hello. */
const idle = (name: string, status: Agent['status'] = {}): Agent =>
  agent(name, {
    state: 'idle',
    podUid: `pod-${name}`,
    servedRequest: { name: 'hello', uid: 'uid-hello' },
    ...status,
  })
const ownedTask = (name: string, uid: string, status = queuedStatus): AgentTask => {
  const one = task(name, {}, status)
  const owner = { apiVersion: one.apiVersion, kind: 'DevRequest', name: 'hello', uid }
  return { ...one, metadata: { ...one.metadata, ownerReferences: [owner] } }
}

test('a write that is refused keeps no other from being made, and is told', async () => {
  const { run, written } = scheduler({
    requests: [request('hello')],
    tasks: [task('a'), task('b')],
    agents: [idle('c1'), idle('c2')],
    refuses: 'a',
  })
  await expect(run()).rejects.toThrow('refused')
  expect(written).toEqual(['b'])
})

test('a write that met a newer version is decided anew soon, also when no change tells of one', async () => {
  const { run, written } = scheduler({
    requests: [request('hello')],
    tasks: [task('a'), task('b')],
    agents: [idle('c1'), idle('c2')],
    moved: 'a',
  })
  await expect(run()).rejects.toThrow(WaitError)
  expect(written).toEqual(['b'])
})

test('nobody waits for an agent that fell silent: another is started', async () => {
  const { run, written, clock, streams } = scheduler({
    requests: [request('hello')],
    tasks: [task('a')],
    agents: [idle('coding-1')],
    maxAgents: 2,
  })
  streams.closeAll()
  streams.beat('pod-coding-1', 'coding-1', {})
  const end = streams.open({
    podUid: 'pod-coding-1',
    agent: 'coding-1',
    send: () => {},
    close: () => {},
  })
  end()
  await run()
  expect(written).toEqual([])
  await clock.advance(10_001)
  await run()
  expect(written).toContain('coding-2')
})

test('a task left behind by a deleted request of the same name is given to nobody', async () => {
  const { run, written } = scheduler({
    requests: [request('hello')],
    tasks: [ownedTask('old', 'uid-of-the-old-one'), ownedTask('new', 'uid-hello')],
    agents: [idle('c1'), idle('c2')],
  })
  await run()
  expect(written).toEqual(['new'])
})

test('what still runs for a deleted request of the same name takes nothing from the limit of the new one', async () => {
  const limits = { maxTasks: 30, maxParallel: 1, taskTimeoutSeconds: 1800, maxAttempts: 3 }
  const { run, written } = scheduler({
    requests: [request('hello', { limits })],
    tasks: [
      ownedTask('old', 'uid-of-the-old-one', heldStatus('pod-x')),
      ownedTask('new', 'uid-hello'),
      ownedTask('next', 'uid-hello'),
    ],
    agents: [idle('c1'), idle('c2')],
  })
  await run()
  expect(written).toEqual(['new'])
})

test.each(['QuotaExceeded', 'PodUnschedulable'])(
  'an agent that cannot start for %s gets the room of an idle one of another request',
  async (reason) => {
    const stalled = { ...condition('Stalled', 'True', reason), message: 'no room' }
    const { run, changed } = scheduler({
      requests: [request('hello'), request('other')],
      tasks: [task('a', { requestRef: { name: 'other' } })],
      agents: [
        agent('coding-2', { state: 'starting', conditions: [stalled] }),
        idle('c1', { idleSince: at(-60) }),
      ],
      maxAgents: 10,
    })
    await run()
    expect(changed.map(({ metadata }) => metadata.name)).toEqual(['c1'])
    // The next one only when that was not enough.
    await run()
    expect(changed).toHaveLength(1)
  },
)

test('a request without limits, stored before there were any, stops nobody', async () => {
  const bare = request('hello')
  const { limits: _limits, ...spec } = bare.spec
  const { run, written } = scheduler({
    requests: [{ ...bare, spec: spec as DevRequest['spec'] }],
    tasks: [task('a')],
    agents: [idle('c1')],
  })
  await run()
  expect(written).toEqual(['a'])
})

const over: DevRequest['status'] = { conditions: [condition('Finished', 'True')] }
const going = (one: DevRequest): DevRequest => ({
  ...one,
  metadata: { ...one.metadata, deletionTimestamp: at(0) },
})
const madeAnew = (one: DevRequest): DevRequest => ({
  ...one,
  metadata: { ...one.metadata, uid: 'uid-of-the-new-one' },
})
const unknown = { servedRequest: undefined }
const record = { completed: 1, failed: 0, meanSeconds: 1, tokens: 0 }
test.each([
  ['whose request is over', [request('hello', {}, over)], {}],
  ['whose request is being deleted', [going(request('hello'))], {}],
  ['whose request is gone', [], {}],
  ['whose request was made anew', [madeAnew(request('hello'))], {}],
  ['that worked for nobody knows whom', [request('hello')], { ...unknown, performance: record }],
  [
    'that seems to work for nobody knows whom',
    [request('hello')],
    { ...unknown, currentTask: 'x' },
  ],
])('an idle agent %s goes at once, and is given nothing', async (_which, requests, status) => {
  const { run, written, changed } = scheduler({
    requests: [...requests, request('other')],
    tasks: [task('a', { requestRef: { name: 'other' } })],
    agents: [idle('c1', status)],
    maxAgents: 1,
  })
  await run()
  expect(written).toEqual(['c1'])
  expect(changed[0]?.status?.state).toBe('draining')
})

test.each([
  ['lives', [request('hello')], {}],
  ['is suspended', [request('hello', { suspend: true })], {}],
  ['is not known, for it is clean', [], unknown],
])('an idle agent whose request %s stays', async (_what, requests, status) => {
  const { run, written } = scheduler({ requests, tasks: [], agents: [idle('c1', status)] })
  await run()
  expect(written).toEqual([])
})

test('one that still holds a task of a request that is over is left in peace', async () => {
  const { run, written } = scheduler({
    requests: [request('hello', {}, over)],
    tasks: [task('a', {}, heldStatus('pod-c1'))],
    agents: [idle('c1')],
  })
  await run()
  expect(written).toEqual([])
})

test.each([
  ['goes on with another request, as it is', { ...unknown, performance: record }, ['a']],
  ['that belongs to a request by earlier settings stays with it', {}, []],
])('with agents.reuse any an agent %s', async (_what, status, want) => {
  const { run, written } = scheduler({
    requests: [request('hello'), request('other')],
    tasks: [task('a', { requestRef: { name: 'other' } })],
    agents: [idle('c1', status)],
    reuse: 'any',
  })
  await run()
  expect(written).toEqual(want)
})

test('one that registers is given its first task after its registration is written', async () => {
  const status = { ...unknown, state: 'starting' as const }
  const { run, written } = scheduler({
    requests: [request('hello')],
    tasks: [task('a')],
    agents: [idle('c1', status)],
    maxAgents: 1,
  })
  await run()
  expect(written).toEqual([])
})

test.each([
  ['says that it is busy', { state: 'busy', currentTask: 'x' }],
  ['does not say since when it is idle', {}],
  ['says that it is idle since tomorrow', { idleSince: at(86_400) }],
] as const)('a place is free soon, also when the record of its agent %s', async (_what, status) => {
  const { run, changed, clock } = scheduler({
    requests: [request('hello'), request('other')],
    tasks: [task('a', { requestRef: { name: 'other' } })],
    agents: [idle('c1', status)],
    maxAgents: 1,
  })
  await run()
  expect(changed).toEqual([])
  await clock.advance(graceMs)
  await run()
  expect(changed.map((one) => one.status?.state)).toEqual(['draining'])
})
