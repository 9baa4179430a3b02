import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { profileOf } from '../../../operator/controllers/languagemodel/models.ts'
import { loadScripts } from '../../../rehearsal/script.ts'
import {
  closedEndpoint,
  type RunningRehearsal,
  startRehearsal,
} from '../../../test/support/rehearsal.ts'
import { at, languageModel } from '../../../test/support/objects.ts'
import type { LanguageModelStatus } from '../../api/language-model.ts'
import { systemClock as clock, systemRandom as random } from '../../base/clock.ts'
import { createGateway } from '../gateway.ts'
import type { ModelProfile } from '../profile.ts'
import { combinePulls, combineViews, ConnectedServers } from './connected.ts'
import type { PullState, ServerView } from './fleet.ts'

const rules = await loadScripts(join(import.meta.dirname, '../../../rehearsal/scripts'))
const megabytes = 5_000_000

let server: RunningRehearsal
let stop: AbortController
afterEach(async () => {
  stop.abort()
  await server[Symbol.asyncDispose]()
})

/**
 * A server that holds `kept:1b` and may fetch `big:7b`, and the operator's view of it. `longest`:
 * the most it gives as context.
 */
async function connect(
  limits: { readonly disk?: number; readonly memory?: number } = {},
  { pullRate, longest }: { readonly pullRate?: number; readonly longest?: number } = {},
) {
  stop = new AbortController()
  const { signal } = stop
  server = await startRehearsal({
    rules,
    holds: new Map([['kept:1b', megabytes]]),
    pullable: new Map([
      ['big:7b', megabytes],
      ['large:7b', megabytes],
    ]),
    contextTokens: longest,
    ...(pullRate === undefined ? {} : { pullRate }),
  })
  let status: LanguageModelStatus = {}
  const profiles = (name: string): ModelProfile =>
    profileOf(languageModel('x', { model: name, contextTokens: 4096 }, status), {
      endpoint: server.endpoint,
    })
  const gateway = createGateway({ profile: profiles, clock, random })
  const url = server.endpoint
  const connections = { gateway, clock, random, signal, url, namespace: 'workshop', ...limits }
  const servers = new ConnectedServers(connections)
  const tested = (contextTokens: number | undefined) => {
    const test = { digest: 'd', contextTokens: 4096, at: at(0), summary: 'it was tested' }
    status = { digest: 'd', contextTokens, test }
  }
  return { servers, signal, gateway, profile: profiles, tested }
}

test('says what the server holds, and what it lacks', async () => {
  const { servers, signal, profile } = await connect()
  const kept = await servers.look(profile('kept:1b'), { signal })
  expect(kept).toMatchObject({ kind: 'reachable', held: { sizeBytes: megabytes } })
  expect(await servers.look(profile('big:7b'), { signal })).toEqual({
    kind: 'reachable',
    held: undefined,
  })
})

test('says in a sentence that nothing answers', async () => {
  const { servers, signal, profile } = await connect()
  const nowhere = { ...profile('kept:1b'), endpoint: closedEndpoint }
  expect(await servers.look(nowhere, { signal })).toMatchObject({
    kind: 'unreachable',
    message: expect.stringContaining(closedEndpoint),
  })
})

test('fetches a model, tells of it, and finds it held afterwards', async () => {
  const { servers, signal, profile } = await connect()
  const told = new Set<string>()
  servers.onProgress((model) => told.add(model))
  servers.pull(profile('big:7b'), { kind: 'registry' })
  expect(servers.pullState(profile('big:7b'))).toMatchObject({ kind: 'running' })
  await expect
    .poll(async () => servers.look(profile('big:7b'), { signal }))
    .toMatchObject({ held: { sizeBytes: megabytes } })
  await expect.poll(() => servers.pullState(profile('big:7b'))).toBeUndefined()
  expect([...told]).toEqual(['big:7b'])
})

test('does not fill the volume: what does not fit is refused with both figures', async () => {
  const { servers, signal, profile } = await connect({ disk: megabytes + 1_000_000 })
  await servers.look(profile('big:7b'), { signal })
  servers.pull(profile('big:7b'), { kind: 'registry' })
  await expect
    .poll(() => servers.pullState(profile('big:7b')))
    .toMatchObject({
      kind: 'failed',
      message: expect.stringContaining('the volume of the model server has 0.0 GiB left'),
    })
})

test('of two that do not fit together the one that runs goes on, and the other waits for room', async () => {
  const { servers, signal, profile } = await connect(
    { disk: 2.5 * megabytes },
    { pullRate: megabytes / 5 },
  )
  await servers.look(profile('big:7b'), { signal })
  servers.pull(profile('big:7b'), { kind: 'registry' })
  await expect
    .poll(() => servers.pullState(profile('big:7b')))
    .toMatchObject({ status: expect.stringMatching(/^pulling [0-9a-f]/) })
  servers.pull(profile('large:7b'), { kind: 'registry' })
  await expect
    .poll(() => servers.pullState(profile('large:7b')))
    .toMatchObject({ kind: 'failed', message: expect.stringContaining('left'), mayTry: true })
  expect(servers.pullState(profile('big:7b'))).toMatchObject({ kind: 'running' })
  servers.cancelPull(profile('big:7b'))
  servers.pull(profile('large:7b'), { kind: 'registry' })
  expect(servers.pullState(profile('large:7b'))).toMatchObject({ kind: 'running' })
})

test('what the memory cannot hold is not fetched, and what a strange server has nobody knows', async () => {
  const { servers, profile } = await connect({ memory: megabytes / 2 }, { pullRate: megabytes / 5 })
  servers.pull(profile('big:7b'), { kind: 'registry' })
  await expect
    .poll(() => servers.pullState(profile('big:7b')))
    .toMatchObject({
      kind: 'failed',
      message: expect.stringContaining('big:7b needs 0.0 GiB of memory for its weights alone'),
    })
  const [pull] = (await server.recorded()).pulls
  expect(pull?.to).toBeLessThan(megabytes)

  await using strange = await startRehearsal({ rules, pullable: new Map([['big:7b', megabytes]]) })
  const there = { ...profile('big:7b'), endpoint: strange.endpoint }
  servers.pull(there, { kind: 'registry' })
  await expect
    .poll(async () => (await strange.recorded()).pulls)
    .toMatchObject([{ outcome: 'done' }])
})

test('what the registry does not know fails with what to do, and may be tried again after its pause', async () => {
  const { servers, profile } = await connect()
  servers.pull(profile('nowhere:7b'), { kind: 'registry' })
  await expect
    .poll(() => servers.pullState(profile('nowhere:7b')))
    .toMatchObject({
      kind: 'failed',
      message: expect.stringContaining('correct spec.model'),
      mayTry: false,
    })
  servers.cancelPull(profile('nowhere:7b'))
  expect(servers.pullState(profile('nowhere:7b'))).toBeUndefined()
})

test('of several servers each is looked at, and each that lacks the model fetches it', async () => {
  const { servers, signal, profile } = await connect()
  await using other = await startRehearsal({ rules, pullable: new Map([['kept:1b', megabytes]]) })
  const both = { ...profile('kept:1b'), replicas: [server.endpoint, other.endpoint] }
  expect(await servers.look(both, { signal })).toMatchObject({
    held: { sizeBytes: megabytes },
    lacking: 1,
  })
  servers.pull(both, { kind: 'registry' })
  await expect.poll(async () => servers.look(both, { signal })).not.toHaveProperty('lacking')
  expect((await server.recorded()).pulls).toEqual([])
  const { contextTokens } = await servers.test(both, { probes: false, signal })
  expect(contextTokens).toBe(4096)
})

test('a test loads the model with the options of every call, and tells tier and context', async () => {
  const { servers, signal, profile } = await connect()
  const result = await servers.test(profile('kept:1b'), { probes: true, signal })
  expect(result).toMatchObject({ tier: 'good', contextTokens: 4096 })
  expect(result.summary).toContain('kept:1b')
  const { models } = await server.recorded()
  expect(models).toMatchObject([{ reloads: 0 }])
})

test('prompts fit into what the server gave, and it is asked for the same context all the time', async () => {
  const { servers, signal, gateway, profile, tested } = await connect({}, { longest: 2048 })
  const { contextTokens, tier } = await servers.test(profile('kept:1b'), { probes: true, signal })
  expect({ contextTokens, tier }).toEqual({ contextTokens: 2048, tier: 'good' })
  tested(contextTokens)
  const before = (await server.records()).length
  const files = { title: 'Files', text: 'const a = 1\n'.repeat(850), must: false }
  const call = gateway.call({
    model: 'kept:1b',
    request: 'hello',
    priority: 'normal',
    verb: 'write',
    purpose: 'test',
    system: 'You are a test.',
    sections: [files],
    instruction: 'Answer.',
    temperature: 0,
    seed: 1,
    maxTokens: 100,
  })
  // It fits, so that it is read; the rehearsal model has no script for it.
  await expect(call).rejects.toMatchObject({ code: 'QuestionRefused' })
  const { models, records } = await server.recorded()
  // With the context that was asked for, the server would have refused the prompt once.
  expect(records.length - before).toBe(1)
  expect(new Set(records.map(({ options }) => options['num_ctx']))).toEqual(new Set([4096]))
  expect(models).toMatchObject([{ reloads: 0 }])
})

const held: ServerView = { kind: 'reachable', held: { digest: 'd', sizeBytes: 1 } }
const empty: ServerView = { kind: 'reachable', held: undefined }
const away: ServerView = { kind: 'unreachable', message: 'gone' }

test.each<[string, readonly ServerView[], ServerView]>([
  ['all hold it', [held, held], held],
  ['one lacks it', [empty, held], { ...held, lacking: 1 }],
  ['all lack it', [empty, empty], empty],
  ['one lacks it and one is away', [away, empty, held, empty], { ...held, lacking: 2 }],
  ['one is away and the other holds it', [away, held], held],
  ['one is away and the other lacks it', [away, empty], empty],
  ['all are away', [away, away], away],
])('%s', (_, views, want) => {
  expect(combineViews(views)).toEqual(want)
})

const running = (percent: number): PullState => ({ kind: 'running', percent, status: '' })
const failed: PullState = { kind: 'failed', message: 'no room', mayTry: false }

test.each<[string, readonly (PullState | undefined)[], PullState | undefined]>([
  ['nothing was begun', [undefined, undefined], undefined],
  ['the slowest counts', [running(70), running(20), undefined], running(20)],
  ['what runs goes before what failed', [failed, running(5)], running(5)],
  ['one failed', [undefined, failed], failed],
])('of transfers: %s', (_, states, want) => {
  expect(combinePulls(states)).toEqual(want)
})
