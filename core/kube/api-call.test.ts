import { afterEach, expect, test } from 'vitest'
import {
  type Script,
  type ScriptedServer,
  refuse,
  reply,
  startScriptedServer,
} from '../../test/support/scripted-server.ts'
import { systemClock, systemRandom } from '../base/clock.ts'
import { KubeClient, type KubeClientOptions } from './client.ts'
import { configMaps } from './built-in-kinds.ts'
import { WriteBarredError, isConflict, isTransient } from './errors.ts'

let server: ScriptedServer
let client: KubeClient

async function serve(script: Script, options: Partial<KubeClientOptions> = {}): Promise<void> {
  server = await startScriptedServer(script)
  const { config } = server
  client = new KubeClient({ config, clock: systemClock, random: systemRandom, ...options })
}
afterEach(async () => {
  await server.close()
  await client.close()
})

const ref = { namespace: 'n', name: 'a' }
const stored = { metadata: { ...ref, resourceVersion: '1' } }
const good: Script = (_, response) => reply(response, 200, stored)
const methods = () => server.requests.map((request) => request.method)
/** A guard that allows so many questions and refuses the next ones. */
function allowing(questions: number, ms = 60_000) {
  let asked = 0
  return () => {
    asked += 1
    return asked <= questions ? ms : 0
  }
}

const writes: Record<string, (guarded: KubeClient) => Promise<unknown>> = {
  create: (guarded) => guarded.create(configMaps, { metadata: ref }),
  update: (guarded) => guarded.update(configMaps, stored),
  apply: (guarded) => guarded.apply(configMaps, { metadata: ref }, { fieldManager: 'm' }),
  patch: (guarded) => guarded.patch(configMaps, ref, { type: 'merge', body: {} }),
  delete: (guarded) => guarded.delete(configMaps, ref),
  'raw post': (guarded) => guarded.raw('POST', '/version', {}),
}

test.each(Object.keys(writes))('%s goes out while it is allowed, and not after', async (verb) => {
  await serve(good)
  await expect(writes[verb]?.(client.guarded(() => 60_000))).resolves.toBeDefined()
  const barred = writes[verb]?.(client.guarded(() => 0))
  await expect(barred).rejects.toBeInstanceOf(WriteBarredError)
  await expect(barred).rejects.not.toSatisfy((error) => isConflict(error) || isTransient(error))
  expect(server.requests).toHaveLength(1)
})

test('reads are always allowed, and so is everything through the client that was narrowed', async () => {
  await serve(good)
  await client.guarded(() => 0).get(configMaps, ref)
  await client.create(configMaps, { metadata: ref })
  expect(methods()).toEqual(['GET', 'POST'])
})

test('is asked again after the wait for a turn', async () => {
  await serve(good, { rate: 20, burst: 1 })
  let left = 60_000
  const guarded = client.guarded(() => left)
  const ends = Promise.allSettled([
    guarded.get(configMaps, ref),
    guarded.update(configMaps, stored),
  ])
  left = 0
  expect((await ends).map((end) => end.status)).toEqual(['fulfilled', 'rejected'])
  expect(methods()).toEqual(['GET'])
})

test('is asked again when there is a connection, which may have taken long', async () => {
  await serve(good)
  // Twice before the request is handed over; the third question comes from the connection.
  const late = client.guarded(allowing(2)).update(configMaps, stored)
  await expect(late).rejects.toBeInstanceOf(WriteBarredError)
  expect(server.requests).toEqual([])
  await expect(client.guarded(allowing(3)).update(configMaps, stored)).resolves.toEqual(stored)
})

test('is asked again before a repetition: after a 401, and after a failure', async () => {
  await serve((_, response) => refuse(response, 401, 'Unauthorized'))
  const refused = client.guarded(allowing(3)).update(configMaps, stored)
  await expect(refused).rejects.toBeInstanceOf(WriteBarredError)
  expect(server.requests).toHaveLength(1)
  await server.close()
  await client.close()

  await serve((_, response) => refuse(response, 503, 'ServiceUnavailable'))
  const failed = client.guarded(allowing(3)).apply(configMaps, stored, { fieldManager: 'm' })
  await expect(failed).rejects.toBeInstanceOf(WriteBarredError)
  expect(server.requests).toHaveLength(1)
})

test('a write without an answer is given up when the time is over, whatever its own deadline', async () => {
  await serve(() => undefined)
  const write = client.guarded(() => 50).update(configMaps, stored)
  await expect(write).rejects.toMatchObject({ status: 0, reason: 'Timeout' })
  await expect(write).rejects.toThrow('took longer than 50 ms')
})
