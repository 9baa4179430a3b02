import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  closedEndpoint,
  startRehearsal,
  type RunningRehearsal,
} from '../../hack/rehearsal/start.ts'
import { systemClock as clock, systemRandom as random } from '../runtime/clock.ts'
import { probeModel } from './health.ts'
import { modelProfile } from './profile.ts'
import { createPulls } from './pulls.ts'

let server: RunningRehearsal
const stop = new AbortController()
const { signal } = stop

beforeEach(async () => {
  server = await startRehearsal({ rules: [] })
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
  const pulls = createPulls({ signal, clock, random })
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
