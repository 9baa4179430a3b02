import { expect, test } from 'vitest'
import { at, heldStatus, request, task } from '../../test/support/objects.ts'
import type { AgentTask } from '../../core/api/agent-task.ts'
import type { DevRequest } from '../../core/api/devrequest.ts'
import { agentTasks, agents as agentKind } from '../../core/api/kinds.ts'
import { heldBy } from '../../core/api/task-state.ts'
import type { World } from '../controllers/world.ts'
import { Outcomes } from '../controllers/agent/outcomes.ts'
import { hubBackend } from './backend.ts'
import { AgentStreams } from '../presence/agent-streams.ts'
import type { KubeClient } from '../../core/kube/client.ts'
import { ModelError } from '../../core/models/errors.ts'
import type { Gateway, GatewayCall } from '../../core/models/gateway.ts'
import { Cache } from '../../test/support/cache.ts'
import { silentLogger } from '../../test/support/silent-logger.ts'
import { VirtualClock } from '../../test/support/virtual-clock.ts'

interface Doors {
  readonly request: DevRequest
  readonly gateway: Gateway
}

/** Doors over a cache that shows `cached` and waits for its own write of it while `state.behind`. */
function backend(cached: AgentTask, changes: Partial<Doors> = {}) {
  const clock = new VirtualClock()
  const state = { behind: true }
  const written = new Map<string, AgentTask>()
  const tasks = {
    resource: agentTasks,
    get: () => cached,
    byIndex: (_index: string, value: string) =>
      heldBy(cached)?.podUid === value || value.includes('/') ? [cached] : [],
    isBehind: () => state.behind,
    newest: (_namespace: string, name: string) =>
      (state.behind ? written.get(name) : undefined) ?? cached,
    unseen: () => (state.behind ? written.values() : []),
  } as unknown as World['tasks']
  const world = {
    namespace: 'guildhall',
    clock,
    client: {} as KubeClient,
    requests: { get: () => changes.request ?? request('hello') },
    tasks,
  } as unknown as World
  const parts = {
    gateway: changes.gateway ?? ({} as Gateway),
    streams: new AgentStreams(clock),
    outcomes: new Outcomes(new Cache(agentKind)),
    profileOf: () => undefined,
    forgeUrl: 'http://forge',
    serviceAccountName: 'guildhall-agent',
    log: silentLogger,
  }
  const wrote = (task: AgentTask) => written.set(task.metadata.name, task)
  return { state, wrote, ...hubBackend(world, parts) }
}

const newer = (one: AgentTask): AgentTask => ({
  ...one,
  metadata: { ...one.metadata, resourceVersion: '2' },
})
const held = { agent: 'c', podUid: 'p1', attempt: 1, at: at(-5), deadline: at(600) }
const named = { task: 'a', uid: 'uid-a', attempt: 1 }

test('an agent that speaks of its assignment before the cache shows it holds it', () => {
  const door = backend(task('a'))
  expect(door.holds('p1', named)).toBe(false)
  door.wrote(newer(task('a', {}, heldStatus('p1'))))
  expect(door.holds('p1', named)).toBe(true)
  expect(door.holds('p2', named)).toBe(false)
  expect(door.holds('p1', { ...named, attempt: 2 })).toBe(false)
  door.state.behind = false
  expect(door.holds('p1', named)).toBe(false)
})

test('of two tasks that a Pod holds it is told one, and may speak of no other', () => {
  const door = backend(task('b', {}, heldStatus('p1')))
  door.wrote(newer(task('a', {}, { ...heldStatus('p1'), assignment: { ...held, at: at(-5) } })))
  expect(door.holds('p1', { task: 'a', uid: 'uid-a', attempt: 1 })).toBe(false)
  expect(door.holds('p1', { task: 'b', uid: 'uid-b', attempt: 1 })).toBe(true)
})

test('an assignment that may be over already is not sent again until the cache has caught up', () => {
  const door = backend(task('a', {}, heldStatus('p1')))
  expect(door.assignmentOf('p1')).toBeUndefined()
  door.state.behind = false
  expect(door.assignmentOf('p1')).toMatchObject({ task: 'a', attempt: 1 })
})

test('a question to the model carries the limits of its request and what the statuses show as used', async () => {
  const calls: GatewayCall[] = []
  const gateway = {
    call: async (call: GatewayCall) => {
      calls.push(call)
      throw new ModelError('BudgetExhausted', 'too much')
    },
  } as unknown as Gateway
  const limits = { ...request('hello').spec.limits, tokens: 9000, taskTokens: 4000 }
  const asked = request('hello', { limits }, { tokens: 700 })
  const result = { tokens: 300 }
  const door = backend(task('a', {}, { result } as AgentTask['status']), {
    gateway,
    request: asked,
  })
  const events: unknown[] = []
  await door.ask(
    {
      ...named,
      verb: 'write',
      purpose: 'code.write',
      system: 's',
      sections: [],
      instruction: 'Answer.',
      temperature: 0,
      seed: 1,
      maxTokens: 100,
    },
    { signal: new AbortController().signal, onEvent: (event) => events.push(event) },
  )
  expect(calls[0]).toMatchObject({ request: 'hello', requestUid: 'uid-hello' })
  expect(calls[0]?.budget).toEqual({
    request: { limit: 9000, used: 700 },
    task: { limit: 4000, used: 300 },
  })
  expect(events).toEqual([
    { kind: 'error', code: 'BudgetExhausted', message: 'too much', retryable: false },
  ])
})
