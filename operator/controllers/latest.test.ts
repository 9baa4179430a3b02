import { expect, test } from 'vitest'
import { Cache, newer } from '../../test/cache.ts'
import { heldStatus, task } from '../../test/objects.ts'
import { agentTasks } from '../api/kinds.ts'
import { Latest } from './latest.ts'

const ref = { namespace: 'guildhall', name: 'a' }
const given = newer(task('a', {}, heldStatus('p1')))

test('an own write is known before the cache shows it, and forgotten when it does', () => {
  const cache = new Cache(agentTasks)
  const latest = new Latest()
  cache.put(task('a'))
  cache.behind = true
  latest.note(cache.informer, given)
  expect(latest.of(cache.informer, ref)).toBe(given)
  expect(latest.underWay(cache.informer)).toEqual([given])
  const later = newer(given)
  cache.put(later)
  expect(latest.of(cache.informer, ref)).toBe(later)
  cache.behind = false
  expect(latest.underWay(cache.informer)).toEqual([])
})

test('of two answers that come in the wrong order the newer one counts', () => {
  const cache = new Cache(agentTasks)
  const latest = new Latest()
  cache.behind = true
  latest.note(cache.informer, newer(given))
  latest.note(cache.informer, given)
  expect(latest.of(cache.informer, ref)?.metadata.resourceVersion).toBe('3')
})

test('an object that is gone from the caught-up cache is gone', () => {
  const cache = new Cache(agentTasks)
  const latest = new Latest()
  cache.behind = true
  latest.note(cache.informer, given)
  cache.behind = false
  expect(latest.of(cache.informer, ref)).toBeUndefined()
})
