import { assert, asyncProperty, constantFrom, integer, option, record, array } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { seededRandom, VirtualClock } from '../../../test/support/virtual-clock.ts'
import { priorities, type Priority } from '../../api/agent-types.ts'
import { createSlots, defaultAgeMs, type Slots, type SlotWish } from './slots.ts'

interface Wish {
  readonly name: string
  readonly owner?: string
  readonly priority?: Priority
  readonly returning?: boolean
  readonly takesMs?: number
}

function world(capacity = 1) {
  const clock = new VirtualClock()
  const slots = createSlots({ capacity: () => capacity, clock })
  const served: string[] = []
  /** Waits for a slot, keeps it for a while, and gives it back. */
  const use = async (wish: Wish): Promise<void> => {
    const { name, owner = 'a', priority = 'normal', takesMs = 1000, ...rest } = wish
    const release = await slots.acquire({ owner, priority, ...rest })
    served.push(name)
    await clock.sleep(takesMs, {})
    release()
  }
  return { clock, slots, served, use }
}

/** The order in which wishes are served that were all made while the only slot was taken. */
async function orderOf(wishes: readonly Wish[]): Promise<string> {
  const { clock, served, use } = world()
  void use({ name: 'first', owner: 'first' })
  for (const wish of wishes) void use(wish)
  await clock.advance(3_600_000)
  return served.slice(1).join(' ')
}

describe('the order', () => {
  test('is by priority first, then by arrival', async () => {
    const order = await orderOf([
      { name: 'n1' },
      { name: 'l1', priority: 'low' },
      { name: 'c1', priority: 'critical' },
      { name: 'n2' },
      { name: 'h1', priority: 'high' },
    ])
    expect(order).toBe('c1 h1 n1 n2 l1')
  })

  test('lets requests of one priority take turns', async () => {
    const order = await orderOf([
      { name: 'a1' },
      { name: 'a2' },
      { name: 'a3' },
      { name: 'b1', owner: 'b' },
      { name: 'b2', owner: 'b' },
    ])
    expect(order).toBe('a1 b1 a2 b2 a3')
  })

  test('gives a request with short calls more turns than one with long calls', async () => {
    const long = [1, 2, 3].map((n) => ({ name: `L${n}`, owner: 'long', takesMs: 30_000 }))
    const short = [1, 2, 3, 4, 5, 6].map((n) => ({ name: `s${n}`, owner: 'short', takesMs: 9_000 }))
    expect(await orderOf([...long, ...short])).toBe('L1 s1 s2 s3 s4 L2 s5 s6 L3')
  })

  test('puts a call that comes back before the others of its request, in order', async () => {
    const order = await orderOf([
      { name: 'a1' },
      { name: 'r1', returning: true },
      { name: 'r2', returning: true },
    ])
    expect(order).toBe('r1 r2 a1')
  })
})

test('a low call is served while critical ones never cease, and its kind then waits again', async () => {
  const { clock, served, use } = world()
  const critical = async () => {
    for (;;) await use({ name: 'c', owner: 'busy', priority: 'critical', takesMs: 60_000 })
  }
  void critical()
  void critical()
  void use({ name: 'low 1', owner: 'patient', priority: 'low' })
  void use({ name: 'low 2', owner: 'patient', priority: 'low' })
  await clock.advance(3 * defaultAgeMs - 60_000)
  expect(served).not.toContain('low 1')
  await clock.advance(2 * 60_000)
  expect(served).toContain('low 1')
  expect(served).not.toContain('low 2')
  await clock.advance(3 * defaultAgeMs)
  expect(served).toContain('low 2')
})

test('newcomers without end do not keep out a request that had more than its share', async () => {
  const { clock, served, use } = world()
  await Promise.all([use({ name: 'long 1', takesMs: 60_000 }), clock.advance(60_000)])
  const newcomers = async () => {
    for (let n = 0; ; n++) await use({ name: 'new', owner: `new-${n}`, takesMs: 10_000 })
  }
  void newcomers()
  void newcomers()
  void use({ name: 'long 2', takesMs: 60_000 })
  await clock.advance(5 * 60_000)
  expect(served).toContain('long 2')
})

function jain(values: readonly number[]): number {
  const sum = values.reduce((total, value) => total + value, 0)
  return sum ** 2 / (values.length * values.reduce((total, value) => total + value ** 2, 0))
}

test.each([1, 2, 4])(
  'ten requests share the time of %i slots, though one floods and calls differ in length',
  async (capacity) => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const { clock, slots } = world(capacity)
      const random = seededRandom(seed)
      const had = Array.from({ length: 10 }, () => 0)
      const running = new Set<{ readonly owner: number; readonly since: number }>()
      let sharedUntilNow: readonly number[] | undefined
      /** Everyone's time with a slot so far. */
      const measure = () => {
        const times = [...had]
        for (const { owner, since } of running)
          times[owner] = (times[owner] ?? 0) + clock.monotonic() - since
        return times
      }
      for (let owner = 0; owner < 10; owner++) {
        const calls = owner === 0 ? 100 : 5 + Math.floor(random.next() * 6)
        // Long calls for some, short ones for others; none so long that one call is a fair share of
        // everything.
        const baseMs = 2_000 + random.next() * 6_000
        let left = calls
        const ask = async () => {
          const release = await slots.acquire({ priority: 'normal', owner: `r${owner}` })
          const call = { owner, since: clock.monotonic() }
          running.add(call)
          const takesMs = baseMs * (0.5 + random.next())
          await clock.sleep(takesMs, {})
          running.delete(call)
          had[owner] = (had[owner] ?? 0) + takesMs
          left--
          // Until here everyone wanted more.
          if (left === 0) sharedUntilNow ??= measure()
          release()
        }
        for (let call = 0; call < calls; call++) void ask()
      }
      await clock.advance(3_600_000)
      expect(sharedUntilNow).toHaveLength(10)
      expect(jain(sharedUntilNow ?? [])).toBeGreaterThanOrEqual(0.95)
      expect([slots.waiting(), slots.running()]).toEqual([0, 0])
    }
  },
)

test('a request that comes later gets its share at once, not what it missed', async () => {
  const { clock, served, use } = world()
  for (let n = 0; n < 100; n++) void use({ name: 'flood', owner: 'flood', takesMs: 10_000 })
  await clock.advance(300_000)
  served.length = 0
  for (let n = 0; n < 10; n++) void use({ name: 'late', owner: 'late', takesMs: 10_000 })
  await clock.advance(100_000)
  expect(served.filter((name) => name === 'late').length).toBeGreaterThanOrEqual(4)
  expect(served.filter((name) => name === 'late').length).toBeLessThanOrEqual(6)
})

test('positions are told when they change, also because somebody before has left', async () => {
  const { clock, slots } = world(2)
  const first = await slots.acquire({ priority: 'normal', owner: 'a' })
  await slots.acquire({ priority: 'normal', owner: 'a' })
  const positions: number[] = []
  const stop = new AbortController()
  const ahead = slots.acquire({ priority: 'normal', owner: 'a', signal: stop.signal })
  const onPosition = (position: number) => positions.push(position)
  const last = slots.acquire({ priority: 'normal', owner: 'a', onPosition })
  await clock.advance(1000)
  expect(positions).toEqual([1])
  stop.abort(new Error('gone'))
  await expect(ahead).rejects.toThrow('gone')
  await clock.advance(1000)
  expect(positions).toEqual([1, 0])
  expect([slots.running(), slots.waiting()]).toEqual([2, 1])
  first()
  first()
  await last
  expect([slots.running(), slots.waiting()]).toEqual([2, 0])
})

test('in a pause no slot is given, and the longer of two pauses counts', async () => {
  const { clock, slots, served, use } = world(2)
  slots.pause(5_000)
  slots.pause(30_000)
  slots.pause(10_000)
  void use({ name: 'a' })
  void use({ name: 'b' })
  await clock.advance(29_999)
  expect(served).toEqual([])
  await clock.advance(1)
  expect(served).toEqual(['a', 'b'])
})

const action = record({
  after: integer({ min: 0, max: 10 }),
  takes: integer({ min: 0, max: 40 }),
  leaves: option(integer({ min: 0, max: 60 })),
  owner: constantFrom('a', 'b', 'c', 'd'),
  priority: constantFrom(...priorities),
})

test('whoever comes and leaves, no slot is lost, none is given twice, and none is idle while somebody waits', async () => {
  const property = asyncProperty(
    array(action, { maxLength: 60 }),
    integer({ min: 1, max: 4 }),
    async (actions, capacity) => {
      const { clock, slots } = world(capacity)
      let busy = 0
      let ended = 0
      const where = new Map<number, number>()
      const check = (place: Slots) => {
        expect(busy).toBeLessThanOrEqual(capacity)
        if (place.waiting() > 0) expect(place.running()).toBe(capacity)
      }
      const all = actions.map(async ({ after, takes, leaves, owner, priority }, id) => {
        const stop = new AbortController()
        await clock.sleep(after * 500, {})
        if (leaves !== null) clock.after(leaves * 500, () => stop.abort())
        const onPosition = (position: number) => where.set(id, position)
        try {
          const release = await slots.acquire({ owner, priority, signal: stop.signal, onPosition })
          where.delete(id)
          busy++
          check(slots)
          await clock.sleep(takes * 500, { signal: stop.signal }).catch(() => undefined)
          busy--
          release()
          release()
        } catch {
          where.delete(id)
        }
        ended++
        check(slots)
      })
      // All happens at whole steps, and is looked at between two, when everyone was told.
      await clock.advance(250)
      while (ended < actions.length) {
        const told = [...where.values()].toSorted((one, other) => one - other)
        expect(told).toEqual(Array.from({ length: slots.waiting() }, (_, position) => position))
        await clock.advance(500)
      }
      await Promise.all(all)
      expect([slots.running(), slots.waiting(), busy]).toEqual([0, 0, 0])
    },
  )
  await assert(property, { numRuns: 60 })
})

test('ten thousand who wait make no change slow', async () => {
  const { clock, slots } = world()
  const positions = new Map<number, number>()
  let release = await slots.acquire({ priority: 'normal', owner: 'first' })
  const owners = 100
  const keep = async (wish: SlotWish) => {
    release = await slots.acquire(wish)
  }
  for (let n = 0; n < 10_000; n++) {
    const onPosition = (position: number) => positions.set(n, position)
    const priority = priorities[n % 4] ?? 'normal'
    void keep({ priority, owner: `r${n % owners}`, onPosition })
  }
  const before = performance.now()
  for (let n = 0; n < 20; n++) {
    await clock.advance(1000)
    release()
  }
  // Twenty changes with everybody told each time; generous, because the machine may be busy.
  expect(performance.now() - before).toBeLessThan(10_000)
  expect(new Set(positions.values()).size).toBeGreaterThan(9_900)
  expect(slots.waiting()).toBe(9_980)
})
