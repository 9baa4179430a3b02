import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  closedEndpoint,
  startRehearsal,
  type RunningRehearsal,
} from '../../hack/rehearsal/start.ts'
import { createPulls, probeModel } from './health.ts'
import { modelProfile } from './profile.ts'
import { pullModel, serverVersion, showModel, type PullProgress } from './server.ts'

let server: RunningRehearsal
const stop = new AbortController()
const { signal } = stop

beforeEach(async () => {
  const pullable = new Map([
    ['other:7b', 8000],
    ['other', 8000],
  ])
  server = await startRehearsal({ rules: [], pullable })
})
afterEach(async () => {
  await server[Symbol.asyncDispose]()
})

const profile = (name: string, pull = false) =>
  modelProfile.parse({ name, endpoint: server.endpoint, pull })

test('a model the server holds is ready, with or without its tag', async () => {
  expect(await probeModel(profile('rehearsal'), { signal })).toEqual({ state: 'ready' })
  expect(await probeModel(profile('rehearsal:latest'), { signal })).toEqual({ state: 'ready' })
})

test('a model it does not hold is missing', async () => {
  expect(await probeModel(profile('other:7b'), { signal })).toEqual({ state: 'missing' })
})

test('a model it does not hold is pulled when the profile says so, and ready afterwards', async () => {
  const pulls = createPulls({ signal })
  expect(await probeModel(profile('other:7b', true), { signal, pulls })).toMatchObject({
    state: 'pulling',
  })
  await expect
    .poll(async () => await probeModel(profile('other:7b', true), { signal, pulls }))
    .toEqual({ state: 'ready' })
})

test('a server that is not there is unreachable, in words', async () => {
  const gone = modelProfile.parse({ name: 'x', endpoint: closedEndpoint })
  const health = await probeModel(gone, { signal })
  expect(health.state).toBe('unreachable')
  expect(health).toHaveProperty('message', expect.stringContaining('ECONNREFUSED'))
})

test('a probe ends with its signal', async () => {
  await expect(
    probeModel(profile('rehearsal'), { signal: AbortSignal.abort(new Error('stop')) }),
  ).rejects.toThrow('stop')
})

test('the server tells its version, what a model can do, and how far a pull is', async () => {
  expect(await serverVersion(server.endpoint, { signal })).toMatch(/^\d+\.\d+/)
  expect(await showModel(server.endpoint, 'rehearsal', { signal })).toEqual({
    capabilities: ['completion'],
    contextTokens: 32_768,
  })
  const seen: PullProgress[] = []
  await pullModel(server.endpoint, 'other', { signal, onProgress: (now) => seen.push(now) })
  expect(seen.map((now) => now.percent)).toEqual([
    undefined,
    undefined,
    25,
    50,
    75,
    100,
    undefined,
    undefined,
    undefined,
  ])
  expect(seen.at(-1)?.status).toBe('success')
})
