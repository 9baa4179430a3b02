import { array, assert, constantFrom, property, record } from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { KubeObject } from './resource.ts'
import { Store, type StoreOptions } from './store.ts'

function made(name: string, resourceVersion: string, uid = `uid-${name}`, color = ''): KubeObject {
  return { metadata: { name, namespace: 'n', uid, resourceVersion, labels: { color } } }
}

/** A store that is given objects instead of entries. */
function open(options?: StoreOptions<KubeObject>) {
  const store = new Store<KubeObject>(options)
  return {
    store,
    put: (object: KubeObject) => store.put(store.read(object)),
    remove: (object: KubeObject) => store.remove(store.read(object)),
    replace: (objects: readonly KubeObject[]) =>
      store.replace(objects.map((object) => store.read(object))),
  }
}
const byColor = { color: (object: KubeObject) => [object.metadata.labels?.['color'] ?? ''] }

test('an older version does not replace a newer one', () => {
  const { store, put } = open()
  put(made('a', '10'))
  expect(put(made('a', '9'))).toEqual([])
  expect(put(made('a', '10'))).toEqual([])
  expect(store.get('n/a')?.metadata.resourceVersion).toBe('10')
})

test('an object made again under its name shows as a deletion and an addition', () => {
  const { put } = open()
  const first = made('a', '1', 'first')
  const second = made('a', '5', 'second')
  put(first)
  expect(put(second)).toEqual([
    { key: 'n/a', object: undefined, previous: first },
    { key: 'n/a', object: second, previous: undefined },
  ])
})

test('a late deletion of the former object does not remove its successor', () => {
  const { store, put, remove } = open()
  put(made('a', '7', 'second'))
  expect(remove(made('a', '5', 'first'))).toEqual([])
  expect(store.size).toBe(1)
})

test('a list is right even where its versions are lower', () => {
  const { store, put, replace } = open({ indexers: byColor })
  put(made('a', '100', 'u', 'red'))
  put(made('b', '101'))
  const changes = replace([made('a', '3', 'u', 'blue')])
  expect(changes.map((change) => [change.key, change.object?.metadata.resourceVersion])).toEqual([
    ['n/a', '3'],
    ['n/b', undefined],
  ])
  expect(store.byIndex('color', 'red')).toEqual([])
  expect(store.byIndex('color', 'blue')).toHaveLength(1)
})

test('an index that was never declared is an error', () => {
  expect(() => new Store().byIndex('color', 'red')).toThrow('there is no index color')
})

test('indexes agree with the objects after any sequence of changes', () => {
  const step = record({
    kind: constantFrom('put', 'remove'),
    name: constantFrom('a', 'b', 'c'),
    uid: constantFrom('1', '2'),
    color: constantFrom('red', 'blue'),
  })
  assert(
    property(array(step, { maxLength: 40 }), (steps) => {
      const { store, put, remove } = open({ indexers: byColor })
      steps.forEach(({ kind, name, uid, color }, version) => {
        const object = made(name, String(version + 1), uid, color)
        if (kind === 'put') put(object)
        else remove(object)
      })
      for (const color of ['red', 'blue']) {
        const want = [...store.values()].filter(
          (object) => object.metadata.labels?.['color'] === color,
        )
        expect(new Set(store.byIndex('color', color))).toEqual(new Set(want))
      }
    }),
  )
})

describe('an object that cannot be worked on', () => {
  const fragile: StoreOptions<KubeObject> = {
    indexers: {
      color: (object) => {
        if (object.metadata.labels?.['color'] === 'explosive') throw new Error('boom')
        return [object.metadata.labels?.['color'] ?? '']
      },
    },
    transform: (object) => {
      if (object.metadata.labels?.['color'] === 'melting') throw new Error('too hot')
      return object
    },
    check: (object) =>
      object.metadata.labels?.['color'] === 'green' ? 'green is not allowed' : undefined,
  }

  test.each([
    ['green', 'green is not allowed'],
    ['explosive', 'it cannot be read: boom'],
    ['melting', 'it cannot be read: too hot'],
  ])('is kept apart with the reason, and heals: %s', (color, reason) => {
    const { store, put } = open(fragile)
    const good = made('a', '1', 'u', 'red')
    put(good)
    put(made('b', '2'))
    expect(put(made('a', '3', 'u', color))).toEqual([
      { key: 'n/a', object: undefined, previous: good },
    ])
    expect(store.invalid()).toEqual([{ key: 'n/a', uid: 'u', reason }])
    expect(store.invalidAt('n/a')).toEqual({ key: 'n/a', uid: 'u', reason })
    expect([store.invalidAt('n/b'), store.invalidSize]).toEqual([undefined, 1])
    expect([store.has('n/a', 'u'), store.has('n/a', 'v')]).toEqual([true, false])
    expect(store.get('n/a')).toBeUndefined()
    expect(store.size).toBe(1)
    expect([...store.values()].map((object) => object.metadata.name)).toEqual(['b'])
    expect(store.byIndex('color', 'red')).toEqual([])
    // What is older does not heal it.
    expect(put(made('a', '2', 'u', 'blue'))).toEqual([])
    const healed = made('a', '4', 'u', 'blue')
    expect(put(healed)).toEqual([{ key: 'n/a', object: healed, previous: undefined }])
    expect(store.invalid()).toEqual([])
    expect(store.byIndex('color', 'blue')).toEqual([healed])
  })

  test('is gone when it is deleted, and when a list does not have it', () => {
    const { store, put, remove, replace } = open(fragile)
    put(made('a', '1', 'u', 'green'))
    const gone = [{ key: 'n/a', object: undefined, previous: undefined }]
    expect(remove(made('a', '2', 'u', 'green'))).toEqual(gone)
    expect(store.invalid()).toEqual([])
    replace([made('a', '3', 'u', 'green'), made('b', '4')])
    expect(store.invalid()).toHaveLength(1)
    expect(replace([made('b', '4')])).toEqual(gone)
    expect([store.invalid(), store.size]).toEqual([[], 1])
  })

  test.each([
    ['nothing', null],
    ['a text', 'x'],
    ['no metadata', {}],
    ['metadata of another shape', { metadata: [1] }],
    ['a name that is a number', { metadata: { name: 1, resourceVersion: '1' } }],
    ['no version', { metadata: { name: 'a', namespace: 'n' } }],
  ])('%s is no object, and harms nobody', (_, thing) => {
    const { store, put, replace } = open()
    put(made('b', '2'))
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what a server must not send
    const odd = thing as KubeObject
    put(odd)
    expect(store.invalid()).toMatchObject([{ reason: 'it has no name or no version' }])
    expect(store.size).toBe(1)
    replace([odd, made('b', '2'), made('a', '3')])
    expect(store.get('n/a')).toBeDefined()
    expect(store.size).toBe(2)
  })
})
