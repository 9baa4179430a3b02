import { getEventListeners } from 'node:events'
import { describe, expect, test } from 'vitest'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import { pointer } from '../kube/client.ts'
import { formatMicroTime } from './clock.ts'
import { DeadlineError, aborted, orAborted, withDeadline } from './wait.ts'

describe('work with a deadline', () => {
  const never = (signal: AbortSignal) => aborted(signal).then(() => Promise.reject(signal.reason))

  test('is told when the time is over, with the name of the wait', async () => {
    const clock = new VirtualClock()
    const working = withDeadline({ clock, ms: 100, name: 'the answer' }, never)
    const failed = expect(working).rejects.toEqual(new DeadlineError('the answer', 100))
    await clock.advance(100)
    await failed
  })

  test('is told when the caller gives up, with its reason', async () => {
    const clock = new VirtualClock()
    const caller = new AbortController()
    const { signal } = caller
    const working = withDeadline({ clock, ms: 100, name: 'x', signal }, never)
    caller.abort(new Error('enough'))
    await expect(working).rejects.toThrow('enough')
    await expect(withDeadline({ clock, ms: 1, name: 'x', signal }, never)).rejects.toThrow('enough')
  })

  test('leaves nothing behind, however it ends', async () => {
    const clock = new VirtualClock()
    const { signal } = new AbortController()
    const options = { clock, ms: 100, name: 'x', signal }
    await withDeadline(options, async () => 'good')
    await withDeadline(options, () => Promise.reject(new Error('bad'))).catch(() => undefined)
    await orAborted(signal, Promise.resolve())
    expect(clock.pending).toBe(0)
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })
})

test('work that does not notice its signal is left at once', async () => {
  const caller = new AbortController()
  const waiting = orAborted(caller.signal, new Promise(() => undefined))
  caller.abort(new Error('enough'))
  await expect(waiting).rejects.toThrow('enough')
  const late = orAborted(caller.signal, Promise.reject(new Error('nobody hears this')))
  await expect(late).rejects.toThrow('enough')
})

test('times are written as the API server wants them', () => {
  const ms = Date.UTC(2026, 10, 23, 5, 6, 7, 89)
  expect(formatMicroTime(ms)).toBe('2026-11-23T05:06:07.089000Z')
})

test('a pointer escapes what would end a part', () => {
  expect(pointer('metadata', 'annotations', 'a/b~c', 0)).toBe('/metadata/annotations/a~1b~0c/0')
})
