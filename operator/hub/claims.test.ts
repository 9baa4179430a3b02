// Every route by which an agent names a task: it counts only when name, uid and attempt are those that its Pod holds.
import { describe, expect, test } from 'vitest'
import { at, endedStatus, heldStatus, now, request, task } from '../../test/support/objects.ts'
import { jwt } from '../../simulated-kubernetes/tokens.ts'
import { Cache } from '../../test/support/cache.ts'
import { silentLogger } from '../../test/support/silent-logger.ts'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import type { HubMessage, ModelCall, ModelEvent, Report } from '../../core/api/agent-protocol.ts'
import type { AgentTask } from '../../core/api/agent-task.ts'
import { agentTasks, agents as agentKind } from '../../core/api/kinds.ts'
import { audiences, labels } from '../../core/api/names.ts'
import { heldBy } from '../../core/api/task-state.ts'
import { Outcomes } from '../controllers/agent/outcomes.ts'
import type { World } from '../controllers/world.ts'
import { hubBackend } from './backend.ts'
import { Hub } from './hub.ts'
import { Problem } from '../../core/base/http.ts'
import { AgentStreams } from '../presence/agent-streams.ts'
import type { KubeClient } from '../../core/kube/client.ts'
import { KubeError } from '../../core/kube/errors.ts'
import type { Gateway, GatewayCall } from '../../core/models/gateway.ts'

const caller = { podUid: 'p1', agent: 'agent-of-p1', type: 'coding' }
const own = task('mine', { requestRef: { name: 'r-mine' }, priority: 'low' }, heldStatus('p1', 2))
const victim = task(
  'victim',
  { requestRef: { name: 'r-victim' }, priority: 'critical' },
  heldStatus('p2', 2),
)

const account = 'system:serviceaccount:guildhall:guildhall-agent'
const review = 'authentication.kubernetes.io'
const tokenOf = (uid: string, changes: object = {}, signature?: string) =>
  jwt(
    { aud: [audiences.hub], sub: account, 'kubernetes.io': { pod: { uid } }, ...changes },
    signature,
  )
const ours = tokenOf('p1')
const others = tokenOf('p2')

/** The whole hub over two tasks, of which the caller's Pod holds one. */
function setUp(tasks: readonly AgentTask[] = [own, victim]) {
  const clock = new VirtualClock(now)
  const said: (readonly [object, string])[] = []
  const asked: GatewayCall[] = []
  const sent: HubMessage[] = []
  const reviewed: string[] = []
  const named = (name: string) => tasks.find(({ metadata }) => metadata.name === name)
  const world = {
    namespace: 'guildhall',
    clock,
    client: {
      get: async (_kind: unknown, { name }: { readonly name: string }) => {
        const found = named(name)
        if (found !== undefined) return found
        throw new KubeError({ status: 404, reason: 'NotFound', message: name })
      },
      create: async (_kind: unknown, { spec }: { readonly spec: { readonly token: string } }) => {
        reviewed.push(spec.token)
        const uid = [ours, others].indexOf(spec.token) + 1
        if (uid === 0) return { status: { authenticated: false } }
        const extra = { [`${review}/pod-name`]: ['c'], [`${review}/pod-uid`]: [`p${uid}`] }
        const user = { username: account, extra }
        return { status: { authenticated: true, audiences: [audiences.hub], user } }
      },
    } as unknown as KubeClient,
    requests: { get: (_namespace: string, name: string) => request(name) },
    agents: { get: (_namespace: string, name: string) => (name === caller.agent ? {} : undefined) },
    pods: {
      byIndex: (_index: string, uid: string) => {
        const { agent, type } = caller
        const own = { [labels.agent]: agent, [labels.agentType]: type }
        return ['p1', 'p2'].includes(uid) ? [{ metadata: { labels: own } }] : []
      },
    },
    tasks: {
      resource: agentTasks,
      get: (_namespace: string, name: string) => named(name),
      byIndex: (_index: string, value: string) =>
        tasks.filter((one) => heldBy(one)?.podUid === value),
      isBehind: () => false,
      newest: (_namespace: string, name: string) => named(name),
      unseen: () => [],
    },
  } as unknown as World
  const streams = new AgentStreams(clock)
  const backend = hubBackend(world, {
    gateway: {
      tokens: () => ({ earlierTokens: 0, inputTokens: 0, outputTokens: 0, calls: 0 }),
      call: async (call: GatewayCall) => {
        asked.push(call)
        return { kind: 'result', model: 'm', text: '', blocks: [], trace: '' }
      },
    } as unknown as Gateway,
    streams,
    outcomes: new Outcomes(new Cache(agentKind)),
    profileOf: () => undefined,
    forgeUrl: 'http://forge',
    serviceAccountName: 'guildhall-agent',
    log: { ...silentLogger, info: (fields, message) => said.push([fields, message]) },
  })
  const hub = new Hub({ backend, streams, log: silentLogger, clock })
  hub.connect(caller, { send: (message) => sent.push(message), close: () => undefined })
  return { hub, backend, clock, said, asked, sent, reviewed }
}

const { signal } = new AbortController()
const rest = {
  verb: 'write' as const,
  purpose: 'code.write',
  system: 's',
  sections: [],
  instruction: 'Answer.',
  temperature: 0,
  seed: 1,
  maxTokens: 100,
} satisfies Partial<ModelCall>
const told = {
  verdict: 'Done' as const,
  summary: 'all is well',
  files: [],
  evidence: [],
  tries: 1,
  durationSeconds: 1,
  notes: [],
} satisfies Partial<Report>

const mine = { task: 'mine', uid: 'uid-mine', attempt: 2 }

describe.each([
  ['another task by its own uid', { ...mine, task: 'victim' }],
  ['another task by its name and uid', { ...mine, task: 'victim', uid: 'uid-victim' }],
  ['its own name with the uid of another', { ...mine, uid: 'uid-victim' }],
  ['an earlier attempt', { ...mine, attempt: 1 }],
  ['an attempt to come', { ...mine, attempt: 3 }],
  ['an earlier task of the same name', { ...mine, uid: 'uid-of-the-old-one' }],
  ['a task that is not there', { ...mine, task: 'nobody' }],
])('an agent that names %s', (_, name) => {
  test('is not admitted to a model, and nothing is counted', async () => {
    const { hub, backend, asked } = setUp()
    expect(() => hub.admit(caller, name)).toThrow(/is not yours/)
    const events: ModelEvent[] = []
    const call: ModelCall = { ...name, ...rest }
    // Even for somebody who got past the hub the account is the one of the uid.
    if (name.task !== 'victim' || name.uid !== 'uid-victim') {
      await backend.ask(call, { signal, onEvent: (event) => events.push(event) })
      expect(events).toMatchObject([{ kind: 'error', code: 'Fenced' }])
    }
    expect(asked).toEqual([])
  })

  test('reports nothing, and says nothing among the lines of the task', async () => {
    const { hub, said } = setUp()
    const report: Report = { ...name, ...told }
    const receipt = await hub.report(caller, report).catch((error: unknown) => error)
    expect(receipt).not.toMatchObject({ outcome: 'accepted' })
    for (const [fields, message] of said) {
      expect(fields).not.toHaveProperty('task')
      expect(fields).not.toHaveProperty('request')
      expect(message).not.toContain('all is well')
    }
  })

  test('is told by its heartbeat to stop', () => {
    const { hub, sent } = setUp()
    hub.beat(caller, name)
    expect(sent).toContainEqual({ kind: 'cancel', ...name })
  })

  test('writes its lines under no task but its own', () => {
    const { hub, said } = setUp()
    const { task: named, attempt } = name
    hub.log(caller, {
      lines: [{ level: 'info', time: at(0), message: 'hello', task: named, attempt }],
    })
    // A line has no uid: by name and attempt it may be right.
    const isOwn = named === 'mine' && attempt === 2
    expect(said[0]?.[0]).toMatchObject(
      isOwn ? { task: 'mine', request: 'r-mine' } : { claimed: { task: named, attempt } },
    )
    if (!isOwn) expect(said[0]?.[0]).not.toHaveProperty('request')
  })
})

test('what it holds is paid for by the task, whatever else the call says', async () => {
  const { hub, asked } = setUp()
  const call = { ...mine, ...rest, request: 'r-victim', priority: 'critical', budget: {} }
  hub.admit(caller, call)
  await hub.ask(call, { signal, onEvent: () => undefined })
  expect(asked).toMatchObject([{ task: 'mine', request: 'r-mine', priority: 'low' }])
  expect(asked[0]?.budget).toEqual({
    request: { limit: undefined, used: 0 },
    task: { limit: undefined, used: 0 },
  })
})

describe('fields of a line set no field of ours', () => {
  test.each([
    ['who and what', { request: 'r-victim', task: 'victim', agent: 'other', attempt: 9 }],
    ['the level and the time', { level: 60, time: 1, at: '2020' }],
    ['the words', { msg: 'forged', err: 'forged', error: 'forged' }],
    ['the process', { pid: 1, name: 'guildhall-operator', hostname: 'x', logger: 'operator' }],
    ['the name of the key', { fields: 'x', claimed: 'y' }],
  ])('%s', (_, fields) => {
    const { hub, said } = setUp()
    hub.log(caller, { lines: [{ level: 'info', time: at(0), message: 'hello', fields }] })
    expect(said).toEqual([
      [{ logger: 'agents/coding', agent: 'agent-of-p1', at: at(0), fields }, 'hello'],
    ])
  })
})

describe('last words count for a minute', () => {
  const line = { level: 'info', time: at(0), message: 'the end', task: 'mine', attempt: 1 } as const
  const past = (seconds: number): AgentTask => {
    const entry = { attempt: 1, agent: caller.agent, startedAt: at(-90), finishedAt: at(seconds) }
    return task('mine', {}, { ...heldStatus('p2', 2), history: [entry] })
  }
  const ended = task('mine', {}, { ...endedStatus(true), assignment: heldStatus('p1').assignment })
  test.each([
    ['of an attempt that another took over a moment ago', past(-20), true],
    ['of an attempt that another took over long ago', past(-70), false],
    ['of a task that ended', ended, true],
    [
      'of another Pod’s task that ended',
      task('mine', {}, { ...endedStatus(true), assignment: heldStatus('p2').assignment }),
      false,
    ],
  ])('%s', (_, one, counts) => {
    const { hub, said } = setUp([one])
    hub.log(caller, { lines: [line] })
    expect('task' in (said[0]?.[0] ?? {})).toBe(counts)
  })
})

describe('the hub knows its agents by their tokens', () => {
  test.each([
    ['of a Pod that is not there', tokenOf('p9')],
    ['of another account', tokenOf('p1', { sub: 'system:serviceaccount:guildhall:default' })],
    ['of another namespace', tokenOf('p1', { sub: 'system:serviceaccount:x:guildhall-agent' })],
    ['for another door', tokenOf('p1', { aud: [audiences.forge] })],
    ['of no form', 'nonsense'],
  ])('a token %s is refused, and nobody is asked', async (_, token) => {
    const { hub, reviewed } = setUp()
    await expect(hub.identify(token)).rejects.toMatchObject({ status: 401 })
    expect(reviewed).toEqual([])
  })

  test('tokens made up in the name of one Pod are told to come back, and another Pod gets in', async () => {
    const { hub, clock, reviewed } = setUp()
    const flood = Array.from({ length: 5_000 }, (_, at) =>
      hub.identify(tokenOf('p1', {}, `forged${at}`)).then(
        () => 200,
        (error: unknown) => (error instanceof Problem ? error.status : 500),
      ),
    )
    expect(await hub.identify(others)).toMatchObject({ podUid: 'p2' })
    await clock.advance(1_000)
    const ends = await Promise.all(flood)
    expect(ends.filter((status) => status === 429).length).toBeGreaterThan(4_900)
    expect(ends.every((status) => status === 429 || status === 401)).toBe(true)
    expect(reviewed.length).toBeLessThan(60)
    expect(await hub.identify(ours)).toEqual(caller)
  })
})
