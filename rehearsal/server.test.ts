// What an operator relies on in a model server beyond answers: models in memory, models on disk,
// and how they get there.
import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Ollama } from 'ollama'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { loadModel } from '../hack/images/load-model.ts'
import { ollamaVersion } from '../hack/images/ollama-source.ts'
import { startRehearsal, type RunningRehearsal } from '../test/support/rehearsal.ts'

const rules = [{ when: { request: /hi/ }, answer: 'one two three' }]
const messages = [{ role: 'user', content: '## Request\nhi' }]

let server: RunningRehearsal
let client: Ollama
beforeEach(async () => {
  server = await startRehearsal({
    rules,
    parallel: 1,
    contextTokens: 8192,
    holds: new Map([['other:7b', 42]]),
  })
  client = new Ollama({ host: server.endpoint })
})
afterEach(async () => {
  await server[Symbol.asyncDispose]()
})

async function call(method: string, path: string, body?: object | string): Promise<Response> {
  const text = typeof body === 'object' ? JSON.stringify(body) : body
  return await fetch(`${server.endpoint}${path}`, {
    method,
    ...(text === undefined ? {} : { body: text }),
  })
}

const ask = (changes: object = {}) =>
  call('POST', '/api/chat', { model: 'rehearsal', messages, ...changes })
const loads = async () => (await server.records()).map((record) => record.load)

describe('a model in memory', () => {
  test('is there after its first call, with the context of that call, until its time is over', async () => {
    expect((await client.ps()).models).toEqual([])
    const before = Date.now()
    await (await ask({ keep_alive: '10m', options: { num_ctx: 2048 } })).text()
    const { models } = await client.ps()
    expect(models).toMatchObject([
      { name: 'rehearsal:latest', model: 'rehearsal:latest', size_vram: 0, context_length: 2048 },
    ])
    const until = Date.parse(String(models[0]?.expires_at)) - before
    expect(until).toBeGreaterThan(590_000)
    expect(until).toBeLessThan(660_000)
  })

  test.each([
    ['five minutes by default', {}, 300],
    ['a number of seconds', { keep_alive: 60 }, 60],
    ['a duration in Go’s words', { keep_alive: '1h30m' }, 5400],
    ['for ever', { keep_alive: -1 }, 2 ** 33],
  ])('stays %s', async (_, changes, wantSeconds) => {
    await (await ask(changes)).text()
    const [model] = (await client.ps()).models
    const seconds = (Date.parse(String(model?.expires_at)) - Date.now()) / 1000
    expect(seconds / wantSeconds).toBeGreaterThan(0.9)
    expect(seconds / wantSeconds).toBeLessThan(1.1)
  })

  test('leaves when its time is over, or at once with none', async () => {
    await (await ask({ keep_alive: '30ms' })).text()
    await expect.poll(async () => (await client.ps()).models).toEqual([])
    await (await ask({ keep_alive: 0 })).text()
    expect((await client.ps()).models).toEqual([])
    expect(await loads()).toEqual(['loaded', 'loaded'])
  })

  test('is loaded and unloaded by calls without a question', async () => {
    const load = await ask({ messages: [], keep_alive: '5m', stream: false })
    expect(await load.json()).toMatchObject({ done: true, done_reason: 'load' })
    expect((await client.ps()).models).toHaveLength(1)
    const unload = await ask({ messages: [], keep_alive: 0 })
    expect(await unload.json()).toMatchObject({ done: true, done_reason: 'unload' })
    expect((await client.ps()).models).toEqual([])
    expect((await server.records()).map((record) => record.answered)).toEqual(['load', 'load'])
  })

  test.each([
    ['num_ctx', { options: { num_ctx: 2048 } }, 'reloaded'],
    ['num_batch', { options: { num_batch: 64 } }, 'reloaded'],
    ['num_gpu', { options: { num_gpu: 0 } }, 'reloaded'],
    ['shift', { shift: false }, 'reloaded'],
    ['temperature', { options: { temperature: 1 } }, 'held'],
    ['keep_alive', { keep_alive: '9m' }, 'held'],
  ])('and a call with another %s is %s', async (_, changes, want) => {
    await (await ask()).text()
    await (await ask(changes)).text()
    expect(await loads()).toEqual(['loaded', want])
  })

  test('takes its time to load, and the answer says so', async () => {
    await using slow = await startRehearsal({ rules, loadMs: 80 })
    const body = JSON.stringify({ model: 'rehearsal', prompt: '## Request\nhi', stream: false })
    const response = await fetch(`${slow.endpoint}/api/generate`, { method: 'POST', body })
    const answer: unknown = await response.json()
    expect(answer).toMatchObject({ response: 'one two three', done: true, done_reason: 'stop' })
    expect(answer).toHaveProperty('load_duration', expect.any(Number))
    const { load_duration: nanoseconds } = answer as { readonly load_duration: number }
    expect(nanoseconds).toBeGreaterThan(75e6)
  })
})

describe('a prompt that does not fit', () => {
  const long = [{ role: 'user', content: `## Request\nhi ${'x'.repeat(9000)}` }]
  const options = { num_ctx: 2048 }

  test('is refused when the client says so', async () => {
    const response = await ask({ messages: long, options, truncate: false })
    expect(response.status).toBe(400)
    expect(await response.json()).toEqual({ error: 'the input length exceeds the context length' })
  })

  test('loses its beginning otherwise, so that no script knows it', async () => {
    const response = await ask({ messages: long, options })
    expect(response.status).toBe(400)
    expect(await response.text()).toContain('I am the rehearsal model')
    expect(await server.recorded()).toMatchObject({
      records: [{ shortened: true, answered: 'no script' }],
      models: [{ shortened: 1, tooLong: 1 }],
    })
  })

  test('nor does one that leaves no room for its answer, which is cut', async () => {
    const almost = [{ role: 'user', content: `## Request\nhi${' '.repeat(8127)}` }]
    const response = await ask({ messages: almost, options, shift: false, stream: false })
    expect(await response.json()).toMatchObject({ done_reason: 'length', eval_count: 1 })
  })
})

describe('a model on disk', () => {
  test('is shown as what it is', async () => {
    const shown = await client.show({ model: 'other:7b' })
    expect(shown).toMatchObject({
      capabilities: ['completion'],
      details: { family: 'rehearsal', families: ['rehearsal'] },
      model_info: { 'general.architecture': 'rehearsal', 'rehearsal.context_length': 8192 },
    })
  })

  test('answers under its name, in any case, and no more once it is deleted', async () => {
    expect((await ask({ model: 'OTHER:7b' })).status).toBe(200)
    await client.delete({ model: 'other:7b' })
    expect((await client.ps()).models).toEqual([])
    const gone = await ask({ model: 'other:7b' })
    expect(gone.status).toBe(404)
    expect(await gone.json()).toEqual({ error: "model 'other:7b' not found" })
  })

  test('comes from a file that is sent, once', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'weights-'))
    try {
      const path = join(folder, 'tiny.gguf')
      await writeFile(path, 'GGUF and so on')
      const log = { line: () => undefined, update: () => undefined }
      const options = { ollamaUrl: server.endpoint, path, name: 'tiny:1b', log }
      await loadModel(options)
      await loadModel(options)
      expect((await client.list()).models[0]).toMatchObject({ name: 'tiny:1b', size: 14 })
      await writeFile(path, 'no weights at all')
      await expect(loadModel({ ...options, name: 'other' })).rejects.toThrow('not in GGUF format')
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  test('comes from another one', async () => {
    await client.create({ model: 'copy', from: 'other:7b' })
    expect((await client.list()).models[0]).toMatchObject({ name: 'copy:latest', size: 42 })
  })
})

describe('a blob', () => {
  const digest = `sha256:${createHash('sha256').update('abc').digest('hex')}`
  const status = async (method: string, body?: string) =>
    (await call(method, `/api/blobs/${digest}`, body)).status

  test('is not there, is made, is there', async () => {
    expect(await status('HEAD')).toBe(404)
    expect(await status('POST', 'abc')).toBe(201)
    expect(await status('POST', 'abc')).toBe(200)
    expect(await status('HEAD')).toBe(200)
  })

  test('with another digest than it should have is refused', async () => {
    expect(await status('POST', 'abd')).toBe(400)
    expect(await status('HEAD')).toBe(404)
  })
})

test('the version is that of the Ollama in the images', async () => {
  expect((await client.version()).version).toBe(ollamaVersion)
})

test('it says in plain words what it is', async () => {
  const response = await call('GET', '/rehearsal')
  expect(response.headers.get('content-type')).toContain('text/plain')
  expect(await response.text()).toContain('has no model')
})
