import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { KubeClient } from '../client.ts'
import { type Event, configMaps } from '../built-in-kinds.ts'
import { KubeError } from '../errors.ts'
import { type EventDraft, EventRecorder, referenceTo } from './events.ts'
import { silentLogger } from '../../../test/support/silent-logger.ts'
import { VirtualClock, seededRandom } from '../../../test/support/virtual-clock.ts'

const taken = new KubeError({ status: 409, reason: 'AlreadyExists', message: 'it is there' })

let clock: VirtualClock
let stored: Map<string, Event>
let failure: (() => KubeError) | undefined
/** So many requests are done and seem to fail. */
let answersLost: number
let recorder: EventRecorder
let dropped: number
let stop: AbortController
let running: Promise<void>

beforeEach(() => {
  clock = new VirtualClock()
  stored = new Map()
  failure = undefined
  answersLost = 0
  dropped = 0
  const answer = async (work: () => Event): Promise<never> => {
    if (failure !== undefined) throw failure()
    const event = work()
    answersLost -= 1
    if (answersLost >= 0) throw new KubeError({ status: 0, reason: 'Unreachable', message: 'x' })
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- events are all there is here
    return event as unknown as never
  }
  const client: Pick<KubeClient, 'create' | 'patch'> = {
    create: (_, object) =>
      answer(() => {
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as above
        const event = object as unknown as Event
        if (stored.has(event.metadata.name)) throw taken
        stored.set(event.metadata.name, event)
        return event
      }),
    patch: (_, ref, patch) =>
      answer(() => {
        const event = stored.get(ref.name)
        if (event === undefined) {
          throw new KubeError({ status: 404, reason: 'NotFound', message: 'gone' })
        }
        const next = { ...event, ...(Array.isArray(patch.body) ? {} : patch.body) }
        stored.set(ref.name, next)
        return next
      }),
  }
  recorder = new EventRecorder({
    client,
    clock,
    random: seededRandom(1),
    log: silentLogger,
    reportingController: 'guildhall.dev/operator',
    reportingInstance: 'pod-1',
    onDrop: () => {
      dropped += 1
    },
  })
  stop = new AbortController()
  running = recorder.run({ stop: stop.signal, abort: new AbortController().signal })
})
afterEach(async () => {
  stop.abort()
  await clock.advance(20_000)
  await running
})

const draft = (note: string, name = 'a', namespace: string | undefined = 'n'): EventDraft => ({
  regarding: referenceTo(configMaps, { metadata: { name, namespace, uid: `uid-${name}` } }),
  type: 'Normal',
  reason: 'Started',
  action: 'Start',
  note,
})
const only = () => [...stored.values()][0]

describe('an event', () => {
  test('says what happened to which object', async () => {
    recorder.record(draft('task a started'))
    await clock.advance(0)
    expect(only()).toMatchObject({
      metadata: { namespace: 'n' },
      eventTime: '2026-01-01T00:00:00.000000Z',
      note: 'task a started',
      regarding: { apiVersion: 'v1', kind: 'ConfigMap', name: 'a', namespace: 'n', uid: 'uid-a' },
      reportingController: 'guildhall.dev/operator',
      reportingInstance: 'pod-1',
    })
    expect(only()?.series).toBeUndefined()
  })

  test('about a cluster-scoped object lives in the namespace default', async () => {
    recorder.record(draft('x', 'a', ''))
    await clock.advance(0)
    expect(only()?.metadata.namespace).toBe('default')
  })

  test('that repeats becomes a series, written seldom', async () => {
    for (let count = 0; count < 50; count += 1) {
      recorder.record(draft('same'))
      await clock.advance(100)
    }
    await clock.advance(10_000)
    expect(stored.size).toBe(1)
    expect(only()?.series?.count).toBe(50)
  })

  test('of which there are many leaves room for what is told once', async () => {
    for (let count = 0; count < 40; count += 1)
      recorder.record({ ...draft(`task ${count}`), minor: true })
    recorder.record(draft('it ended'))
    await clock.advance(0)
    const notes = [...stored.values()].map(({ note }) => note)
    expect(notes).toHaveLength(16)
    expect(notes).toContain('it ended')
    expect(dropped).toBe(25)
    expect(stored.values().next().value).not.toHaveProperty('minor')
  })

  test('that repeats after six quiet minutes is a new one', async () => {
    recorder.record(draft('same'))
    await clock.advance(6 * 60_000 + 100)
    recorder.record(draft('same'))
    await clock.advance(0)
    expect(stored.size).toBe(2)
  })

  test('whose series has expired on the server is told anew', async () => {
    recorder.record(draft('same'))
    await clock.advance(1_000)
    stored.clear()
    recorder.record(draft('same'))
    await clock.advance(10_000)
    expect(only()?.series?.count).toBe(2)
  })

  test('that is too long is cut between characters', async () => {
    recorder.record(draft('ü'.repeat(1_000)))
    await clock.advance(0)
    const note = only()?.note ?? ''
    expect(Buffer.byteLength(note)).toBeLessThanOrEqual(1_024)
    expect(note).toMatch(/^ü+…$/)
  })
})

describe('a flood', () => {
  test('about one object is held to 25 at once and one more in five minutes', async () => {
    for (let count = 0; count < 100; count += 1) recorder.record(draft(`note ${count}`))
    await clock.advance(0)
    expect(stored.size).toBe(25)
    expect(dropped).toBe(75)
    await clock.advance(5 * 60_000)
    recorder.record(draft('later'))
    await clock.advance(0)
    expect(stored.size).toBe(26)
  })

  test('about many objects is held to a thousand in memory', async () => {
    for (let count = 0; count < 5_000; count += 1) recorder.record(draft('x', `o${count}`))
    await clock.advance(0)
    expect(stored.size).toBe(1_000)
    expect(dropped).toBe(4_000)
  })

  test('that was told keeps none from being told after it, and what is told again stays', async () => {
    for (let count = 0; count < 1_000; count += 1) recorder.record(draft('x', `o${count}`))
    await clock.advance(0)
    for (const name of ['o0', 'late', 'o0', 'later', 'o1']) recorder.record(draft('x', name))
    await clock.advance(10_000)
    const of = (name: string) =>
      [...stored.values()]
        .filter(({ regarding }) => regarding.name === name)
        .map(({ series }) => series?.count ?? 1)
    // o1 made room for `late` and is told anew; o0 was told a moment before.
    expect(['o0', 'late', 'later', 'o1'].map(of)).toEqual([[3], [1], [1], [1, 1]])
    expect(dropped).toBe(0)
  })
})

describe('a failure', () => {
  test('that passes is survived', async () => {
    failure = () => new KubeError({ status: 503, reason: 'x', message: 'x' })
    recorder.record(draft('x'))
    await clock.advance(50)
    failure = undefined
    await clock.advance(10_000)
    expect(stored.size).toBe(1)
  })

  test.each([0, 3])(
    'that is only a lost answer is no failure, with %i repetitions meanwhile',
    async (repetitions) => {
      answersLost = 1
      recorder.record(draft('x'))
      await clock.advance(0)
      for (let count = 0; count < repetitions; count += 1) recorder.record(draft('x'))
      await clock.advance(1_000)
      recorder.record(draft('x'))
      await clock.advance(10_000)
      expect(stored.size).toBe(1)
      expect(only()?.series?.count).toBe(repetitions + 2)
      expect(dropped).toBe(0)
    },
  )

  test('that names a time is heeded, and the event is told then', async () => {
    const asked: number[] = []
    failure = () => {
      asked.push(clock.monotonic())
      return new KubeError({
        status: 429,
        reason: 'TooManyRequests',
        message: 'later',
        retryAfterMs: 2_000,
      })
    }
    recorder.record(draft('x'))
    await clock.advance(5_000)
    const [first = 0, second = 0, third = 0] = asked
    expect(asked).toHaveLength(3)
    expect([second - first >= 2_000, third - second >= 2_000]).toEqual([true, true])
    failure = undefined
    await clock.advance(2_000)
    expect(stored.size).toBe(1)
  })

  test('that stays is forgotten, and later events still come', async () => {
    failure = () => new KubeError({ status: 403, reason: 'Forbidden', message: 'x' })
    recorder.record(draft('x'))
    await clock.advance(100)
    expect(dropped).toBe(1)
    failure = undefined
    recorder.record(draft('y'))
    await clock.advance(0)
    expect(only()?.note).toBe('y')
  })
})

test('what was not written when the process stops is written then', async () => {
  recorder.record(draft('same'))
  await clock.advance(0)
  recorder.record(draft('same'))
  stop.abort()
  await running
  expect(only()?.series?.count).toBe(2)
})
