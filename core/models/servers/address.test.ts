// A server that stands below a path, behind a proxy that wants a token: everything that is asked
// gets there.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import {
  reply,
  type ScriptedServer,
  startScriptedServer,
} from '../../../test/support/scripted-server.ts'
import { systemClock as clock, systemRandom as random } from '../../base/clock.ts'
import { modelProfile, type ModelProfile } from '../profile.ts'
import { chat, heldModels, loadedModels, loadModel, showModel } from './ollama.ts'
import { createFromBlob, pullModel } from './pull.ts'
import { createPulls } from './pulls.ts'

let folder: string
let server: ScriptedServer
let profile: ModelProfile
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'token-'))
  await writeFile(join(folder, 'token'), 'secret\n')
})
afterAll(async () => {
  await rm(folder, { recursive: true })
})
beforeEach(async () => {
  server = await startScriptedServer(({ headers }, response) => {
    if (headers.authorization === 'Bearer secret')
      reply(response, 200, { models: [], done: true, status: 'success' })
    else reply(response, 401, { error: 'no token' })
  })
  const endpoint = `${server.config.server}/models/`
  profile = modelProfile.parse({ name: 'x:1b', endpoint, tokenFile: join(folder, 'token') })
})
afterEach(async () => {
  await server.close()
})

const { signal } = new AbortController()
const question = { system: '', user: '', temperature: 0, seed: 1, maxTokens: 64 }
const digest = 'sha256:ab'

const asking: readonly [string, (profile: ModelProfile) => Promise<unknown>][] = [
  ['/api/tags', async (profile) => heldModels(profile, { signal })],
  ['/api/ps', async (profile) => loadedModels(profile, { signal })],
  ['/api/show', async (profile) => showModel(profile, 'x:1b', { signal })],
  ['/api/chat', async (profile) => loadModel(profile, { signal })],
  ['/api/chat', async (profile) => chat(profile, question, { clock })],
  ['/api/pull', async (profile) => pullModel(profile, 'x:1b', { signal })],
  ['/api/create', async (profile) => createFromBlob(profile, { name: 'x:1b', digest }, { signal })],
]

test.each(asking)('%s is asked below the path, with the token', async (path, ask) => {
  await ask(profile)
  expect(server.requests.map((request) => request.path)).toEqual([`/models${path}`])
})

test('a download in the background gets there, too', async () => {
  const pulls = createPulls({ signal, clock, random })
  pulls.start(profile, { source: { kind: 'registry' } })
  await expect.poll(() => pulls.look(profile)).toEqual({ kind: 'done' })
})

test.each(asking)('%s is not asked when the token cannot be read', async (_, ask) => {
  const locked = { ...profile, tokenFile: join(folder, 'missing') }
  await expect(ask(locked)).rejects.toMatchObject({
    code: 'ModelUnavailable',
    message: expect.stringContaining('cannot be read'),
  })
  expect(server.requests).toEqual([])
})
