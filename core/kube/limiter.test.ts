import { expect, test } from 'vitest'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import { Limiter, type RequestPriority } from './limiter.ts'

const { signal } = new AbortController()

function started(limiter: Limiter, ...wanted: RequestPriority[]): RequestPriority[] {
  const order: RequestPriority[] = []
  for (const priority of wanted) {
    void limiter.acquire(priority, { signal }).then(() => order.push(priority))
  }
  return order
}

test('the burst goes at once, the rest at the rate', async () => {
  const clock = new VirtualClock()
  const limiter = new Limiter({ clock, rate: 10, burst: 3, inFlight: 100 })
  const order = started(limiter, ...Array.from({ length: 10 }, () => 'status' as const))
  await clock.advance(0)
  expect(order).toHaveLength(3)
  await clock.advance(100)
  expect(order).toHaveLength(4)
  await clock.advance(500)
  expect(order).toHaveLength(9)
})

test('the more urgent request overtakes those that wait', async () => {
  const clock = new VirtualClock()
  const limiter = new Limiter({ clock, rate: 1, burst: 1, inFlight: 100 })
  const order = started(limiter, 'events', 'events', 'refill', 'status', 'assign', 'lease')
  await clock.advance(10_000)
  expect(order).toEqual(['events', 'lease', 'assign', 'status', 'refill', 'events'])
})

test('no more than the bound are under way, and a release lets the next one in', async () => {
  const clock = new VirtualClock()
  const limiter = new Limiter({ clock, rate: 1000, burst: 1000, inFlight: 2 })
  const order = started(limiter, 'status', 'status', 'status')
  await clock.advance(60_000)
  expect(order).toHaveLength(2)
  limiter.release()
  await clock.advance(0)
  expect(order).toHaveLength(3)
})

test('the lease passes a full bound, also when it has to wait for the rate, and nobody else does', async () => {
  const clock = new VirtualClock()
  const limiter = new Limiter({ clock, rate: 10, burst: 2, inFlight: 1 })
  const order = started(limiter, 'status', 'status', 'lease', 'lease')
  await clock.advance(0)
  expect(order).toEqual(['status', 'lease'])
  await clock.advance(100)
  expect(order).toEqual(['status', 'lease', 'lease'])
  await clock.advance(60_000)
  limiter.release()
  limiter.release()
  await clock.advance(0)
  expect(order).toHaveLength(3)
  limiter.release()
  await clock.advance(0)
  expect(order).toEqual(['status', 'lease', 'lease', 'status'])
})

test('who gives up leaves the line and takes nothing', async () => {
  const clock = new VirtualClock()
  const limiter = new Limiter({ clock, rate: 1, burst: 1, inFlight: 100 })
  started(limiter, 'status')
  const caller = new AbortController()
  const waiting = limiter.acquire('assign', { signal: caller.signal })
  caller.abort(new Error('enough'))
  await expect(waiting).rejects.toThrow('enough')
  const order = started(limiter, 'status')
  await clock.advance(1000)
  expect(order).toHaveLength(1)
})
