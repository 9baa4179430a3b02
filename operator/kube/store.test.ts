import { array, assert, constantFrom, property, record } from 'fast-check'
import { expect, it } from 'vitest'
import { Store } from './store.ts'
import type { KubeObject } from './resource.ts'

function made(name: string, resourceVersion: string, uid = `uid-${name}`, color = ''): KubeObject {
  return { metadata: { name, namespace: 'n', uid, resourceVersion, labels: { color } } }
}
const byColor = { color: (object: KubeObject) => [object.metadata.labels?.['color'] ?? ''] }

it('an older version does not replace a newer one', () => {
  const store = new Store()
  store.put(made('a', '10'))
  expect(store.put(made('a', '9'))).toEqual([])
  expect(store.put(made('a', '10'))).toEqual([])
  expect(store.get('n/a')?.metadata.resourceVersion).toBe('10')
})

it('an object made again under its name shows as a deletion and an addition', () => {
  const store = new Store()
  const first = made('a', '1', 'first')
  const second = made('a', '5', 'second')
  store.put(first)
  expect(store.put(second)).toEqual([
    { key: 'n/a', object: undefined, previous: first },
    { key: 'n/a', object: second, previous: undefined },
  ])
})

it('a late deletion of the former object does not remove its successor', () => {
  const store = new Store()
  store.put(made('a', '7', 'second'))
  expect(store.remove(made('a', '5', 'first'))).toEqual([])
  expect(store.size).toBe(1)
})

it('a list is right even where its versions are lower', () => {
  const store = new Store(byColor)
  store.put(made('a', '100', 'u', 'red'))
  store.put(made('b', '101'))
  const changes = store.replace([made('a', '3', 'u', 'blue')])
  expect(changes.map((change) => [change.key, change.object?.metadata.resourceVersion])).toEqual([
    ['n/a', '3'],
    ['n/b', undefined],
  ])
  expect(store.byIndex('color', 'red')).toEqual([])
  expect(store.byIndex('color', 'blue')).toHaveLength(1)
})

it('an index that was never declared is an error', () => {
  expect(() => new Store().byIndex('color', 'red')).toThrow('there is no index color')
})

it('indexes agree with the objects after any sequence of changes', () => {
  const step = record({
    kind: constantFrom('put', 'remove'),
    name: constantFrom('a', 'b', 'c'),
    uid: constantFrom('1', '2'),
    color: constantFrom('red', 'blue'),
  })
  assert(
    property(array(step, { maxLength: 40 }), (steps) => {
      const store = new Store(byColor)
      steps.forEach(({ kind, name, uid, color }, version) => {
        const object = made(name, String(version + 1), uid, color)
        if (kind === 'put') store.put(object)
        else store.remove(object)
      })
      for (const color of ['red', 'blue']) {
        const want = store.values().filter((object) => object.metadata.labels?.['color'] === color)
        expect(new Set(store.byIndex('color', color))).toEqual(new Set(want))
      }
    }),
  )
})
