import { expect, test } from 'vitest'
import { steadyClock, systemClock } from './clock.ts'
import { seededRandom, VirtualClock } from '../../test/support/virtual-clock.ts'

test.each([
  ['system', systemClock],
  ['virtual', new VirtualClock()],
])('a sleep on the %s clock ends with the reason of the signal', async (_, clock) => {
  const caller = new AbortController()
  const sleeping = clock.sleep(60_000, { signal: caller.signal })
  caller.abort(new Error('enough'))
  await expect(sleeping).rejects.toThrow('enough')
  await expect(clock.sleep(1, { signal: caller.signal })).rejects.toThrow('enough')
})

test('a delay beyond what timers take does not fire at once', async () => {
  let fired = false
  const cancel = systemClock.after(2 ** 40, () => {
    fired = true
  })
  await systemClock.sleep(20, {})
  cancel()
  expect(fired).toBe(false)
})

test('a virtual clock fires in order of time, then of arrival, and skips what was cancelled', async () => {
  const clock = new VirtualClock()
  const fired: string[] = []
  clock.after(20, () => fired.push('late'))
  clock.after(10, () => fired.push('first'))
  clock.after(10, () => fired.push('second'))
  clock.after(5, () => fired.push('never'))()
  await clock.advance(15)
  expect(fired).toEqual(['first', 'second'])
  expect(clock.next()).toBe(5)
  await clock.advance(5)
  expect(fired).toEqual(['first', 'second', 'late'])
})

test('a jump of the wall clock moves no timer', async () => {
  const clock = new VirtualClock()
  let fired = false
  clock.after(10, () => {
    fired = true
  })
  clock.jump(3_600_000)
  await clock.advance(9)
  expect(fired).toBe(false)
})

function draw(seed: number) {
  const random = seededRandom(seed)
  return [random.next(), random.next(), random.uuid()]
}

test('the same seed gives the same chance, another seed another', () => {
  expect(draw(1)).toEqual(draw(1))
  expect(draw(1)).not.toEqual(draw(2))
  expect(draw(1)[2]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/)
})

test('a steady clock goes on when the wall clock jumps', async () => {
  const wall = new VirtualClock()
  const startedAt = wall.now()
  const steady = steadyClock(wall)
  wall.jump(-3_600_000)
  await wall.advance(5_000)
  expect(steady.now() - startedAt).toBe(5_000)
  wall.jump(7_200_000)
  expect(steady.now() - startedAt).toBe(5_000)
})
