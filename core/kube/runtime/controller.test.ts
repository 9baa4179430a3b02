import { inspect } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import { KubeClient } from '../client.ts'
import { configMaps } from '../built-in-kinds.ts'
import { KubeError } from '../errors.ts'
import type { HttpRequest } from '../transport.ts'
import { systemClock } from '../../base/clock.ts'
import { aborted } from '../../base/wait.ts'
import {
  Controller,
  type Outcome,
  type Reconcile,
  type Result,
  type View,
  WaitError,
  done,
  requeueAfter,
} from './controller.ts'
import type { Logger } from '../../base/logger.ts'
import { silentLogger } from '../../../test/support/silent-logger.ts'
import { VirtualClock, seededRandom } from '../../../test/support/virtual-clock.ts'

let stop: AbortController
let abort: AbortController
let running: Promise<void>

const ignore = () => undefined
const observer = { onAdd: ignore, onStart: ignore, onDone: ignore, onRetry: ignore }

interface World {
  readonly clock: VirtualClock
  readonly controller: Controller
  readonly outcomes: Outcome[]
  readonly errors: string[]
}

function start(
  reconcile: Reconcile,
  options: {
    readonly concurrency?: number
    readonly views?: readonly View[]
    readonly clock?: VirtualClock
  } = {},
): World {
  const { clock = new VirtualClock() } = options
  const outcomes: Outcome[] = []
  const errors: string[] = []
  const log: Logger = { ...silentLogger, error: (_, message) => errors.push(message) }
  const controller = new Controller({
    name: 'test',
    reconcile,
    random: seededRandom(1),
    log,
    ...options,
    clock,
    metrics: {
      controller: () => ({
        ...observer,
        onRunStart: ignore,
        onRunEnd: (outcome) => outcomes.push(outcome),
      }),
    },
  })
  stop = new AbortController()
  abort = new AbortController()
  running = controller.run({ stop: stop.signal, abort: abort.signal })
  return { clock, controller, outcomes, errors }
}
afterEach(async () => {
  stop.abort()
  abort.abort()
  await running
})

/** A client whose server takes requests and never answers. */
function deafClient(clock: VirtualClock): KubeClient {
  const never = async ({ signal }: HttpRequest) => {
    await aborted(signal)
    throw signal.reason
  }
  const config = {
    server: 'http://localhost',
    namespace: 'n',
    credentials: async () => ({ headers: {}, tls: {} }),
    refresh: ignore,
  }
  const transport = { call: never, stream: never, close: async () => undefined }
  return new KubeClient({ config, clock, random: seededRandom(1), transport })
}

const conflict = new KubeError({ status: 409, reason: 'Conflict', message: 'conflict' })
const turnedAway = (retryAfterMs: number) =>
  new KubeError({ status: 429, reason: 'x', message: 'x', retryAfterMs })
const busy = turnedAway(7_000)

describe('a run', () => {
  test.each([
    ['fails', new Error('no'), 'error', true],
    ['meets a conflict', conflict, 'requeue', false],
    ['is turned away', busy, 'requeue', false],
    ['has to wait', new WaitError(500, 'not yet'), 'requeue_after', false],
    ['has a defect', new TypeError('undefined is not a function'), 'panic', true],
  ])('that %s is repeated', async (_, error, wantOutcome, wantLogged) => {
    let runs = 0
    const { clock, controller, outcomes, errors } = start(async () => {
      runs += 1
      if (runs === 1) throw error
      return done
    })
    controller.enqueue('n/a')
    await clock.advance(8_000)
    expect(outcomes).toEqual([wantOutcome, 'success'])
    expect(errors).toHaveLength(wantLogged ? 1 : 0)
  })

  test('that is turned away comes back after the time that was asked for, not all in one moment', async () => {
    const times: number[] = []
    const { clock, controller } = start(async () => {
      times.push(clock.monotonic())
      throw busy
    })
    const keys = ['n/a', 'n/b', 'n/c']
    for (const key of keys) controller.enqueue(key)
    await clock.advance(7_300)
    const again = times.slice(keys.length)
    expect(again).toHaveLength(3)
    expect(Math.min(...again)).toBeGreaterThanOrEqual(7_000)
    expect(new Set(again).size).toBe(3)
  })

  test('asks to be repeated, and is', async () => {
    const times: number[] = []
    const { clock, controller } = start(async () => {
      times.push(clock.monotonic())
      return requeueAfter(1_000, 'look again')
    })
    controller.enqueue('n/a')
    await clock.advance(3_500)
    expect(times).toHaveLength(4)
  })

  test('that takes too long is told to stop, counted and repeated', async () => {
    let told = 0
    const { clock, controller, outcomes } = start(async (_, { signal }) => {
      if (told > 0) return done
      await clock.sleep(3_600_000, { signal }).finally(() => {
        told += 1
      })
      return done
    })
    controller.enqueue('n/a')
    await clock.advance(60_500)
    expect(told).toBe(1)
    expect(outcomes).toEqual(['timeout', 'success'])
  })

  test('that takes too long inside a call of the API is counted as the same', async () => {
    const clock = new VirtualClock()
    const client = deafClient(clock)
    const get = async (signal: AbortSignal) =>
      client.get(configMaps, { namespace: 'n', name: 'a', signal, timeoutMs: 3_600_000 })
    const { controller, outcomes } = start(async (_, { signal }) => get(signal).then(() => done), {
      clock,
    })
    controller.enqueue('n/a')
    await clock.advance(60_000)
    expect(outcomes).toEqual(['timeout'])
  })

  test('of a failing key does not hold up others', async () => {
    const good: string[] = []
    const { clock, controller } = start(async (key) => {
      if (key === 'n/bad') throw new Error('no')
      good.push(key)
      return done
    })
    for (const key of ['n/bad', 'n/a', 'n/b']) controller.enqueue(key)
    await clock.advance(0)
    expect(good).toEqual(['n/a', 'n/b'])
  })

  test('that is good ends the back-off', async () => {
    let good = false
    const { clock, controller, outcomes } = start(async () => {
      if (!good) throw new Error('no')
      return done
    })
    controller.enqueue('n/a')
    await clock.advance(60_000)
    good = true
    controller.enqueue('n/a')
    await clock.advance(300_000)
    good = false
    controller.enqueue('n/a')
    await clock.advance(0)
    expect(clock.next()).toBeLessThanOrEqual(200)
    expect(outcomes.at(-1)).toBe('error')
  })

  test.each([
    ['an error', new Error('no')],
    ['turned away without a pause', turnedAway(0)],
  ])('loop stays under five requests a second: %s', async (_, error) => {
    let runs = 0
    const { clock, controller } = start(async () => {
      runs += 1
      throw error
    })
    controller.enqueue('n/a')
    await clock.advance(60_000)
    expect(runs).toBeLessThan(20)
  })
})

test('one key is never worked on twice at a time, different keys are', async () => {
  const under = new Map<string, number>()
  let most = 0
  let mostOfOne = 0
  const { clock, controller } = start(
    async (key, { signal }) => {
      const count = (under.get(key) ?? 0) + 1
      mostOfOne = Math.max(mostOfOne, count)
      under.set(key, count)
      most = Math.max(most, under.size)
      await clock.sleep(100, { signal })
      under.delete(key)
      return done
    },
    { concurrency: 3 },
  )
  for (let round = 0; round < 5; round += 1) {
    for (const key of ['n/a', 'n/b', 'n/c', 'n/d']) controller.enqueue(key)
    await clock.advance(50)
  }
  await clock.advance(1_000)
  expect(most).toBe(3)
  expect(mostOfOne).toBe(1)
})

describe('own writes', () => {
  /** A view whose version the test moves; each run of the reconcile writes the next version. */
  function writing() {
    const clock = new VirtualClock()
    let [seen, written] = [0, 0]
    const objects = new Map<string, number>()
    const waiting = new Set<() => void>()
    const view: View = {
      pending: (key) => {
        const version = key === undefined ? written : (objects.get(key) ?? 0)
        return version > seen ? String(version) : undefined
      },
      waitForVersion: async (version, { signal, timeoutMs }) => {
        if (Number(version) <= seen) return true
        const over = clock.sleep(timeoutMs, { signal }).then(() => false)
        return Promise.race([
          over,
          new Promise<true>((resolve) => waiting.add(() => resolve(true))),
        ])
      },
    }
    const runs: string[] = []
    const world = start(
      async (key) => {
        runs.push(key)
        written += 1
        return done
      },
      { views: [view], clock, concurrency: 2 },
    )
    return {
      ...world,
      runs,
      write: (key: string) => {
        written += 1
        objects.set(key, written)
      },
      reach: (version: number) => {
        seen = version
        for (const resolve of waiting) resolve()
        waiting.clear()
      },
    }
  }

  test("are waited for before the next decision on the same key, and not before another key's", async () => {
    const { clock, controller, runs, reach } = writing()
    controller.enqueue('n/a')
    await clock.advance(10)
    controller.enqueue('n/a')
    await clock.advance(100)
    expect(runs).toEqual(['n/a'])
    controller.enqueue('n/b')
    await clock.advance(100)
    expect(runs).toEqual(['n/a', 'n/b'])
    // What `n/b` wrote meanwhile is not waited for.
    reach(1)
    await clock.advance(100)
    expect(runs).toEqual(['n/a', 'n/b', 'n/a'])
  })

  test('of somebody else in this process to the very object are waited for, too', async () => {
    const { clock, controller, runs, write, reach } = writing()
    write('n/a')
    controller.enqueue('n/a')
    await clock.advance(100)
    expect(runs).toEqual([])
    reach(1)
    await clock.advance(100)
    expect(runs).toEqual(['n/a'])
  })

  test('that do not come back keep their key from being worked on, and no other', async () => {
    const { clock, controller, runs, reach } = writing()
    controller.enqueue('n/a')
    await clock.advance(10)
    controller.enqueue('n/a')
    await clock.advance(60_000)
    expect(runs).toEqual(['n/a'])
    controller.enqueue('n/b')
    await clock.advance(10)
    expect(runs).toEqual(['n/a', 'n/b'])
    reach(2)
    await clock.advance(2_000)
    expect(runs).toEqual(['n/a', 'n/b', 'n/a'])
  })
})

describe('stopping', () => {
  test('lets the run under way end and starts no other', async () => {
    const ended: string[] = []
    const { clock, controller } = start(async (key, { signal }) => {
      await clock.sleep(100, { signal })
      ended.push(key)
      return done
    })
    controller.enqueue('n/a')
    controller.enqueue('n/b')
    await clock.advance(10)
    stop.abort()
    await clock.advance(1_000)
    await running
    expect(ended).toEqual(['n/a'])
  })

  test('at once cuts it off without counting a failure to come back for', async () => {
    const { clock, controller } = start(async (_, { signal }) => {
      await clock.sleep(3_600_000, { signal })
      return done
    })
    controller.enqueue('n/a')
    await clock.advance(10)
    stop.abort()
    abort.abort()
    await running
    expect(clock.pending).toBe(0)
  })
})

// Kind: a reconcile that waits for nothing is asked for again at once. Without a turn of the event
// loop in between, no timer of the process fires any more and no other key has its turn.
describe('keys that are asked for again at once leave the event loop its turns', () => {
  const other = (key: string) => (key === 'a/x' ? 'a/y' : 'a/x')
  const atOnce: readonly (readonly [string, (key: string, controller: Controller) => Result])[] = [
    ['requeueAfter(0)', () => requeueAfter(0, 'again')],
    ['requeueAfter(-1)', () => requeueAfter(-1, 'again')],
    ['requeueAfter(-Infinity)', () => requeueAfter(Number.NEGATIVE_INFINITY, 'again')],
    [
      'a WaitError of 0 ms',
      () => {
        throw new WaitError(0, 'again')
      },
    ],
    [
      'a reconcile that enqueues its own key',
      (key, controller) => {
        controller.enqueue(key)
        return done
      },
    ],
    [
      'two keys that enqueue each other',
      (key, controller) => {
        controller.enqueue(other(key))
        return done
      },
    ],
  ]
  test.each(atOnce)('%s', async (_, again) => {
    const runs: Record<string, number> = {}
    const controller = new Controller({
      name: 'test',
      clock: systemClock,
      random: seededRandom(1),
      log: silentLogger,
      reconcile: async (key) => {
        runs[key] = (runs[key] ?? 0) + 1
        // So that a spinning queue fails this test and does not hang it.
        if ((runs[key] ?? 0) > 2_000) return done
        return key === 'a/good' ? requeueAfter(5, 'later') : again(key, controller)
      },
    })
    for (const key of ['a/good', 'a/x']) controller.enqueue(key)
    stop = new AbortController()
    abort = new AbortController()
    running = controller.run({ stop: stop.signal, abort: abort.signal })
    for (let waited = 0; waited < 10_000 && (runs['a/good'] ?? 0) < 3; waited += 10)
      await systemClock.sleep(10, { signal: undefined })
    stop.abort()
    await running
    expect(runs['a/x']).toBeGreaterThan(2)
    expect(runs['a/x']).toBeLessThan(2_000)
    expect(runs['a/good']).toBeGreaterThan(2)
  })

  test.each([
    ['a result', () => requeueAfter(Number.NaN, 'x')],
    ['a result computed from an absent field', () => requeueAfter(Number(undefined) - 5, 'x')],
    [
      'a WaitError',
      () => {
        throw new WaitError(Number.NaN, 'x')
      },
    ],
  ] as const)('%s of NaN ms fails its run and is named', async (_, again) => {
    const clock = new VirtualClock()
    const errors: string[] = []
    const log: Logger = {
      ...silentLogger,
      error: (fields, message) => errors.push(`${message}: ${inspect(fields)}`),
    }
    let runs = 0
    const reconcile = async (): Promise<Result> => {
      runs += 1
      return again()
    }
    const random = seededRandom(1)
    const controller = new Controller({ name: 'test', clock, random, log, reconcile })
    controller.enqueue('a/bad')
    stop = new AbortController()
    abort = new AbortController()
    running = controller.run({ stop: stop.signal, abort: abort.signal })
    await clock.advance(60_000)
    stop.abort()
    await running
    expect(errors[0]).toMatch(/the reconcile of a\/bad asks to be repeated after NaN ms/)
    expect(runs).toBeGreaterThan(1)
    expect(runs).toBeLessThan(20)
  })
})
