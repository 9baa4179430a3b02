import type { ServerResponse } from 'node:http'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Clock, systemClock, systemRandom } from '../base/clock.ts'
import { silentLogger } from '../../test/support/silent-logger.ts'
import { KubeClient } from './client.ts'
import { type ConfigMap, configMaps } from './built-in-kinds.ts'
import { Informer } from './informer.ts'
import {
  type ScriptedServer,
  type SeenRequest,
  refuse,
  reply,
  startScriptedServer,
} from '../../test/support/scripted-server.ts'

/** The real clock, but what would be a long wait is a short one and is remembered. */
function hurried(waits: number[]): Clock {
  return {
    ...systemClock,
    sleep: (ms, options) => {
      waits.push(ms)
      return systemClock.sleep(Math.min(ms, 5), options)
    },
  }
}

const made = (name: string, version: number, uid = `uid-${name}`) => ({
  metadata: { name, namespace: 'n', uid, resourceVersion: String(version) },
})
const line = (type: string, object: object) => `${JSON.stringify({ type, object })}\n`
const bookmark = (version: number) =>
  line('BOOKMARK', { metadata: { resourceVersion: String(version) } })

let server: ScriptedServer
let client: KubeClient
let informer: Informer<ConfigMap>
let life: AbortController
let running: Promise<void>
let waits: number[]
/**
 * What lists answer, and one script per watch in turn; without one the watch stays open and silent.
 */
let listed: { version: number; items: readonly object[] }
let lists: number
let watches: ((response: ServerResponse, request: SeenRequest) => void)[]
let opened: SeenRequest[]
/** One script per reading of everything as a stream. */
let streams: ((response: ServerResponse, request: SeenRequest) => void)[]

async function start(options: { readonly clock?: Clock } = {}): Promise<void> {
  server = await startScriptedServer((request, response) => {
    if (request.query.has('sendInitialEvents')) {
      // Without a word from the test this server does not offer it.
      if (streams.length > 0) streams.shift()?.(response, request)
      else refuse(response, 422, 'Invalid')
      return
    }
    if (request.query.has('watch')) {
      opened.push(request)
      const script = watches.shift()
      if (script === undefined) response.flushHeaders()
      else script(response, request)
      return
    }
    lists += 1
    const metadata = { resourceVersion: String(listed.version) }
    reply(response, 200, { metadata, items: listed.items })
  })
  const { clock = hurried(waits) } = options
  client = new KubeClient({ config: server.config, clock: systemClock, random: systemRandom })
  informer = new Informer<ConfigMap>({
    client,
    resource: configMaps,
    namespace: 'n',
    log: silentLogger,
    clock,
    random: systemRandom,
    indexers: { uid: (object) => [object.metadata.uid ?? ''] },
  })
  life = new AbortController()
  running = informer.run({ signal: life.signal })
  await informer.synced({ signal: AbortSignal.timeout(2_000) })
}

beforeEach(() => {
  waits = []
  lists = 0
  listed = { version: 10, items: [made('a', 3), made('b', 7)] }
  watches = []
  streams = []
  opened = []
})
afterEach(async () => {
  life.abort(new Error('test is over'))
  await running
  await server.close()
  await client.close()
})

const names = () => informer.list().map((object) => object.metadata.name)
const versionOf = (name: string) => informer.get('n', name)?.metadata.resourceVersion

describe('an informer', () => {
  test('lists, then follows', async () => {
    watches = [
      (response) =>
        response.write(
          line('ADDED', made('c', 11)) +
            line('MODIFIED', made('a', 12)) +
            line('DELETED', made('b', 13)),
        ),
    ]
    await start()
    await expect.poll(() => names().toSorted()).toEqual(['a', 'c'])
    expect(versionOf('a')).toBe('12')
    expect(informer.byIndex('uid', 'uid-b')).toEqual([])
    expect(opened[0]?.query.get('resourceVersion')).toBe('10')
  })

  test('drops managed fields', async () => {
    const object = made('a', 3)
    const metadata = { ...object.metadata, managedFields: [{ manager: 'x' }] }
    listed = { version: 10, items: [{ ...object, metadata }] }
    await start()
    expect(informer.get('n', 'a')?.metadata).toEqual(object.metadata)
  })

  test('reopens at once from the last version when the server closes, however often', async () => {
    for (let version = 11; version <= 30; version += 1) {
      watches.push((response) => response.end(line('MODIFIED', made('a', version))))
    }
    await start()
    await expect.poll(() => versionOf('a')).toBe('30')
    expect(opened.slice(0, 20).map((request) => request.query.get('resourceVersion'))).toEqual(
      Array.from({ length: 20 }, (_, index) => String(10 + index)),
    )
    expect(waits).toEqual([])
    expect(lists).toBe(1)
  })

  test('resumes after a bookmark from the bookmark', async () => {
    watches = [(response) => response.end(bookmark(50))]
    await start()
    await expect.poll(() => opened[1]?.query.get('resourceVersion')).toBe('50')
    expect(informer.resourceVersion).toBe('50')
  })

  test('loses nothing when the connection is cut at any byte', async () => {
    const events = [
      line('ADDED', made('grüße', 11)),
      line('MODIFIED', made('a', 12)),
      line('DELETED', made('b', 13)),
      line('ADDED', { ...made('b', 14, 'second'), data: { text: '🦉' } }),
    ]
    const all = Buffer.from(events.join(''))
    // After each cut the server goes on with what the requested version has not seen.
    const from = (request: SeenRequest) =>
      Buffer.from(
        events.slice(Math.max(0, Number(request.query.get('resourceVersion')) - 10)).join(''),
      )
    for (let cut = 1; cut < all.length; cut += 7) {
      watches.push((response, request) => {
        const rest = from(request)
        const part = rest.subarray(0, Math.min(cut, rest.length - 1))
        response.write(part, () => response.destroy())
      })
    }
    watches.push((response, request) => response.write(from(request)))
    await start()
    await expect.poll(() => informer.resourceVersion).toBe('14')
    expect(names().toSorted()).toEqual(['a', 'b', 'grüße'])
    expect(informer.get('n', 'b')?.metadata.uid).toBe('second')
  })

  test.each([
    ['at the start', (response: ServerResponse) => refuse(response, 410, 'Gone')],
    [
      'in the stream',
      (response: ServerResponse) =>
        response.end(line('ERROR', { kind: 'Status', code: 410, reason: 'Expired' })),
    ],
  ])('lists again at once when its version expired %s', async (_, gone) => {
    watches = [
      (response) => {
        listed = { version: 90, items: [made('a', 3), made('z', 80)] }
        gone(response)
      },
    ]
    const changes: string[] = []
    await start()
    informer.onChange((key, object) => changes.push(`${key.name} ${object ? 'is' : 'is not'}`))
    await expect.poll(() => names().toSorted()).toEqual(['a', 'z'])
    expect(waits).toEqual([])
    expect(changes).toContain('b is not')
    expect(changes).toContain('z is')
  })

  test('backs off longer and longer while the server fails, and recovers', async () => {
    for (let count = 0; count < 6; count += 1) watches.push((response) => response.destroy())
    watches.push((response) => response.write(line('ADDED', made('c', 11))))
    await start()
    await expect.poll(() => names()).toContain('c')
    const ceilings = [800, 1_600, 3_200, 6_400, 10_000]
    expect(waits.length).toBeGreaterThanOrEqual(5)
    for (const [index, ceiling] of ceilings.entries()) {
      expect(waits[index]).toBeGreaterThanOrEqual(ceiling / 2)
      expect(waits[index]).toBeLessThanOrEqual(ceiling)
    }
  })

  test('does not spin on a server that closes at once without a word', async () => {
    for (let count = 0; count < 5; count += 1) watches.push((response) => response.end())
    await start()
    await expect.poll(() => opened).toHaveLength(6)
    // The first time may be chance and costs nothing.
    expect(waits).toHaveLength(4)
  })

  test('lists again when the stream is no JSON', async () => {
    watches = [(response) => void response.write('<html>\n')]
    await start()
    await expect.poll(() => lists).toBe(2)
  })
})

describe('handlers', () => {
  test('are told what is there when they come late', async () => {
    await start()
    const seen: string[] = []
    informer.onChange((key) => seen.push(`${key.namespace}/${key.name}`))
    expect(seen).toEqual(['n/a', 'n/b'])
  })

  test('that throw lose nothing but that event, and no other handler notices', async () => {
    watches = [
      (response) => response.write(line('ADDED', made('c', 11)) + line('ADDED', made('d', 12))),
    ]
    const seen: string[] = []
    await start()
    informer.onChange((key) => {
      if (key.name === 'c') throw new Error('slip')
    })
    informer.onChange((key) => seen.push(key.name))
    await expect.poll(() => seen).toContain('d')
    expect(seen).toContain('c')
  })
})

describe('own writes', () => {
  const limits = { signal: new AbortController().signal, timeoutMs: 2_000 }

  test('are waited for', async () => {
    const connected = Promise.withResolvers<ServerResponse>()
    watches = [connected.resolve]
    await start()
    const response = await connected.promise
    informer.noteWrite(made('a', 20))
    expect(informer.isBehind('n/a')).toBe(true)
    expect(informer.isBehind('n/b')).toBe(false)
    expect(informer.pending('n/b')).toBeUndefined()
    await expect(informer.waitForVersion('20', { ...limits, timeoutMs: 20 })).resolves.toBe(false)
    const waiting = informer.waitForVersion(informer.pending() ?? '', limits)
    response.write(line('MODIFIED', made('a', 20)))
    await expect(waiting).resolves.toBe(true)
    expect(informer.pending()).toBeUndefined()
    expect(versionOf('a')).toBe('20')
  })

  test('are the newest of their objects until they are included, in whichever order their answers came', async () => {
    const connected = Promise.withResolvers<ServerResponse>()
    watches = [connected.resolve]
    await start()
    const response = await connected.promise
    const newest = (name: string) => informer.newest('n', name)?.metadata.resourceVersion
    expect([newest('a'), newest('new'), newest('none')]).toEqual(['3', undefined, undefined])
    informer.noteWrite(made('a', 21))
    informer.noteWrite(made('a', 20))
    informer.noteWrite(made('new', 22))
    expect([newest('a'), versionOf('a'), newest('new')]).toEqual(['21', '3', '22'])
    expect([...informer.unseen()].map(({ metadata }) => metadata.name)).toEqual(['a', 'new'])
    response.write(line('MODIFIED', made('a', 23)))
    await expect.poll(() => newest('a')).toBe('23')
    expect([[...informer.unseen()].length, newest('new')]).toEqual([0, undefined])
  })

  test('that came back before they were noted are not waited for', async () => {
    await start()
    informer.noteWrite(made('a', 3))
    expect(informer.pending()).toBeUndefined()
  })

  test('whose event was skipped are settled by a later event or bookmark', async () => {
    watches = [(response) => void setTimeout(() => response.write(bookmark(30)), 20)]
    await start()
    informer.noteWrite(made('elsewhere', 25))
    await expect(informer.waitForVersion(informer.pending() ?? '', limits)).resolves.toBe(true)
  })

  test('that a restored backup undid are forgotten', async () => {
    watches = [
      (response) => {
        listed = { version: 5, items: [] }
        refuse(response, 410, 'Gone')
      },
    ]
    await start()
    informer.noteWrite(made('a', 999))
    await expect.poll(() => informer.resourceVersion).toBe('5')
    expect(informer.pending()).toBeUndefined()
  })

  test('that somebody undid before they were seen are told to be gone, once each', async () => {
    const cut = Promise.withResolvers<ServerResponse>()
    watches = [cut.resolve]
    await start()
    const gone: unknown[] = []
    informer.onChange(({ name }, object, previous) => {
      if (object === undefined) gone.push([name, previous?.metadata.resourceVersion])
    })
    informer.noteWrite(made('mine', 11))
    informer.noteWrite(made('later', 40))
    informer.noteWrite(made('a', 12))
    listed = { version: 30, items: [made('b', 7)] }
    refuse(await cut.promise, 410, 'Gone')
    await expect.poll(() => informer.resourceVersion).toBe('30')
    expect(gone).toEqual([
      ['a', '3'],
      ['mine', '11'],
    ])
    expect([informer.pending('n/mine'), informer.pending('n/later')]).toEqual([undefined, '40'])
  })

  test('stop being waited for when the caller gives up', async () => {
    await start()
    const caller = new AbortController()
    const waiting = informer.waitForVersion('99', { signal: caller.signal, timeoutMs: 5_000 })
    caller.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
  })
})

describe('own deletions', () => {
  const a = made('a', 3)
  const limits = { signal: new AbortController().signal, timeoutMs: 2_000 }

  test.each([
    ['their event', (response: ServerResponse) => response.write(line('DELETED', made('a', 11)))],
    [
      'another under the name',
      (response: ServerResponse) =>
        response.write(line('DELETED', made('a', 11)) + line('ADDED', made('a', 12, 'other'))),
    ],
    [
      'a new list',
      (response: ServerResponse) => {
        listed = { version: 12, items: [made('b', 7)] }
        response.end(line('ERROR', { kind: 'Status', code: 410, reason: 'Expired' }))
      },
    ],
  ])('are waited for, and shown by %s', async (_, tell) => {
    const connected = Promise.withResolvers<ServerResponse>()
    watches = [connected.resolve]
    await start()
    const response = await connected.promise
    await expect(informer.waitUntilGone(a, { ...limits, timeoutMs: 20 })).resolves.toBe(false)
    const waiting = informer.waitUntilGone(a, limits)
    tell(response)
    await expect(waiting).resolves.toBe(true)
    expect(informer.get('n', 'a')?.metadata.uid).not.toBe('uid-a')
    // It was shown before anybody asked.
    await expect(informer.waitUntilGone(a, { ...limits, timeoutMs: 1 })).resolves.toBe(true)
  })

  test('that finalizers hold up are not over', async () => {
    const { metadata } = made('a', 11)
    const going = { metadata: { ...metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } }
    watches = [(response) => response.write(line('MODIFIED', going))]
    await start()
    await expect.poll(() => versionOf('a')).toBe('11')
    await expect(informer.waitUntilGone(a, { ...limits, timeoutMs: 20 })).resolves.toBe(false)
  })
})

test('stopping ends the watch on the server and rejects nothing', async () => {
  let closed = false
  watches = [(response) => void response.on('close', () => (closed = true))]
  await start()
  await expect.poll(() => opened).toHaveLength(1)
  life.abort(new Error('stop'))
  await running
  await expect.poll(() => closed).toBe(true)
})
