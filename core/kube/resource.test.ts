import { describe, expect, test } from 'vitest'
import { leases, namespaces, pods } from './built-in-kinds.ts'
import { isNewer, keyOf, pathOf, refOf } from './resource.ts'

describe('paths', () => {
  test.each([
    ['all objects of a kind', pathOf(pods), '/api/v1/pods'],
    ['a collection', pathOf(pods, { namespace: 'a' }), '/api/v1/namespaces/a/pods'],
    [
      'a subresource',
      pathOf(pods, { namespace: 'a', name: 'b', subresource: 'status' }),
      '/api/v1/namespaces/a/pods/b/status',
    ],
    [
      'a group',
      pathOf(leases, { namespace: 'a', name: 'b' }),
      '/apis/coordination.k8s.io/v1/namespaces/a/leases/b',
    ],
    ['a cluster-scoped object', pathOf(namespaces, { name: 'a' }), '/api/v1/namespaces/a'],
    [
      'a name that would leave the path',
      pathOf(pods, { namespace: 'a', name: '../x' }),
      '/api/v1/namespaces/a/pods/..%2Fx',
    ],
  ])('name %s', (_, path, want) => {
    expect(path).toBe(want)
  })

  test('refuse an object without its namespace or its name', () => {
    expect(() => pathOf(pods, { name: 'a' })).toThrow('Pod a has no namespace')
    expect(() => pathOf(pods, { namespace: 'a', name: '' })).toThrow('Pod has an empty name')
  })
})

test.each(['ns/name', 'name'])('a key leads back to its object: %s', (key) => {
  expect(keyOf(refOf(key))).toBe(key)
})

test.each([
  ['10', '9', true],
  ['9', '10', false],
  ['10', '10', false],
  ['1', '', true],
  ['9007199254740993', '9007199254740992', true],
])('version %s is newer than %s: %s', (a, b, want) => {
  expect(isNewer(a, b)).toBe(want)
})
