import { expect, test } from 'vitest'
import type { Priority } from '../api/agent-types.ts'
import { createSlots, type Release } from './slots.ts'

/** Queues wishes while the only slot is taken, then lets them through one by one; returns the order. */
async function orderOf(wishes: readonly (readonly [string, string, Priority])[]): Promise<string> {
  const slots = createSlots(1)
  let release: Release = await slots.acquire({ priority: 'normal', owner: 'first' })
  const served: string[] = []
  const all = wishes.map(async ([name, owner, priority]) => {
    const mine = await slots.acquire({ priority, owner })
    served.push(name)
    release = mine
  })
  for (const _ of wishes) {
    release()
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
  }
  await Promise.all(all)
  return served.join(' ')
}

test('serves the highest priority first, then in order of arrival', async () => {
  const order = await orderOf([
    ['n1', 'a', 'normal'],
    ['l1', 'a', 'low'],
    ['c1', 'a', 'critical'],
    ['n2', 'a', 'normal'],
    ['h1', 'a', 'high'],
  ])
  expect(order).toBe('c1 h1 n1 n2 l1')
})

test('lets requests of one priority take turns', async () => {
  const order = await orderOf([
    ['a1', 'a', 'normal'],
    ['a2', 'a', 'normal'],
    ['a3', 'a', 'normal'],
    ['b1', 'b', 'normal'],
    ['b2', 'b', 'normal'],
  ])
  expect(order).toBe('a1 b1 a2 b2 a3')
})

test('never has more at work than it has slots, and tells the position', async () => {
  const slots = createSlots(2)
  const first = await slots.acquire({ priority: 'normal', owner: 'a' })
  await slots.acquire({ priority: 'normal', owner: 'a' })
  const positions: number[] = []
  const stop = new AbortController()
  const ahead = slots.acquire({ priority: 'normal', owner: 'a', signal: stop.signal })
  const waiting = slots.acquire({
    priority: 'normal',
    owner: 'a',
    onPosition: (position) => positions.push(position),
  })
  expect([slots.running(), slots.waiting()]).toEqual([2, 2])
  stop.abort(new Error('gone'))
  await expect(ahead).rejects.toThrow('gone')
  expect(positions).toEqual([1, 0])
  first()
  first()
  await waiting
  expect([slots.running(), slots.waiting()]).toEqual([2, 0])
})
