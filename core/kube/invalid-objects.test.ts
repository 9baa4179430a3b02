import { afterEach, beforeEach, expect, test } from 'vitest'
import { ScriptedApi, line, made, silent } from '../../test/support/scripted-api.ts'
import { silentLogger } from '../../test/support/silent-logger.ts'
import { VirtualClock, seededRandom } from '../../test/support/virtual-clock.ts'
import { type ConfigMap, configMaps } from './built-in-kinds.ts'
import { Informer, type InformerOptions } from './informer.ts'

let clock: VirtualClock
let api: ScriptedApi
let informer: Informer<ConfigMap>
let end: () => Promise<void>
let told: string[]

beforeEach(() => {
  clock = new VirtualClock()
  api = new ScriptedApi(clock)
})
afterEach(() => end())

async function start(options: Partial<InformerOptions<ConfigMap>> = {}): Promise<void> {
  told = []
  informer = new Informer<ConfigMap>({
    client: api.client,
    resource: configMaps,
    log: silentLogger,
    clock,
    random: seededRandom(7),
    ...options,
  })
  informer.onChange((key, object) =>
    told.push(`${key.name} ${object?.metadata.resourceVersion ?? 'gone'}`),
  )
  const life = new AbortController()
  const running = informer.run({ signal: life.signal })
  end = async () => {
    life.abort(new Error('test is over'))
    await running
  }
  await clock.advance(0)
}
const held = () =>
  informer.list().map(({ metadata }) => `${metadata.name} ${metadata.resourceVersion}`)

const check = (object: ConfigMap) =>
  object.data?.['size'] === 'huge' ? 'data.size: too large' : undefined
const bad = (name: string, version: number) => ({
  ...made(name, version),
  data: { size: 'huge' },
})

test('invalid objects are isolated, told and listed, and heal, without a crash or a new list', async () => {
  const counts: number[] = []
  const observer = {
    ...silent,
    onMade: () => void counts.push(0),
    onInvalid: (_: string, count: number) => void counts.push(count),
  }
  api.listed = { version: 10, items: [made('a', 3), bad('b', 4), { metadata: {} }, {}] }
  api.watches = [
    {
      bytes: [
        line('MODIFIED', bad('a', 11)),
        line('ADDED', { metadata: { name: 'odd', namespace: 'n' } }),
        line('ADDED', made('c', 12)),
      ],
      end: 'close',
    },
    { bytes: [line('MODIFIED', made('b', 13)), line('DELETED', bad('a', 14))] },
  ]
  await start({ check, observer })
  await clock.advance(0)
  expect(held()).toEqual(['c 12', 'b 13'].toSorted((a, b) => (a < b ? -1 : 1)))
  expect(informer.invalid()).toEqual([
    { key: '', uid: '', reason: 'it has no name or no version' },
    { key: 'n/odd', uid: '', reason: 'it has no name or no version' },
  ])
  expect(told).toEqual(['a 3', 'b gone', 'a gone', 'odd gone', 'c 12', 'b 13', 'a gone'])
  expect(counts).toEqual([0, 2, 3, 4, 3, 2])
  expect(api.listedAt).toHaveLength(1)
})

test('objects in the hands of hooks that throw are invalid, too', async () => {
  const slip = (object: ConfigMap) => {
    if (object.data !== undefined) throw new TypeError('cannot read it')
    return object
  }
  api.listed = { version: 10, items: [bad('a', 3), made('b', 4)] }
  await start({ transform: slip, indexers: { any: () => ['x'] } })
  expect(held()).toEqual(['b 4'])
  expect(informer.byIndex('any', 'x')).toHaveLength(1)
  expect(informer.invalid()).toMatchObject([
    { key: 'n/a', reason: expect.stringContaining('cannot read it') },
  ])
  await end()
  await start({
    indexers: {
      size: (object) => [object.data?.['size']?.toUpperCase() ?? slip(object).kind!.slice(1)],
    },
  })
  expect(informer.invalid().map(({ key }) => key)).toEqual(['n/b'])
})

test('invalid objects are told to a handler that comes late', async () => {
  api.listed = { version: 10, items: [bad('a', 3)] }
  await start({ check })
  const late: string[] = []
  informer.onChange((key, object) => late.push(object === undefined ? key.name : 'fit'))
  expect(late).toEqual(['a'])
})
