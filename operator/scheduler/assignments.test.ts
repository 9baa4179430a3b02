import { expect, test } from 'vitest'
import { Cache, calmAudit } from '../../test/support/cache.ts'
import { agent as agentObject, at, request, task } from '../../test/support/objects.ts'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import type { Agent } from '../../core/api/agent.ts'
import type { AgentTask } from '../../core/api/agent-task.ts'
import { agents as agentKind, agentTasks, devRequests } from '../../core/api/kinds.ts'
import { KubeError } from '../../core/kube/errors.ts'
import type { SchedulableAgent } from './agents.ts'
import { taskIndexes, type World } from '../controllers/world.ts'
import { Assignments } from './assignments.ts'

const noAnswer = new KubeError({ status: 0, reason: 'Network', message: 'reset' })
const refused = (status: number, reason: string) =>
  new KubeError({ status, reason, message: reason })

/**
 * Assignments over one cached task and one cached agent; each write of the task ends as the next of `answers`, each write of
 * the agent as the next of `engaging`, and both succeed without one.
 */
function setUp(
  answers: readonly KubeError[] = [],
  more: {
    readonly engaging?: readonly KubeError[]
    readonly reuse?: 'any'
    readonly cachedAgent?: Agent
    readonly cachedTask?: AgentTask
  } = {},
) {
  const left = { AgentTask: [...answers], Agent: [...(more.engaging ?? [])] }
  const tasks = new Cache(agentTasks, taskIndexes)
  const cached = more.cachedTask ?? task('a')
  tasks.put(cached)
  const agents = new Cache(agentKind)
  agents.put(more.cachedAgent ?? agentObject('coding-1', { state: 'idle', podUid: 'pod-1' }))
  const requests = new Cache(devRequests)
  requests.put(request('hello'))
  const sent: string[] = []
  const engaged: Agent[] = []
  const dispatched: AgentTask[] = []
  const client = {
    updateStatus: async (resource: { readonly kind: string }, object: AgentTask | Agent) => {
      if (resource.kind === 'Agent') engaged.push(object as Agent)
      else sent.push((object as AgentTask).status?.assignment?.podUid ?? '')
      const error = left[resource.kind as keyof typeof left].shift()
      if (error !== undefined) throw error
      return object
    },
  }
  const clock = new VirtualClock()
  const world = {
    namespace: 'guildhall',
    tasks,
    agents,
    requests,
    client,
    clock,
    audit: calmAudit,
  }
  const assignments = new Assignments(
    world as unknown as World,
    { reuse: more.reuse ?? 'request' },
    (one) => dispatched.push(one),
  )
  const { signal } = new AbortController()
  return {
    tasks,
    cached,
    sent,
    engaged,
    dispatched,
    assignments,
    give: async () => assignments.give({ task: cached, agent }, signal),
  }
}

const agent: SchedulableAgent = {
  name: 'coding-1',
  type: 'coding',
  podUid: 'pod-1',
  serves: { kind: 'anyone' },
  connected: true,
  leaving: false,
  completed: 0,
  maxTasks: 50,
  idleSince: undefined,
}

test('one that got no answer holds its task and its agent, and is written again for the same agent', async () => {
  const { assignments, give, sent, dispatched } = setUp([noAnswer])
  await expect(give()).rejects.toThrow('reset')
  expect(assignments.underWay()).toMatchObject([{ agent: { podUid: 'pod-1' } }])
  for (const again of assignments.of([]))
    await assignments.give(again, new AbortController().signal)
  expect(sent).toEqual(['pod-1', 'pod-1'])
  expect(dispatched).toHaveLength(1)
  expect(assignments.underWay()).toEqual([])
})

test('a conflict with what may be its own first write tells nothing until the cache shows a newer version', async () => {
  const { assignments, give, tasks, cached } = setUp([noAnswer, refused(409, 'Conflict')])
  await expect(give()).rejects.toThrow('reset')
  await expect(give()).rejects.toThrow('Conflict')
  expect(assignments.underWay()).toHaveLength(1)
  tasks.put({ ...cached, metadata: { ...cached.metadata, resourceVersion: '2' } })
  expect(assignments.underWay()).toEqual([])
})

test.each([
  ['moved by somebody else', 409, 'Conflict'],
  ['refused', 422, 'Invalid'],
  ['gone', 404, 'NotFound'],
])('what was %s is let go at once', async (_, status, reason) => {
  const { assignments, give } = setUp([refused(status, reason)])
  await expect(give()).rejects.toThrow(reason)
  expect(assignments.underWay()).toEqual([])
})

const owned = (uid: string): AgentTask => {
  const one = task('a')
  const owner = { apiVersion: one.apiVersion, kind: 'DevRequest', name: 'hello', uid }
  return { ...one, metadata: { ...one.metadata, ownerReferences: [owner] } }
}
const served = (uid: string): Agent =>
  agentObject('coding-1', {
    state: 'idle',
    podUid: 'pod-1',
    idleSince: at(-9),
    servedRequest: { name: 'hello', uid },
  })

test('a clean agent belongs to the request of its first task before it is given that task', async () => {
  const { give, engaged, sent } = setUp([noAnswer], { cachedTask: owned('uid-hello') })
  await expect(give()).rejects.toThrow('reset')
  expect(sent).toEqual(['pod-1'])
  expect(engaged[0]?.status).toMatchObject({
    state: 'busy',
    currentTask: 'a',
    currentRequest: 'hello',
    servedRequest: { name: 'hello', uid: 'uid-hello' },
  })
})

test('a task that a person made belongs to the request that it names', async () => {
  const { give, engaged } = setUp()
  await give()
  expect(engaged[0]?.status?.servedRequest?.uid).toBe('uid-hello')
})

test.each([
  ['the same request', { cachedTask: owned('uid-hello'), cachedAgent: served('uid-hello') }],
  ['anybody, as the settings allow', { reuse: 'any', cachedTask: owned('uid-hello') }],
] as const)('a task for an agent that serves %s costs one write', async (_whom, more) => {
  const { give, engaged, dispatched } = setUp([], more)
  await give()
  expect(engaged).toEqual([])
  expect(dispatched).toHaveLength(1)
})

const away = (more: Partial<NonNullable<Agent['status']>>): Agent =>
  agentObject('coding-1', { state: 'idle', podUid: 'pod-1', ...more })
const deleted = away({})
test.each([
  ['belongs to another request', served('uid-other')],
  ['belongs to a request of the same name that is gone', served('uid-of-the-old-hello')],
  ['was told to leave meanwhile', away({ state: 'draining' })],
  ['is being removed', away({ state: 'terminated' })],
  ['was deleted', { ...deleted, metadata: { ...deleted.metadata, deletionTimestamp: at(0) } }],
  ['is another one of the same name', away({ podUid: 'pod-2' })],
])('an agent that %s is given nothing', async (_what, cachedAgent) => {
  const { give, engaged, sent, assignments } = setUp([], {
    cachedAgent,
    cachedTask: owned('uid-hello'),
  })
  await give()
  expect([engaged, sent, assignments.underWay()]).toEqual([[], [], []])
})

test.each([noAnswer, refused(409, 'Conflict')])(
  'while it is not known whether the agent belongs to the request, the task is given to nobody: %s',
  async (error) => {
    const { give, sent, assignments } = setUp([], { engaging: [error] })
    await expect(give()).rejects.toThrow(error.message)
    expect([sent, assignments.underWay()]).toEqual([[], []])
  },
)
