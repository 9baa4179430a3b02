import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { systemClock, systemRandom } from '../base/clock.ts'
import { KubeClient } from './client.ts'
import { configMaps } from './built-in-kinds.ts'
import { KubeError, isConflict, isGone, isTransient } from './errors.ts'
import {
  type Script,
  type ScriptedServer,
  refuse,
  reply,
  startScriptedServer,
} from '../../test/support/scripted-server.ts'
import { DeadlineError, withDeadline } from '../base/wait.ts'

let server: ScriptedServer
let client: KubeClient

async function serve(script: Script): Promise<void> {
  server = await startScriptedServer(script)
  client = new KubeClient({ config: server.config, clock: systemClock, random: systemRandom })
}
afterEach(async () => {
  await server.close()
  await client.close()
})

const ref = { namespace: 'n', name: 'a' }
const stored = { metadata: { ...ref, resourceVersion: '1' } }
const verbs: Record<string, () => Promise<unknown>> = {
  get: () => client.get(configMaps, ref),
  list: () => client.list(configMaps),
  apply: () => client.apply(configMaps, { metadata: ref }, { fieldManager: 'm' }),
  create: () => client.create(configMaps, { metadata: ref }),
  update: () => client.update(configMaps, stored),
  patch: () => client.patch(configMaps, ref, { type: 'merge', body: {} }),
  delete: () => client.delete(configMaps, ref),
}
const all = Object.keys(verbs)
const repeatable = ['get', 'list', 'apply']

/** Refuses the first request in some way and serves the rest. */
const afterOne =
  (failure: Script): Script =>
  (request, response) => {
    if (server.requests.length === 1) failure(request, response)
    else reply(response, 200, { ...stored, items: [] })
  }

describe('after a passing failure', () => {
  test.each(all)('%s is repeated only if that is safe: 503', async (verb) => {
    await serve(afterOne((_, response) => refuse(response, 503, 'ServiceUnavailable')))
    const call = verbs[verb]?.()
    if (repeatable.includes(verb)) await expect(call).resolves.toBeDefined()
    else await expect(call).rejects.toSatisfy(isTransient)
    expect(server.requests).toHaveLength(repeatable.includes(verb) ? 2 : 1)
  })

  test.each(all)('%s is repeated only if that is safe: connection cut', async (verb) => {
    await serve(afterOne((_, response) => response.destroy()))
    const call = verbs[verb]?.()
    if (repeatable.includes(verb)) await expect(call).resolves.toBeDefined()
    else await expect(call).rejects.toMatchObject({ status: 0, reason: 'Unreachable' })
    expect(server.requests).toHaveLength(repeatable.includes(verb) ? 2 : 1)
  })

  test.each(all)('%s is repeated after a 429 that names a time', async (verb) => {
    await serve(
      afterOne((_, response) => refuse(response, 429, 'TooManyRequests', { 'retry-after': '0' })),
    )
    await expect(verbs[verb]?.()).resolves.toBeDefined()
    expect(server.requests).toHaveLength(2)
  })

  test('a write is not repeated after a 429 without a time, as from an eviction', async () => {
    await serve((_, response) => refuse(response, 429, 'TooManyRequests'))
    await expect(verbs['create']?.()).rejects.toMatchObject({ status: 429 })
    expect(server.requests).toHaveLength(1)
  })

  test('a read is repeated three times at most', async () => {
    await serve((_, response) => refuse(response, 503, 'ServiceUnavailable'))
    await expect(verbs['get']?.()).rejects.toMatchObject({ status: 503 })
    expect(server.requests).toHaveLength(4)
  })

  test('the refusal comes at once when the time to wait is beyond the deadline', async () => {
    await serve((_, response) => refuse(response, 429, 'TooManyRequests', { 'retry-after': '60' }))
    await expect(verbs['get']?.()).rejects.toMatchObject({ status: 429, retryAfterMs: 60_000 })
  })
})

describe('a server that does not answer', () => {
  test('costs the deadline and no more', async () => {
    await serve(() => undefined)
    const call = client.get(configMaps, { ...ref, timeoutMs: 50 })
    await expect(call).rejects.toMatchObject({ status: 0, reason: 'Timeout' })
    await expect(call).rejects.toThrow(
      'GET /api/v1/namespaces/n/configmaps/a took longer than 50 ms',
    )
  })

  test('costs the deadline too if it stops in the middle of the body', async () => {
    await serve((_, response) => {
      response.writeHead(200).write('{"meta')
    })
    const call = client.get(configMaps, { ...ref, timeoutMs: 50 })
    await expect(call).rejects.toMatchObject({ reason: 'Timeout' })
  })

  test('is left at the deadline even if it does not so much as connect', async () => {
    await serve(() => undefined)
    // It takes the connection and never answers the TLS greeting; undici alone gives up after ten
    // seconds.
    const deaf = createServer().listen(0, '127.0.0.1')
    await once(deaf, 'listening')
    deaf.on('connection', (socket) => socket.pause())
    const address = deaf.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const config = { ...server.config, server: `https://127.0.0.1:${port}` }
    const stuck = new KubeClient({ config, clock: systemClock, random: systemRandom })
    const startedAt = systemClock.monotonic()
    const call = stuck.get(configMaps, { ...ref, timeoutMs: 50 })
    await expect(call).rejects.toMatchObject({ reason: 'Timeout' })
    await stuck.close()
    expect(systemClock.monotonic() - startedAt).toBeLessThan(2_000)
    deaf.close()
  })

  test('is left when the caller gives up, with the reason of the caller', async () => {
    await serve(() => undefined)
    const caller = new AbortController()
    const call = client.get(configMaps, { ...ref, signal: caller.signal })
    caller.abort(new Error('changed my mind'))
    await expect(call).rejects.toThrow('changed my mind')
  })

  test('is left at the deadline of the caller, which is not taken for one of the call', async () => {
    await serve(() => undefined)
    const update = (signal: AbortSignal) => client.update(configMaps, stored, { signal })
    const whole = withDeadline({ clock: systemClock, ms: 50, name: 'the whole' }, update)
    await expect(whole).rejects.toEqual(new DeadlineError('the whole', 50))
  })
})

test('a refused token is read again once, for any verb', async () => {
  await serve((request, response) => {
    if (request.headers.authorization === 'Bearer 0') refuse(response, 401, 'Unauthorized')
    else reply(response, 201, stored)
  })
  await expect(verbs['create']?.()).resolves.toEqual(stored)
  expect(server.refreshes()).toBe(1)
})

test('a token that stays refused is an error, not a loop', async () => {
  await serve((_, response) => refuse(response, 401, 'Unauthorized'))
  await expect(verbs['create']?.()).rejects.toMatchObject({ status: 401 })
  expect(server.requests).toHaveLength(2)
})

test('one after another, calls share their connections', async () => {
  await serve((_, response) => reply(response, 200, stored))
  for (let count = 0; count < 20; count += 1) await client.get(configMaps, ref)
  // Two, not one: undici opens the second while the first answer is still being read.
  const used = new Set(server.requests.map((request) => request.connection))
  expect(used.size).toBeLessThanOrEqual(2)
})

const item = (name: string) => ({ metadata: { name, namespace: 'n' } })

test('more calls than connections wait for their turn, and all come back, good or bad', async () => {
  let under = 0
  let most = 0
  await serve((request, response) => {
    under += 1
    most = Math.max(most, under)
    setTimeout(() => {
      under -= 1
      if (request.path.endsWith('bad')) refuse(response, 404, 'NotFound')
      else reply(response, 200, stored)
    }, 5)
  })
  const names = Array.from({ length: 100 }, (_, index) => (index % 2 === 0 ? 'good' : 'bad'))
  const calls = names.map((name) => client.get(configMaps, { ...ref, name }))
  const ends = await Promise.allSettled(calls)
  expect(ends.filter((end) => end.status === 'fulfilled')).toHaveLength(50)
  expect(most).toBeLessThanOrEqual(32)
})

test('closing cuts connections of a former certificate, too', async () => {
  await serve((_, response) => void response.writeHead(200).write('{"type":'))
  let tls = {}
  const credentials = async () => ({ headers: {}, tls })
  const config = { ...server.config, credentials }
  const other = new KubeClient({ config, clock: systemClock, random: systemRandom })
  const { signal } = new AbortController()
  const read = async (stream: AsyncIterable<Buffer>) => {
    for await (const _ of stream);
  }
  const watches: Promise<void>[] = []
  for (let count = 0; count < 3; count += 1) {
    tls = {}
    watches.push(read(await other.rawStream('/x', {}, { signal })))
  }
  const ends = Promise.allSettled(watches)
  await other.close()
  expect((await ends).map((end) => end.status)).toEqual(['rejected', 'rejected', 'rejected'])
})

test('a call for the lease is answered although all others hang', async () => {
  await serve((request, response) => {
    if (request.path.endsWith('/lease')) reply(response, 200, stored)
  })
  const life = new AbortController()
  const others = Array.from({ length: 40 }, () =>
    client.get(configMaps, { ...ref, signal: life.signal }),
  )
  const lease = client.get(configMaps, {
    ...ref,
    name: 'lease',
    priority: 'lease',
    timeoutMs: 2_000,
  })
  await expect(lease).resolves.toEqual(stored)
  expect(server.requests).toHaveLength(33)
  life.abort(new Error('test is over'))
  await Promise.allSettled(others)
})

describe('a list', () => {
  test('joins its pages and names the kind of each item', async () => {
    await serve((request, response) => {
      const last = request.query.get('continue') === 'more'
      reply(response, 200, {
        metadata: { resourceVersion: '7', continue: last ? '' : 'more' },
        items: last ? [item('b')] : [item('a')],
      })
    })
    const { items, resourceVersion } = await client.list(configMaps, { labelSelector: 'x=y' })
    expect(items).toEqual([
      { apiVersion: 'v1', kind: 'ConfigMap', ...item('a') },
      { apiVersion: 'v1', kind: 'ConfigMap', ...item('b') },
    ])
    expect(resourceVersion).toBe('7')
    expect(server.requests.map((request) => request.query.get('labelSelector'))).toEqual([
      'x=y',
      'x=y',
    ])
  })

  test('starts again in one piece when its token expires half-way', async () => {
    await serve((request, response) => {
      if (request.query.has('continue')) refuse(response, 410, 'Expired')
      else if (request.query.has('limit')) {
        reply(response, 200, {
          metadata: { resourceVersion: '1', continue: 'old' },
          items: [item('a')],
        })
      } else {
        reply(response, 200, { metadata: { resourceVersion: '9' }, items: [item('a'), item('b')] })
      }
    })
    const { items, resourceVersion } = await client.list(configMaps)
    expect(items.map((found) => found.metadata.name)).toEqual(['a', 'b'])
    expect(resourceVersion).toBe('9')
  })

  test('that is gone at its start is an error', async () => {
    await serve((_, response) => refuse(response, 410, 'Expired'))
    await expect(client.list(configMaps)).rejects.toSatisfy(isGone)
  })
})

test('a conflict carries what the server said', async () => {
  await serve((_, response) => refuse(response, 409, 'Conflict'))
  const call = client.update(configMaps, stored)
  await expect(call).rejects.toSatisfy(isConflict)
  await expect(call).rejects.toThrow('PUT /api/v1/namespaces/n/configmaps/a: refused: Conflict')
})

test.each([
  ['a page', 'text/html', '<html>Please log in', '"<html>Please log in"'],
  ['nothing', 'application/json', '', 'empty'],
  ['no object', 'application/json', 'null', 'empty'],
])(
  'a good answer that is %s is an error that says so, but for raw',
  async (_, type, body, want) => {
    await serve((_request, response) => {
      response.writeHead(200, { 'content-type': type }).end(body)
    })
    const call = client.get(configMaps, ref)
    await expect(call).rejects.toBeInstanceOf(KubeError)
    await expect(call).rejects.toMatchObject({ status: 0, reason: 'Unreadable' })
    await expect(call).rejects.toThrow(
      `GET /api/v1/namespaces/n/configmaps/a: HTTP status 200, but the answer is not a JSON object, it is ${want}`,
    )
    await expect(client.raw('GET', '/healthz')).resolves.not.toBeInstanceOf(Error)
  },
)

test('what is sent is what was given, with its type filled in', async () => {
  await serve((request, response) => reply(response, 201, JSON.parse(request.body)))
  const object = { metadata: ref, data: { x: '1' }, unknownField: { default: ['kept'] } }
  await expect(client.create(configMaps, object)).resolves.toEqual({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    ...object,
  })
})

test('a deletion that is complete returns nothing, one that waits returns the object', async () => {
  await serve((request, response) => {
    const waiting = request.path.endsWith('/waiting')
    reply(response, 200, waiting ? { kind: 'ConfigMap', ...stored } : { kind: 'Status' })
  })
  await expect(client.delete(configMaps, ref)).resolves.toBeUndefined()
  await expect(client.delete(configMaps, { ...ref, name: 'waiting' })).resolves.toMatchObject(
    stored,
  )
})
