// Requests that share few agentsOf, over time: a small world around `schedule`, in which agents take time to start and to go.
import { describe, expect, test } from 'vitest'
import type { AgentTask } from '../../core/api/agent-task.ts'
import type { AgentType } from '../../core/api/agent-types.ts'
import { now, queuedStatus, task } from '../../test/support/objects.ts'
import type { SchedulableAgent } from './agents.ts'
import { schedule, type TaskQueue, type SchedulableRequest } from './schedule.ts'

const startMs = 3_000
const leaveMs = 1_000
const stepMs = 100

interface Work {
  readonly request: string
  readonly type?: AgentType
  readonly ms: number
  /** Ready from then on. */
  readonly fromMs?: number
  /** Ready so long after the end of the one before it in the list. */
  readonly behindMs?: number
  readonly priority?: AgentTask['spec']['priority']
}
interface Done {
  readonly request: string
  readonly agent: string
  readonly atMs: number
  readonly endMs: number
}

/** Runs this work to its end, or for ten minutes. Tells who did what, how many agents were started, and how many at most. */
function live(work: readonly Work[], maxAgents: number, order: readonly string[]) {
  const agents = new Map<string, SchedulableAgent & { readonly fromMs: number; goneMs?: number }>()
  const done = new Map<number, Done>()
  const started: { readonly request: string; readonly atMs: number }[] = []
  let most = 0
  const requests = new Map<string, SchedulableRequest>(
    order.map((name) => [name, { uid: `uid-${name}`, suspended: false, maxParallel: 50 }]),
  )
  const tasks = work.map(({ request: name, type = 'coding', priority = 'normal' }, index) =>
    task(
      `${order.indexOf(name)}-${String(index).padStart(4, '0')}`,
      {
        type,
        priority,
        requestRef: { name },
      },
      queuedStatus,
    ),
  )
  const readyMs = (index: number): number => {
    const { fromMs = 0, behindMs } = work[index] ?? { ms: 0, request: '' }
    return behindMs === undefined ? fromMs : (done.get(index - 1)?.endMs ?? Infinity) + behindMs
  }
  for (let atMs = 0; atMs < 600_000 && done.size < work.length; atMs += stepMs) {
    for (const [name, one] of agents) if ((one.goneMs ?? Infinity) <= atMs) agents.delete(name)
    const held = [...done.values()].filter(({ endMs }) => endMs > atMs)
    const isHeld = (name: string) => held.some(({ agent }) => agent === name)
    const isOver = (name: string) =>
      work.every(
        (one, index) => one.request !== name || (done.get(index)?.endMs ?? Infinity) <= atMs,
      )
    const ready = tasks.filter((_, index) => !done.has(index) && readyMs(index) <= atMs)
    const queues: TaskQueue[] = [
      ...Map.groupBy(ready, ({ spec }) => `${spec.requestRef.name} ${spec.type} ${spec.priority}`),
    ].map(([, of]) => ({
      request: of[0]?.spec.requestRef.name ?? '',
      type: of[0]?.spec.type ?? 'coding',
      tasks: of,
    }))
    const running = new Map(
      order.map((name) => [name, held.filter(({ request }) => request === name).length]),
    )
    const decided = schedule({
      now: now + atMs,
      queues,
      running,
      requests,
      maxAgents,
      idleSeconds: 300,
      busy: new Set(held.map(({ agent }) => `pod-${agent}`)),
      agents: [...agents.values()].map((one) => {
        const served = one.serves.kind === 'request' ? one.serves.uid.slice(4) : undefined
        return {
          ...one,
          connected: atMs - one.fromMs >= startMs,
          leaving: one.goneMs !== undefined,
          serves:
            served !== undefined && isOver(served)
              ? { kind: 'nobody' as const, why: 'belongs to a request that is over' }
              : one.serves,
        }
      }),
    })
    for (const {
      agent: { name },
      reason,
    } of decided.retire) {
      expect(isHeld(name), `${name} ${reason}`).toBe(false)
      const one = agents.get(name)
      if (one !== undefined) one.goneMs = atMs + leaveMs
    }
    for (const { task: one, agent: to } of decided.assign) {
      const index = tasks.indexOf(one)
      const { request, ms } = work[index] ?? { request: '', ms: 0 }
      const before = agents.get(to.name)
      if (before === undefined) throw new Error(`${to.name} is gone`)
      if (before.serves.kind === 'request') expect(before.serves.uid).toBe(`uid-${request}`)
      const endMs = atMs + ms
      done.set(index, { request, agent: to.name, atMs, endMs })
      agents.set(to.name, {
        ...before,
        serves: { kind: 'request', uid: `uid-${request}` },
        completed: before.completed + 1,
        idleSince: now + endMs,
      })
    }
    for (const { type, reason } of decided.create) {
      const name = `g${started.length}`
      started.push({ request: reason, atMs })
      agents.set(name, {
        name,
        type,
        podUid: `pod-${name}`,
        serves: { kind: 'anyone' },
        connected: false,
        leaving: false,
        completed: 0,
        maxTasks: 1_000,
        idleSince: undefined,
        fromMs: atMs,
      })
    }
    most = Math.max(most, agents.size)
  }
  expect(most).toBeLessThanOrEqual(maxAgents)
  const of = (name: string) => [...done.values()].filter(({ request }) => request === name)
  return { done: done.size, started, of, firstMs: (name: string) => of(name)[0]?.atMs ?? Infinity }
}

const many = (count: number, one: Work): readonly Work[] => Array.from({ length: count }, () => one)
/** Tasks that wait for each other, with a merge in between. */
const chain = (request: string, types: readonly AgentType[], ms: number, fromMs = 0) =>
  types.map((type, index) => ({
    request,
    type,
    ms,
    ...(index === 0 ? { fromMs } : { behindMs: 500 }),
  }))
/** Room is made, the agent leaves, a new one starts; one step for each decision. */
const promptMs = leaveMs + startMs + 500

describe('a request that comes when the agents of another hold all places', () => {
  test.each<[string, readonly Work[], number]>([
    [
      'idle for want of work',
      [
        ...many(4, { request: 'a', ms: 1_000 }),
        { request: 'a', type: 'review', ms: 90_000, fromMs: 5_000 },
      ],
      5_000,
    ],
    ['which just became idle', many(4, { request: 'a', ms: 7_000 }), 10_000],
    ['busy, and with more work behind it', many(60, { request: 'a', ms: 10_000 }), 10_000],
  ])('gets one promptly: %s', (_how, first, waitMs) => {
    const late = { request: 'b', ms: 5_000, fromMs: 10_000 }
    const story = live([...first, late], 5, ['a', 'b'])
    expect(story.done).toBe(first.length + 1)
    expect(story.firstMs('b')).toBeLessThanOrEqual(10_000 + waitMs + promptMs)
  })

  test('gets one at once when that request is over', () => {
    const first = many(4, { request: 'a', ms: 6_000 })
    const story = live([...first, ...many(4, { request: 'b', ms: 1_000, fromMs: 9_000 })], 4, [
      'a',
      'b',
    ])
    for (const { atMs } of story.of('b')) expect(atMs).toBeLessThanOrEqual(9_000 + promptMs)
  })

  test('waits for one that works when it is less urgent, and no longer', () => {
    const urgent = many(12, { request: 'a', ms: 8_000, priority: 'high' })
    const story = live([...urgent, { request: 'b', ms: 1_000 }], 4, ['a', 'b'])
    const ends = story
      .of('a')
      .map(({ endMs }) => endMs)
      .toSorted((x, y) => x - y)
    expect(story.firstMs('b')).toBeGreaterThan(ends[7] ?? 0)
    expect(story.firstMs('b')).toBeLessThanOrEqual((ends[9] ?? 0) + promptMs)
  })
})

describe('two requests share places without taking agents from each other in turn', () => {
  test.each([4, 5, 10])('with %d places and much work each', (places) => {
    // No two end at the same moment, so that there is always one agent to be argued about.
    const work = (request: string, fromMs: number) =>
      many(100, { request, ms: 0, fromMs }).map((one, index) => ({
        ...one,
        ms: 3_000 + ((index * 700) % 2_300),
      }))
    const story = live([...work('a', 0), ...work('b', 20_000)], places, ['a', 'b'])
    expect(story.done).toBe(200)
    // Those of the beginning, those that moved to the second request, and at its end those that moved back.
    expect(story.started.length).toBeLessThanOrEqual(2 * places + 1)
    const shared = story.of('b').filter(({ atMs }) => atMs > 40_000 && atMs < 60_000)
    expect(shared.length).toBeGreaterThanOrEqual(Math.floor(places / 2) * 4)
  })

  test('with one place, and one task after another', () => {
    const types = Array.from({ length: 8 }, () => 'coding' as const)
    const story = live([...chain('a', types, 2_000), ...chain('b', types, 2_000)], 1, ['a', 'b'])
    expect(story.done).toBe(16)
    expect(story.started).toHaveLength(2)
  })

  test('with two places for three types, where agents have to go again and again, everything is done', () => {
    const types = (['git', 'testing', 'coding', 'testing', 'review', 'git'] as const).slice()
    const story = live(
      [
        ...chain('a', types, 3_000),
        ...chain('b', types, 3_000),
        ...chain('c', types, 3_000, 1_000),
      ],
      2,
      ['a', 'b', 'c'],
    )
    expect(story.done).toBe(18)
  })
})

test('thirty requests of one task each pass through three places', () => {
  const order = Array.from({ length: 30 }, (_, index) => `r${index}`)
  const story = live(
    order.map((request) => ({ request, ms: 500 })),
    3,
    order,
  )
  expect(story.done).toBe(30)
  expect(story.started).toHaveLength(30)
})

test('a clean agent goes to whoever needs it first, and its own request gets the next one', () => {
  const work = [
    { request: 'a', ms: 1_000 },
    { request: 'b', ms: 1_000, fromMs: 1_000, priority: 'critical' as const },
  ]
  const story = live(work, 2, ['a', 'b'])
  expect(story.of('b')[0]?.agent).toBe('g0')
  expect(story.of('a')[0]?.agent).toBe('g1')
})
