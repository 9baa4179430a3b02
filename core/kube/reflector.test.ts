import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  type Script,
  ScriptedApi,
  bookmark,
  initialEnd,
  line,
  made,
  refusal,
  silent,
} from '../../test/support/scripted-api.ts'
import { VirtualClock, seededRandom } from '../../test/support/virtual-clock.ts'
import { silentLogger } from '../../test/support/silent-logger.ts'
import { type ConfigMap, configMaps } from './built-in-kinds.ts'
import { KubeError } from './errors.ts'
import { Informer } from './informer.ts'

let clock: VirtualClock
let api: ScriptedApi
let informer: Informer<ConfigMap>
let life: AbortController
let running: Promise<void>
let told: string[]
let stalls: number

beforeEach(() => {
  clock = new VirtualClock()
  api = new ScriptedApi(clock)
})
afterEach(stop)

async function stop(): Promise<void> {
  life.abort(new Error('test is over'))
  await running
  // However it went, no timer is left behind.
  expect(clock.pending).toBe(0)
}

async function start(): Promise<void> {
  told = []
  stalls = 0
  life = new AbortController()
  informer = new Informer<ConfigMap>({
    client: api.client,
    resource: configMaps,
    namespace: 'n',
    log: silentLogger,
    clock,
    random: seededRandom(7),
    observer: {
      ...silent,
      onStall: () => {
        stalls += 1
      },
    },
  })
  informer.onChange((key, object) =>
    told.push(`${key.name} ${object?.metadata.resourceVersion ?? 'gone'}`),
  )
  running = informer.run({ signal: life.signal })
  await clock.advance(0)
}
const held = () =>
  informer.list().map(({ metadata }) => `${metadata.name} ${metadata.resourceVersion}`)
/** Whether the first list is complete. */
const isSynced = async () => {
  const synced = informer.synced({ signal: life.signal }).then(() => true)
  return Promise.race([synced, new Promise((resolve) => setImmediate(resolve, false))])
}
const froms = () => api.opened.map(({ query }) => query['resourceVersion'])

/**
 * A life of a few objects, of which one is made again under its name and one has more than ASCII in
 * it.
 */
const story = [
  line('ADDED', made('grüße', 11)),
  line('MODIFIED', made('a', 12)),
  line('DELETED', made('b', 13)),
  bookmark(14),
  line('ADDED', { ...made('b', 15, 'second'), data: { text: '🦉' } }),
  line('MODIFIED', made('grüße', 16)),
]
const versions = [11, 12, 13, 14, 15, 16]
const storyTold = ['grüße 11', 'a 12', 'b gone', 'b 15', 'grüße 16']
const storyHeld = ['a 12', 'b 15', 'grüße 16']
/** The server goes on with what the version it is asked for has not seen. */
const rest: Script = ({ resourceVersion }) => ({
  bytes: story.filter((_, index) => (versions[index] ?? 0) > Number(resourceVersion)),
})

describe('a watch that is cut', () => {
  const bytes = Buffer.from(story.join(''))
  test.each([0, 1, 2, 3])(
    'at any byte loses nothing and tells nothing twice: quarter %i',
    async (quarter) => {
      for (let cut = quarter; cut <= bytes.length; cut += 4) {
        clock = new VirtualClock()
        api = new ScriptedApi(clock)
        api.listed = { version: 10, items: [made('a', 3), made('b', 7)] }
        api.watches = [{ bytes: [bytes.subarray(0, cut)], end: 'cut' }, rest]
        await start()
        await clock.advance(1_000)
        expect(told.slice(2), `cut at byte ${cut}`).toEqual(storyTold)
        expect(held().toSorted()).toEqual(storyHeld)
        expect(api.listedAt).toHaveLength(1)
        await stop()
      }
    },
  )

  test('while it tells everything there is, at any byte, starts anew and ends up the same', async () => {
    const everything = [line('ADDED', made('a', 3)), line('ADDED', made('ü', 7)), initialEnd(10)]
    const all = Buffer.from(everything.join('') + story[0])
    for (let cut = 0; cut <= all.length; cut += 1) {
      clock = new VirtualClock()
      api = new ScriptedApi(clock)
      api.streams = [{ bytes: [all.subarray(0, cut)], end: 'cut' }, { bytes: [all] }]
      api.watches = [{ bytes: story.slice(0, 1) }]
      await start()
      await clock.advance(2_000)
      expect(told, `cut at byte ${cut}`).toEqual(['a 3', 'ü 7', 'grüße 11'])
      expect(api.listedAt).toEqual([])
      await stop()
    }
  })
})

describe('everything as a stream', () => {
  test('is asked for first, and goes on as a watch on the same connection', async () => {
    api.streams = [
      { bytes: [line('ADDED', made('a', 3)) + initialEnd(10) + line('ADDED', made('b', 11))] },
    ]
    await start()
    expect(await isSynced()).toBe(true)
    expect(held()).toEqual(['a 3', 'b 11'])
    expect(api.opened).toHaveLength(1)
    expect(api.opened[0]?.query).toMatchObject({
      sendInitialEvents: true,
      resourceVersionMatch: 'NotOlderThan',
      allowWatchBookmarks: true,
    })
    expect(froms()).toEqual([undefined])
    await clock.advance(60_000)
    expect(froms().slice(1)).toContain('11')
    expect(api.listedAt).toEqual([])
  })

  test('counts only once its end is told', async () => {
    api.streams = [{ bytes: [line('ADDED', made('a', 3)), bookmark(9)] }]
    await start()
    expect(await isSynced()).toBe(false)
    expect(told).toEqual([])
  })

  test('replaces what is held when it is read again', async () => {
    api.streams = [
      {
        bytes: [line('ADDED', made('a', 3)) + line('ADDED', made('b', 4)) + initialEnd(10)],
        end: 'close',
      },
      { bytes: [line('ADDED', made('b', 4)) + line('ADDED', made('c', 20)) + initialEnd(30)] },
    ]
    api.watches = [refusal(410, 'Expired')]
    await start()
    await clock.advance(0)
    expect(held()).toEqual(['b 4', 'c 20'])
    expect(told.slice(2)).toEqual(['c 20', 'a gone'])
  })

  const frozen: Script = { bytes: [line('ADDED', made('a', 3))], end: 'freeze' }
  const endless = [line('ADDED', made('a', 3))]
  test.each<[string, Script, number, number]>([
    ['refused', refusal(422, 'Invalid'), 0, 0],
    ['unknown', refusal(400, 'BadRequest'), 0, 0],
    ['served as a watch like any other', { bytes: endless }, 0, 36_000],
    ['ended before its end', { bytes: endless, end: 'close', lastsMs: 20_000 }, 1, 20_000],
    ['no JSON', { bytes: ['<html>\n'] }, 1, 0],
    ['not there yet', refusal(404, 'NotFound'), 1, 0],
    ['frozen', frozen, 1, 41_000],
  ])(
    '%s, is given up for pages; only where it is not offered, for good',
    async (_, script, wantAgain, withinMs) => {
      api.streams = [script, { bytes: [initialEnd(20)] }]
      api.listed = { version: 10, items: [made('a', 3)] }
      api.watches = [refusal(410, 'Expired')]
      await start()
      await clock.advance(withinMs)
      expect(await isSynced()).toBe(true)
      await clock.advance(0)
      expect(api.streams).toHaveLength(1 - wantAgain)
      expect(api.listedAt).toHaveLength(2 - wantAgain)
      expect(stalls).toBe(script === frozen ? 1 : 0)
    },
  )

  test('is tried again after a failure that passes', async () => {
    api.streams = [refusal(429, 'TooManyRequests', 3_000), { bytes: [initialEnd(10)] }]
    await start()
    await clock.advance(2_999)
    expect(await isSynced()).toBe(false)
    await clock.advance(1)
    expect(await isSynced()).toBe(true)
    expect(api.listedAt).toEqual([])
  })
})

describe('a watch', () => {
  beforeEach(() => {
    api.listed = { version: 10, items: [made('a', 3)] }
  })

  test('that freezes is found within 45 s, at any moment of its life, and costs no list', async () => {
    for (let healthy = 0; healthy < 8; healthy += 1) {
      clock = new VirtualClock()
      api = new ScriptedApi(clock)
      api.listed = { version: 10, items: [made('a', 3)] }
      const healthyOnes = Array.from({ length: healthy }, () => ({}))
      api.watches = [...healthyOnes, { end: 'freeze' }, { bytes: [line('ADDED', made('b', 11))] }]
      await start()
      for (let passed = 0; api.watches.length > 1; passed += 1_000) await clock.advance(1_000)
      const frozenSince = clock.monotonic()
      await clock.advance(45_000)
      expect(held()).toEqual(['a 3', 'b 11'])
      expect(api.opened[healthy + 1]?.at).toBeLessThanOrEqual(frozenSince + 45_000)
      expect(stalls).toBe(1)
      expect(api.listedAt).toHaveLength(1)
      await stop()
    }
  })

  test('that lives as long as the server promised is reopened at once, with no more than two requests a minute', async () => {
    await start()
    await clock.advance(3_600_000)
    expect(stalls).toBe(0)
    expect(api.opened.length).toBeLessThanOrEqual(144)
    expect(api.opened.length).toBeGreaterThan(100)
  })

  test('that is dropped after every event is reopened at once, one request per event', async () => {
    const drops = Array.from({ length: 50 }, (_, index) => ({
      bytes: [line('MODIFIED', made('a', 11 + index))],
      end: 'cut' as const,
    }))
    api.watches = drops
    await start()
    await clock.advance(0)
    expect(held()).toEqual(['a 60'])
    expect(api.opened).toHaveLength(51)
  })

  test('that is quiet and cut every 20 s by something on the way is reopened at once each time', async () => {
    api.watches = Array.from({ length: 31 }, () => ({ end: 'cut', lastsMs: 20_000 }))
    await start()
    await clock.advance(600_000)
    expect(api.opened.map(({ at }) => at)).toEqual(
      Array.from({ length: 31 }, (_, index) => index * 20_000),
    )
    expect(api.listedAt).toHaveLength(1)
  })

  test.each(['close', 'cut'] as const)(
    'that brings no news before its %s, again and again, is not opened in a hot loop',
    async (end) => {
      const same = { bytes: [bookmark(10), line('MODIFIED', made('a', 3))], end }
      api.watches = Array.from({ length: 1_000 }, () => same)
      await start()
      await clock.advance(60_000)
      // Once at once, then 0.4 to 0.8 s, doubling to 10 s.
      expect(api.opened.length).toBeLessThan(20)
      api.watches = [{ bytes: [line('ADDED', made('b', 11))] }]
      await clock.advance(10_000)
      expect(held()).toContain('b 11')
    },
  )

  test('that is turned away with a time honours it, up to a minute', async () => {
    api.watches = [refusal(429, 'TooManyRequests', 20_000), refusal(503, 'x', 3_600_000), {}]
    await start()
    await clock.advance(19_999)
    expect(api.opened).toHaveLength(1)
    await clock.advance(1)
    expect(api.opened).toHaveLength(2)
    await clock.advance(60_000)
    expect(api.opened).toHaveLength(3)
  })

  test('is followed by a list where its version is gone or from the future, and by itself where it was merely refused', async () => {
    const causes = [{ reason: 'ResourceVersionTooLarge' }]
    const future = new KubeError({ status: 504, reason: 'Timeout', message: 'x', causes })
    for (const [failure, lists] of [
      [refusal(410, 'Expired'), 2],
      [future, 2],
      [refusal(403, 'Forbidden'), 1],
      [refusal(500, 'InternalError'), 1],
    ] as const) {
      clock = new VirtualClock()
      api = new ScriptedApi(clock)
      api.watches = [failure]
      await start()
      await clock.advance(1_000)
      expect(api.listedAt, failure.reason).toHaveLength(lists)
      expect(api.opened).toHaveLength(2)
      await stop()
    }
  })

  test('that sends nonsense leads to a new list, not to the same nonsense for ever', async () => {
    const nonsense = [
      '<html>\n',
      '{"type":"ODD","object":{}}\n',
      'null\n',
      '{"type":"ADDED"}\n',
      '[]\n',
    ]
    api.watches = nonsense.map((bytes) => ({ bytes: [bytes] }))
    await start()
    await clock.advance(60_000)
    expect(api.listedAt).toHaveLength(1 + nonsense.length)
    expect(held()).toEqual(['a 3'])
  })
})

test('a list that fails is read again, sooner if nobody says otherwise, later if the server does', async () => {
  api.listFailures = [refusal(503, 'x'), refusal(429, 'TooManyRequests', 30_000)]
  await start()
  await clock.advance(800)
  expect(api.listedAt).toHaveLength(2)
  await clock.advance(29_000)
  expect(api.listedAt).toHaveLength(2)
  await clock.advance(1_000)
  expect(await isSynced()).toBe(true)
})

test('an outage of ten minutes ends within ten seconds of its end', async () => {
  api.listed = { version: 10, items: [made('a', 3)] }
  const until = 600_000
  const outage: Script = () =>
    clock.monotonic() < until
      ? refusal(0, 'Unreachable')
      : { bytes: [line('ADDED', made('b', 11))] }
  api.watches = [{ end: 'cut' }, ...Array.from({ length: 200 }, () => outage)]
  await start()
  await clock.advance(until)
  const tries = api.opened.length
  // I10: no more than one request in five seconds once it lasts.
  expect(tries).toBeLessThan(130)
  await clock.advance(10_000)
  expect(held()).toEqual(['a 3', 'b 11'])
})
