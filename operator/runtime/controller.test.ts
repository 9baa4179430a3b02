import { afterEach, describe, expect, it } from 'vitest'
import { KubeError } from '../kube/errors.ts'
import { Controller, type Outcome, type Reconcile } from './controller.ts'
import { silentLogger, type Logger } from './logger.ts'
import { done, requeueAfter, TerminalError, WaitError } from './outcome.ts'
import { seededRandom, VirtualClock } from '../../test/virtual-clock.ts'

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

function start(reconcile: Reconcile, options: { readonly concurrency?: number } = {}): World {
  const clock = new VirtualClock()
  const outcomes: Outcome[] = []
  const errors: string[] = []
  const log: Logger = { ...silentLogger, error: (_, message) => errors.push(message) }
  const controller = new Controller({
    name: 'test',
    reconcile,
    clock,
    random: seededRandom(1),
    log,
    ...options,
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

const conflict = new KubeError({ status: 409, reason: 'Conflict', message: 'conflict' })
const busy = new KubeError({ status: 429, reason: 'x', message: 'x', retryAfterMs: 7_000 })

describe('a run', () => {
  it.each([
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

  it('that fails for good is not repeated until something changes', async () => {
    const { clock, controller, outcomes, errors } = start(async () => {
      throw new TerminalError('hopeless')
    })
    controller.enqueue('n/a')
    await clock.advance(3_600_000)
    expect(outcomes).toEqual(['terminal_error'])
    expect(errors).toEqual(['reconcile failed for good'])
    controller.enqueue('n/a')
    await clock.advance(0)
    expect(outcomes).toHaveLength(2)
  })

  it('that is turned away comes back when it was told to', async () => {
    let runs = 0
    const { clock, controller } = start(async () => {
      runs += 1
      throw busy
    })
    controller.enqueue('n/a')
    await clock.advance(6_990)
    expect(runs).toBe(1)
    await clock.advance(20)
    expect(runs).toBe(2)
  })

  it('asks to be repeated, and is', async () => {
    const times: number[] = []
    const { clock, controller } = start(async () => {
      times.push(clock.monotonic())
      return requeueAfter(1_000, 'look again')
    })
    controller.enqueue('n/a')
    await clock.advance(3_500)
    expect(times).toHaveLength(4)
  })

  it('that takes too long is told to stop, counted and repeated', async () => {
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

  it('of a failing key does not hold up others', async () => {
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

  it('that is good ends the back-off', async () => {
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

  it('error loop stays under five requests a second', async () => {
    let runs = 0
    const { clock, controller } = start(async () => {
      runs += 1
      throw new Error('no')
    })
    controller.enqueue('n/a')
    await clock.advance(60_000)
    expect(runs).toBeLessThan(20)
  })
})

it('one key is never worked on twice at a time, different keys are', async () => {
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
  it('are waited for before a decision is taken', async () => {
    const clock = new VirtualClock()
    const back = Promise.withResolvers<boolean>()
    let behind = true
    const view = { isBehind: () => behind, caughtUp: () => back.promise }
    let runs = 0
    const controller = new Controller({
      name: 'test',
      views: [view],
      reconcile: async () => {
        runs += 1
        return done
      },
      clock,
      random: seededRandom(1),
      log: silentLogger,
    })
    stop = new AbortController()
    abort = new AbortController()
    running = controller.run({ stop: stop.signal, abort: abort.signal })
    controller.enqueue('n/a')
    await clock.advance(100)
    expect(runs).toBe(0)
    // They did not come back in time: nothing is decided, and it is tried again.
    back.resolve(false)
    await clock.advance(500)
    expect(runs).toBe(0)
    behind = false
    await clock.advance(1_000)
    expect(runs).toBe(1)
  })
})

describe('stopping', () => {
  it('lets the run under way end and starts no other', async () => {
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

  it('at once cuts it off without counting a failure to come back for', async () => {
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
