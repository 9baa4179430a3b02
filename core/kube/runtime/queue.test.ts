import { array, assert, asyncProperty, constantFrom, nat, record } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DelayedKeys, WorkQueue } from './queue.ts'
import { VirtualClock, seededRandom } from '../../../test/support/virtual-clock.ts'

function made() {
  const clock = new VirtualClock()
  return { clock, queue: new WorkQueue({ clock, random: seededRandom(1) }) }
}

describe('a key', () => {
  test('that is added often is handed out once', async () => {
    const { queue } = made()
    queue.add('a')
    queue.add('a')
    expect(await queue.get()).toBe('a')
    queue.done('a')
    expect(queue.depth).toBe(0)
  })

  test('that is added while it is worked on is handed out after that, once', async () => {
    const { clock, queue } = made()
    queue.add('a')
    await queue.get()
    queue.add('a')
    queue.add('a')
    expect(queue.depth).toBe(0)
    queue.done('a')
    await clock.advance(0)
    expect(queue.depth).toBe(1)
    expect(await queue.get()).toBe('a')
    queue.done('a')
    expect(queue.depth).toBe(0)
  })

  test('that is let go of is not handed out, wherever it waits', async () => {
    const { clock, queue } = made()
    queue.add('under work')
    await queue.get()
    for (const key of ['under work', 'next']) queue.add(key)
    queue.addAfter('later', 1_000)
    queue.addRateLimited('failed')
    for (const key of ['under work', 'next', 'later', 'failed']) queue.remove(key)
    expect([queue.depth, queue.failures('failed')]).toEqual([0, 0])
    queue.done('under work')
    await clock.advance(2_000)
    expect(queue.depth).toBe(0)
  })

  test('goes to a worker that already waits', async () => {
    const { queue } = made()
    const waiting = queue.get()
    queue.add('a')
    expect(await waiting).toBe('a')
  })

  test('keeps its place in the line', async () => {
    const { queue } = made()
    for (const key of ['a', 'b', 'a', 'c']) queue.add(key)
    expect([await queue.get(), await queue.get(), await queue.get()]).toEqual(['a', 'b', 'c'])
  })
})

describe('a delayed key', () => {
  test('waits as long as a timer can, though rounding left next to nothing of its time', async () => {
    const { clock, queue } = made()
    queue.addAfter('a', 1e-12)
    await clock.advance(0.9)
    expect(queue.depth).toBe(0)
    await clock.advance(0.1)
    expect(queue.depth).toBe(1)
  })

  test('comes at the earliest of its times, once', async () => {
    const { clock, queue } = made()
    queue.addAfter('a', 1_000)
    queue.addAfter('a', 100)
    queue.addAfter('a', 500)
    await clock.advance(98)
    expect(queue.depth).toBe(0)
    await clock.advance(2)
    expect(await queue.get()).toBe('a')
    queue.done('a')
    await clock.advance(5_000)
    expect(queue.depth).toBe(0)
    expect(clock.pending).toBe(0)
  })

  test('whose timer fires a little early does not spin', async () => {
    const clock = new VirtualClock()
    let timers = 0
    const early = new WorkQueue({
      clock: {
        now: () => clock.now(),
        monotonic: () => clock.monotonic(),
        sleep: (ms, options) => clock.sleep(ms, options),
        after: (ms, run) => {
          timers += 1
          return clock.after(Math.max(0, ms - 0.5), run)
        },
      },
      random: seededRandom(1),
    })
    early.addAfter('a', 100)
    await clock.advance(100)
    expect(early.depth).toBe(1)
    expect(timers).toBe(1)
  })

  test('does not hold up others', async () => {
    const { clock, queue } = made()
    queue.addAfter('late', 10_000)
    queue.addAfter('soon', 10)
    await clock.advance(10)
    expect(await queue.get()).toBe('soon')
    await clock.advance(10_000)
    expect(await queue.get()).toBe('late')
  })
})

describe('a failing key', () => {
  test('waits longer each time, up to five minutes, until it is forgotten', async () => {
    const { clock, queue } = made()
    const longest: number[] = []
    for (let failure = 0; failure < 14; failure += 1) {
      queue.addRateLimited('a')
      const wait = clock.next() ?? 0
      longest.push(wait)
      expect(wait).toBeLessThanOrEqual(Math.min(300_000, 200 * 2 ** failure))
      await clock.advance(wait)
      expect(await queue.get()).toBe('a')
      queue.done('a')
      // The turn of the event loop in which it was handed out.
      await clock.advance(0)
    }
    expect(Math.max(...longest)).toBeGreaterThan(60_000)
    expect(queue.failures('a')).toBe(14)
    queue.forget('a')
    queue.addRateLimited('a')
    expect(clock.next()).toBeLessThanOrEqual(200)
  })
})

describe('shutting down', () => {
  test('waits for what is handed out and drops the rest', async () => {
    const { clock, queue } = made()
    queue.add('a')
    queue.add('b')
    queue.addAfter('c', 10)
    await queue.get()
    const closing = queue.shutDown()
    const state = () => Promise.race([closing.then(() => 'over'), Promise.resolve('waiting')])
    await clock.advance(100)
    expect(await state()).toBe('waiting')
    expect(await queue.get()).toBeUndefined()
    queue.done('a')
    await closing
    queue.add('d')
    expect(queue.depth).toBe(0)
    expect(clock.pending).toBe(0)
  })

  test('sends waiting workers home', async () => {
    const { queue } = made()
    const waiting = queue.get()
    await queue.shutDown()
    expect(await waiting).toBeUndefined()
  })
})

test('no key is lost, doubled or worked on twice at a time, whatever happens in whatever order', async () => {
  const step = constantFrom('add a', 'add b', 'add c', 'get', 'done', 'after a', 'tick')
  await assert(
    asyncProperty(array(step, { maxLength: 60 }), async (steps) => {
      const { clock, queue } = made()
      const wanted = new Set<string>()
      const working: string[] = []
      const take = async () => {
        const key = (await queue.get()) ?? ''
        expect(working).not.toContain(key)
        working.push(key)
        wanted.delete(key)
      }
      const giveBack = () => {
        const key = working.shift()
        if (key !== undefined) queue.done(key)
      }
      for (const each of steps) {
        const [verb, key = ''] = each.split(' ')
        if (verb === 'add') queue.add(key)
        if (verb === 'after') queue.addAfter(key, 50)
        if (verb === 'add' || verb === 'after') wanted.add(key)
        if (verb === 'tick') await clock.advance(30)
        if (verb === 'get' && queue.depth > 0) await take()
        if (verb === 'done') giveBack()
      }
      await clock.advance(1_000)
      while (working.length > 0 || queue.depth > 0) {
        giveBack()
        if (queue.depth > 0) await take()
      }
      expect([...wanted]).toEqual([])
    }),
  )
})

test('each key comes once, at the earliest of its times, in their order', async () => {
  const step = record({ key: nat(5), ms: nat(100), pauseMs: nat(20) })
  await assert(
    asyncProperty(array(step, { maxLength: 30 }), async (steps) => {
      const clock = new VirtualClock()
      const due = new Map<string, number>()
      let last = 0
      const delayed = new DelayedKeys(clock, (key) => {
        const now = clock.monotonic()
        // A millisecond early at most; see the slack for early timers.
        expect(Math.abs((due.get(key) ?? Number.NaN) - now)).toBeLessThanOrEqual(1)
        expect(now).toBeGreaterThanOrEqual(last)
        last = now
        due.delete(key)
      })
      for (const { key, ms, pauseMs } of steps) {
        const name = `k-${key}`
        due.set(name, Math.min(due.get(name) ?? Number.POSITIVE_INFINITY, clock.monotonic() + ms))
        delayed.put(name, ms)
        await clock.advance(pauseMs)
      }
      await clock.advance(200)
      expect(due).toEqual(new Map())
      expect(clock.pending).toBe(0)
    }),
    { numRuns: 50 },
  )
})

test('a key that comes early again and again does not leave its later times behind', async () => {
  const clock = new VirtualClock()
  const came: string[] = []
  const delayed = new DelayedKeys(clock, (key) => came.push(key))
  for (let round = 0; round < 1_000; round += 1) {
    delayed.put('a', 600_000)
    delayed.put('a', 10)
    await clock.advance(20)
  }
  expect(came).toHaveLength(1_000)
  await clock.advance(1_200_000)
  expect(came).toHaveLength(1_000)
  expect(clock.pending).toBe(0)
})
