import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { AgentTask } from '../../core/api/agent-task.ts'
import { agentTypes } from '../../core/api/agent-types.ts'
import { heldBy, isOpen } from '../../core/api/task-state.ts'
import { at, endedStatus, heldStatus, now, queuedStatus, task } from '../../test/support/objects.ts'
import type { SchedulableAgent } from './agents.ts'
import { graceMs } from './retire.ts'
import { type ScheduleInput, type TaskQueue, byAge, schedule } from './schedule.ts'

const agent = (name: string, more: Partial<SchedulableAgent> = {}): SchedulableAgent => ({
  name,
  type: 'coding',
  podUid: `pod-${name}`,
  serves: { kind: 'anyone' },
  connected: true,
  leaving: false,
  completed: 0,
  maxTasks: 50,
  idleSince: now - 1000,
  ...more,
})

/** What the controller makes of tasks: queues of those that are ready, and who holds the others. */
const input = ({
  tasks = [],
  ...more
}: Partial<ScheduleInput> & { readonly tasks?: readonly AgentTask[] }): ScheduleInput => ({
  now,
  queues: queuesOf(tasks),
  running: new Map(
    ['hello', 'other'].map((name) => [
      name,
      tasks.filter((one) => heldBy(one) !== undefined && one.spec.requestRef.name === name).length,
    ]),
  ),
  busy: new Set(tasks.flatMap((one) => heldBy(one)?.podUid ?? [])),
  agents: [],
  requests: new Map([
    ['hello', { uid: 'uid-hello', suspended: false, maxParallel: 10 }],
    ['other', { uid: 'uid-other', suspended: false, maxParallel: 10 }],
  ]),
  maxAgents: 10,
  idleSeconds: 300,
  ...more,
})

function queuesOf(tasks: readonly AgentTask[]): TaskQueue[] {
  const queues = Map.groupBy(tasks.filter(isOpen), ({ spec }) =>
    [spec.requestRef.name, spec.type, spec.priority].join(' '),
  )
  return [...queues.values()].map((of) => ({
    request: of[0]?.spec.requestRef.name ?? '',
    type: of[0]?.spec.type ?? 'coding',
    tasks: of.toSorted(byAge),
  }))
}

const assigned = (given: ReturnType<typeof schedule>): string[] =>
  given.assign.map(({ task: one, agent: to }) => `${one.metadata.name}>${to.name}`)

test('a queued task goes to an idle agent of its type', () => {
  const given = schedule(
    input({ tasks: [task('a')], agents: [agent('t', { type: 'testing' }), agent('c')] }),
  )
  expect(assigned(given)).toEqual(['a>c'])
  expect(given.create).toEqual([])
})

test('without an agent of its type one is made, and the task says so', () => {
  const given = schedule(input({ tasks: [task('a')] }))
  expect(given.create).toMatchObject([{ type: 'coding' }])
  expect(given.waiting).toMatchObject([{ position: 0, reason: 'a coding agent is being started' }])
})

test('a starting agent is waited for, one for each task', () => {
  const starting = agent('c', { connected: false, podUid: undefined, idleSince: undefined })
  const given = schedule(input({ tasks: [task('a'), task('b')], agents: [starting] }))
  expect(given.create).toHaveLength(1)
  expect(given.waiting.map((place) => place.reason)).toEqual([
    'agent c is starting',
    'a coding agent is being started',
  ])
})

test('critical goes before normal, and long waiting lifts a task', () => {
  const old = task('old', { priority: 'low' }, queuedStatus, at(-16 * 60))
  const given = schedule(
    input({
      tasks: [task('normal'), old, task('urgent', { priority: 'critical' })],
      agents: [agent('c')],
    }),
  )
  // 16 minutes lift low (3) to 0, the rank of critical; the older one goes first.
  expect(assigned(given)).toEqual(['old>c'])
  expect(given.waiting.map((place) => place.task.metadata.name)).toEqual(['urgent', 'normal'])
})

test('the request that runs least goes first among equals', () => {
  const given = schedule(
    input({
      tasks: [
        task('h1', {}, heldStatus('pod-x')),
        task('a-hello'),
        task('b-other', { requestRef: { name: 'other' } }),
      ],
      agents: [agent('c'), agent('x')],
    }),
  )
  expect(assigned(given)).toEqual(['b-other>c'])
})

test('at the limit of agents an idle one of another type makes room', () => {
  const agents = Array.from({ length: 10 }, (_, index) =>
    agent(`t${index}`, { type: 'testing', idleSince: now - index }),
  )
  const given = schedule(input({ tasks: [task('a')], agents }))
  expect(given.create).toEqual([])
  expect(given.retire).toMatchObject([{ agent: { name: 't9' } }])
  expect(given.waiting).toMatchObject([{ reason: 'all 10 agents are in use' }])
})

test('one agent that is leaving is room enough for one task, and no second idle one has to go', () => {
  const agents = Array.from({ length: 10 }, (_, index) =>
    agent(`t${index}`, { type: 'testing', leaving: index === 9 }),
  )
  expect(schedule(input({ tasks: [task('a')], agents })).retire).toEqual([])
  expect(schedule(input({ tasks: [task('a'), task('b')], agents })).retire).toHaveLength(1)
})

const serving = (uid: string) => ({ serves: { kind: 'request', uid } }) as const
const gone = { serves: { kind: 'nobody', why: 'belongs to request x, which is over' } } as const

test('a task goes to an agent of its own request, and clean ones stay for others', () => {
  const agents = [
    agent('clean'),
    agent('foreign', { ...serving('uid-other'), completed: 9 }),
    agent('own', serving('uid-hello')),
  ]
  const tasks = [task('a'), task('b'), task('c')]
  const given = schedule(input({ tasks, agents, maxAgents: 3 }))
  expect(assigned(given)).toEqual(['a>own', 'b>clean'])
  expect(given.waiting).toMatchObject([{ reason: 'all 3 agents are in use' }])
})

test('nobody waits for an agent of another request that is on its way back', () => {
  const away = agent('c', { ...serving('uid-other'), connected: false })
  expect(schedule(input({ tasks: [task('a')], agents: [away] })).create).toHaveLength(1)
})

test.each([
  ['is idle', {}],
  ['is not heard at the moment', { connected: false }],
])('one that serves nobody and %s leaves at once, and is room enough', (_how, more) => {
  const agents = [agent('over', { ...gone, ...more }), agent('t', { type: 'testing' })]
  const given = schedule(input({ tasks: [task('a')], agents, maxAgents: 2 }))
  expect(given.retire).toMatchObject([
    { agent: { name: 'over' }, reason: 'belongs to request x, which is over' },
  ])
  expect(given.assign).toEqual([])
})

test('one that serves nobody and holds a task is left in peace', () => {
  const tasks = [task('a', {}, heldStatus('pod-over'))]
  expect(schedule(input({ tasks, agents: [agent('over', gone)] })).retire).toEqual([])
})

test('the schedule knows when an idle agent of another request can be spared', () => {
  const agents = [agent('c', { ...serving('uid-other'), idleSince: now - 2_000 })]
  const given = schedule(input({ tasks: [task('a')], agents, maxAgents: 1 }))
  expect([given.retire, given.nextAt]).toEqual([[], now + graceMs - 2_000])
})

const cramped = (name: string) =>
  agent(name, {
    connected: false,
    podUid: undefined,
    idleSince: undefined,
    trouble: 'exceeded quota',
    lacksRoom: true,
  })
const settled = (name: string) => agent(name, { ...serving('uid-other'), idleSince: now - 60_000 })

test('where the cluster has no room for another Pod, an idle agent of another request goes, one at a time', () => {
  const tasks = [task('a'), task('b')]
  const agents = [cramped('c1'), cramped('c2'), settled('x1'), settled('x2')]
  const given = schedule(input({ tasks, agents }))
  expect(given.retire).toMatchObject([{ agent: { name: 'x1' }, forCluster: true }])
  const leaving = { ...settled('x1'), leaving: true }
  expect(schedule(input({ tasks, agents: [...agents.slice(0, 2), leaving] })).retire).toEqual([])
})

test('the Pod gets some time to find the room that was made', () => {
  const agents = [cramped('c1'), settled('x2')]
  const given = schedule(input({ tasks: [task('a')], agents, roomFrom: now + 9_000 }))
  expect([given.retire, given.nextAt]).toEqual([[], now + 9_000])
})

test('an image that cannot be pulled is no reason to send others away', () => {
  const stuck = { ...cramped('c1'), trouble: 'ImagePullBackOff', lacksRoom: false }
  const given = schedule(input({ tasks: [task('a')], agents: [stuck, settled('x1')] }))
  expect(given.retire).toEqual([])
})

test('an agent that fell silent with a task in its hands is nobody to wait for', () => {
  const given = schedule(
    input({
      tasks: [task('a', {}, heldStatus('pod-c')), task('b')],
      agents: [agent('c', { connected: false })],
    }),
  )
  expect(given.create).toMatchObject([{ type: 'coding' }])
})

test('a task says why the agent it waits for cannot start', () => {
  const stuck = agent('c', { connected: false, podUid: undefined, trouble: 'exceeded quota' })
  expect(schedule(input({ tasks: [task('a')], agents: [stuck] })).waiting).toMatchObject([
    { reason: 'agent c cannot start: exceeded quota' },
  ])
})

test('no agent is made for a while when those of its type do not start', () => {
  const failing = new Map([['coding', { until: now + 5000, message: 'exit 1' }] as const])
  const tasks = [task('a'), task('b', { type: 'testing' })]
  const given = schedule(input({ tasks, failing }))
  expect(given.create).toMatchObject([{ type: 'testing' }])
  expect(given.waiting).toMatchObject([
    { reason: 'coding agents do not start: exit 1' },
    { reason: 'a testing agent is being started' },
  ])
  expect(given.nextAt).toBe(now + 5000)
  expect(schedule(input({ now: now + 5000, tasks, failing })).create).toHaveLength(2)
})

test('an idle agent goes after its time, and the schedule knows when', () => {
  const given = schedule(
    input({
      agents: [
        agent('old', { idleSince: now - 301_000 }),
        agent('new', { idleSince: now - 100_000 }),
      ],
    }),
  )
  expect(given.retire).toMatchObject([{ agent: { name: 'old' } }])
  expect(given.nextAt).toBe(now + 200_000)
})

test.each([
  [
    'its request is suspended',
    { requests: new Map([['hello', { uid: 'uid-hello', suspended: true, maxParallel: 10 }]]) },
  ],
  ['the request of the task is gone', { requests: new Map() }],
  [
    'its request runs as much as it may',
    { requests: new Map([['hello', { uid: 'uid-hello', suspended: false, maxParallel: 0 }]]) },
  ],
])('a task waits while %s', (_why, more) => {
  const given = schedule(input({ tasks: [task('a')], agents: [agent('c')], ...more }))
  expect(given.assign).toEqual([])
  expect(given.waiting).toHaveLength(1)
})

test('a pause that ends in an hour was written by another clock', () => {
  const paused = task('a', {}, { ...queuedStatus, notBefore: at(3600) })
  expect(assigned(schedule(input({ tasks: [paused], agents: [agent('c')] })))).toEqual(['a>c'])
})

test('a task behind one that pauses does not wait for it', () => {
  const paused = task('a', {}, { ...queuedStatus, notBefore: at(5) })
  const given = schedule(input({ tasks: [paused, task('b')], agents: [agent('c')] }))
  expect(given.waiting[0]?.reason).toBe('the pause before the next attempt is not over')
  expect(assigned(given)).toEqual(['b>c'])
  expect(given.waiting.map((place) => place.task.metadata.name)).toEqual(['a'])
})

test('of many free agents two requests get the same number', () => {
  const tasks = ['hello', 'other'].flatMap((name) =>
    [1, 2, 3].map((index) => task(`${name}-${index}`, { requestRef: { name } })),
  )
  const agents = ['a', 'b', 'c', 'd'].map((name) => agent(name))
  const given = schedule(input({ tasks, agents }))
  expect(given.assign.map((one) => one.task.metadata.name).toSorted()).toEqual([
    'hello-1',
    'hello-2',
    'other-1',
    'other-2',
  ])
})

test('a task waits out its pause between attempts', () => {
  const paused = task('a', {}, { ...queuedStatus, notBefore: at(5) })
  const given = schedule(input({ tasks: [paused], agents: [agent('c')] }))
  expect(given.assign).toEqual([])
  expect(given.nextAt).toBe(now + 5000)
})

test('whatever the world looks like, the promises of the scheduler hold', () => {
  const anyType = fc.constantFrom(...agentTypes)
  const anyAgent = fc.record({
    type: anyType,
    connected: fc.boolean(),
    leaving: fc.boolean(),
    completed: fc.integer({ min: 0, max: 60 }),
    idle: fc.integer({ min: 0, max: 600_000 }),
    serves: fc.constantFrom<SchedulableAgent['serves']>(
      { kind: 'anyone' },
      serving('uid-hello').serves,
      serving('uid-other').serves,
      gone.serves,
    ),
  })
  const anyTask = fc.record({
    type: anyType,
    state: fc.integer({ min: 0, max: 3 }),
    holder: fc.nat(12),
    request: fc.constantFrom('hello', 'other'),
  })
  fc.assert(
    fc.property(
      fc.array(anyAgent, { maxLength: 12 }),
      fc.array(anyTask, { maxLength: 30 }),
      (someAgents, someTasks) => {
        const agents = someAgents.map((one, index) =>
          agent(`g${index}`, { ...one, idleSince: now - one.idle, podUid: `p${index}` }),
        )
        const holders = new Set<number>()
        const tasks = someTasks.map((one, index) => {
          const free = one.holder < agents.length && !holders.has(one.holder)
          const held = one.state === 1 && free
          if (held) holders.add(one.holder)
          const status = held
            ? heldStatus(`p${one.holder}`)
            : one.state === 2
              ? endedStatus(true)
              : queuedStatus
          return task(`t${index}`, { type: one.type, requestRef: { name: one.request } }, status)
        })
        const given = schedule(input({ agents, tasks }))
        const busy = new Set([...holders].map((index) => `g${index}`))
        expect(new Set(given.assign.map((one) => one.agent.name)).size).toBe(given.assign.length)
        for (const one of given.assign) {
          expect(one.agent.type).toBe(one.task.spec.type)
          const { serves } = one.agent
          expect(['anyone', 'request']).toContain(serves.kind)
          if (serves.kind === 'request')
            expect(serves.uid).toBe(`uid-${one.task.spec.requestRef.name}`)
          expect(one.agent.connected && !one.agent.leaving && !busy.has(one.agent.name)).toBe(true)
        }
        for (const gone of given.retire) {
          expect(busy.has(gone.agent.name)).toBe(false)
          expect(given.assign.some((one) => one.agent === gone.agent)).toBe(false)
        }
        expect(agents.length + given.create.length).toBeLessThanOrEqual(Math.max(10, agents.length))
        const queued = tasks.filter((one) => one.status === queuedStatus)
        const placed = [...given.assign, ...given.waiting].map((one) => one.task)
        expect(new Set(placed).size).toBe(placed.length)
        // Nobody waits without a word at the head of a queue.
        for (const queue of queuesOf(queued)) expect(placed).toContain(queue.tasks[0])
      },
    ),
  )
})
