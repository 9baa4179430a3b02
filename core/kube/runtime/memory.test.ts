import { expect, test } from 'vitest'
import { Cache, newer } from '../../../test/support/cache.ts'
import { request } from '../../../test/support/objects.ts'
import { devRequests } from '../../api/kinds.ts'
import type { DevRequest } from '../../api/devrequest.ts'
import { Memory } from './memory.ts'

const hello = request('hello')
const successor = { ...hello, metadata: { ...hello.metadata, uid: 'uid-next' } }
const suspended = (one: DevRequest): DevRequest => ({
  ...one,
  spec: { ...one.spec, suspend: true },
})

function setUp() {
  const cache = new Cache(devRequests)
  cache.put(hello, request('other'))
  const gone: string[] = []
  const memory = new Memory<DevRequest, string>(cache, {
    until: ({ spec }, value) => spec.suspend === true || value === 'over',
    onForgotten: (value) => gone.push(value),
  })
  return { cache, gone, memory }
}

test('a value stays while its object does, and is replaced without a word', () => {
  const { cache, gone, memory } = setUp()
  expect([memory.set(hello, 'a'), memory.set(hello, 'b')]).toEqual([true, true])
  cache.put(newer(hello))
  expect([memory.get(hello), memory.get(newer(hello)), gone]).toEqual(['b', 'b', []])
})

test.each([
  ['is gone', (cache: Cache<DevRequest>) => cache.remove(hello)],
  ['is another of the same name', (cache: Cache<DevRequest>) => cache.put(newer(successor))],
  ['is over', (cache: Cache<DevRequest>) => cache.put(newer(suspended(hello)))],
])('it is let go of when its object %s, and that of others is not', (_when, change) => {
  const { cache, gone, memory } = setUp()
  memory.set(hello, 'a')
  memory.set(request('other'), 'kept')
  change(cache)
  expect([memory.get(hello), memory.get(successor), gone]).toEqual([undefined, undefined, ['a']])
  expect([memory.get(request('other')), memory.size]).toEqual(['kept', 1])
})

test('what is set too late, or is over at once, is not kept', () => {
  const { cache, gone, memory } = setUp()
  expect(memory.set(hello, 'over')).toBe(false)
  cache.remove(hello)
  expect(memory.set(hello, 'late')).toBe(false)
  cache.put(newer(successor))
  expect(memory.set(hello, 'of the old one')).toBe(false)
  expect([memory.size, gone]).toEqual([0, ['over', 'late', 'of the old one']])
})

test('an old object does not delete what is known of its successor', () => {
  const { cache, memory } = setUp()
  cache.put(newer(successor))
  memory.set(successor, 'a')
  memory.delete(hello)
  expect(memory.get(successor)).toBe('a')
  memory.delete(successor)
  expect(memory.size).toBe(0)
})
