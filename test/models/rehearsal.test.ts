// The rehearsal model and the real Ollama are asked the same questions; each difference between
// them must be a wanted one.
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { loadModel } from '../../hack/images/load-model.ts'
import { ensureOllama } from '../../hack/images/ollama-source.ts'
import { ensureSmolLM2 } from '../../hack/images/smollm2.ts'
import { streamLog } from '../../hack/cluster/log.ts'
import { startOllama, type RealOllama, smallModel } from './ollama-process.ts'
import { startRehearsal, type RunningRehearsal } from '../support/rehearsal.ts'

const listing = z.object({
  models: z.array(z.looseObject({ name: z.string(), details: z.looseObject({}) })),
})

const digestOf = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}`
const files = { text: digestOf('x'), other: digestOf('y'), weights: digestOf('GGUFnot') }

/**
 * How much must be the same: everything, or only the status, the type and the names of the fields.
 */
type Same = 'words' | 'shape'
type Case = readonly [
  what: string,
  same: Same,
  method: string,
  path: string,
  body?: string | object,
]

// In this order: blobs are made by one and looked for by another.
const cases: readonly Case[] = [
  ['the version', 'words', 'GET', '/api/version'],
  ['the version, briefly', 'words', 'HEAD', '/api/version'],
  ['what is in memory', 'words', 'GET', '/api/ps'],
  ['an unknown route', 'words', 'GET', '/api/nothing'],
  ['a wrong method', 'words', 'POST', '/api/tags', {}],
  ['show without a body', 'words', 'POST', '/api/show'],
  ['show without a name', 'words', 'POST', '/api/show', {}],
  ['show of an unknown model', 'words', 'POST', '/api/show', { model: 'nope:7b' }],
  ['show of no name', 'words', 'POST', '/api/show', { model: '!!' }],
  ['show of broken JSON', 'shape', 'POST', '/api/show', '{bad'],
  ['chat without a body', 'words', 'POST', '/api/chat'],
  ['chat without a model', 'words', 'POST', '/api/chat', {}],
  ['chat with a wrong type', 'shape', 'POST', '/api/chat', { model: 7 }],
  ['chat with no name', 'words', 'POST', '/api/chat', { model: 'a b', messages: [] }],
  ['chat with an unknown model', 'words', 'POST', '/api/chat', { model: 'nope:7b', messages: [] }],
  ['generate without a model', 'words', 'POST', '/api/generate', {}],
  ['generate with an unknown model', 'words', 'POST', '/api/generate', { model: 'nope:7b' }],
  ['delete without a body', 'words', 'DELETE', '/api/delete'],
  ['delete without a name', 'words', 'DELETE', '/api/delete', {}],
  ['delete of an unknown model', 'words', 'DELETE', '/api/delete', { model: 'nope' }],
  ['pull without a body', 'words', 'POST', '/api/pull'],
  ['pull without a name', 'words', 'POST', '/api/pull', {}],
  ['pull of no name', 'words', 'POST', '/api/pull', { model: 'a b' }],
  ['pull that fails', 'shape', 'POST', '/api/pull', { model: 'registry.invalid/library/nope:7b' }],
  [
    'pull that fails, without a stream',
    'shape',
    'POST',
    '/api/pull',
    { model: 'registry.invalid/library/nope:7b', stream: false },
  ],
  ['a look for no digest', 'words', 'HEAD', '/api/blobs/abc'],
  ['a look for an unknown blob', 'words', 'HEAD', `/api/blobs/${files.text}`],
  ['a blob under no digest', 'words', 'POST', '/api/blobs/abc', 'x'],
  ['a blob under a wrong digest', 'words', 'POST', `/api/blobs/${files.other}`, 'x'],
  ['what that left', 'words', 'HEAD', `/api/blobs/${files.other}`],
  ['what that left under the right one', 'words', 'HEAD', `/api/blobs/${files.text}`],
  ['a blob', 'words', 'POST', `/api/blobs/${files.weights}`, 'GGUFnot'],
  ['the blob again', 'words', 'POST', `/api/blobs/${files.weights}`, 'GGUFnot'],
  ['a look for it', 'words', 'HEAD', `/api/blobs/${files.weights}`],
  ['create without a name', 'words', 'POST', '/api/create', {}],
  ['create from nothing', 'words', 'POST', '/api/create', { model: 'm' }],
  ['create from no files', 'words', 'POST', '/api/create', { model: 'm', files: {} }],
  ['create from a bad name', 'words', 'POST', '/api/create', { model: 'm', from: 'a b' }],
  ...(
    [
      ['a path that is not relative', { '/abs.gguf': files.text }],
      ['no digest', { 'a.gguf': 'sha256:1' }],
      ['a file of unknown kind', { 'a.txt': files.text }],
      ['a file that holds no model', { 'a.gguf': files.text }],
      ['a file that was never sent', { 'a.gguf': files.other }],
    ] as const
  ).flatMap(([what, from]): Case[] => [
    [`create from ${what}`, 'words', 'POST', '/api/create', { model: 'm', files: from }],
    [
      `create from ${what}, without a stream`,
      'words',
      'POST',
      '/api/create',
      { model: 'm', files: from, stream: false },
    ],
  ]),
]

async function answerOf(endpoint: string, [, same, method, path, body]: Case): Promise<unknown> {
  const text = typeof body === 'object' ? JSON.stringify(body) : body
  const response = await fetch(`${endpoint}${path}`, {
    method,
    ...(text === undefined ? {} : { body: text }),
  })
  const type = response.headers.get('content-type')?.split(';')[0]
  const lines = (await response.text())
    .split('\n')
    .filter((line) => line !== '')
    // Each keeps its files elsewhere.
    .map((line) => line.replace(/open \S*\/blobs\//, 'open /blobs/'))
    .map((line) => (same === 'words' ? line : Object.keys(JSON.parse(line) as object)))
  return { status: response.status, type, lines }
}

let real: RealOllama
let ours: RunningRehearsal
beforeAll(async () => {
  real = await startOllama(await ensureOllama({ log: streamLog() }))
  ours = await startRehearsal({ rules: [], contextTokens: 8192 })
})
afterAll(async () => {
  await real?.[Symbol.asyncDispose]()
  await ours?.[Symbol.asyncDispose]()
})

const named = (list: readonly Case[]) => list.map((one) => [one[0], one[1], one] as const)
const patience = { timeout: 60_000 }

describe('the rehearsal model answers as Ollama does', () => {
  test.each(named(cases))('%s (the same %s)', patience, async (_, _same, one) => {
    expect(await answerOf(ours.endpoint, one)).toEqual(await answerOf(real.endpoint, one))
  })
})

const model = smallModel
const messages = [{ role: 'user', content: 'hi' }]
const chat = (what: string, same: Same, body: object): Case => [
  what,
  same,
  'POST',
  '/api/chat',
  { model, messages, ...body },
]

// Nothing here makes the model say a word: a real one would take its time.
const memoryCases: readonly Case[] = [
  chat('tools', 'words', { tools: [{ type: 'function', function: { name: 'f' } }] }),
  chat('thinking', 'words', { think: true }),
  chat('an option of a wrong type', 'words', { options: { num_ctx: 'many' } }),
  chat('a time that is none', 'shape', { keep_alive: '5x' }),
  chat('a call that only loads', 'shape', { messages: [], options: { num_ctx: 2048 } }),
  ['what is in memory', 'shape', 'GET', '/api/ps'],
  chat('a format that is none', 'words', { options: { num_ctx: 2048 }, format: 5 }),
  chat('a prompt that does not fit', 'words', {
    messages: [{ role: 'user', content: 'word '.repeat(9000) }],
    options: { num_ctx: 2048 },
    truncate: false,
  }),
  [
    'a call that loads anew',
    'shape',
    'POST',
    '/api/generate',
    { model, options: { num_ctx: 1024 } },
  ],
  ['a call that unloads', 'shape', 'POST', '/api/generate', { model, keep_alive: 0 }],
]

describe('and so with a model', () => {
  beforeAll(async () => {
    const log = streamLog()
    const { path } = await ensureSmolLM2({ log })
    for (const { endpoint } of [real, ours]) {
      await loadModel({ ollamaUrl: endpoint, path, name: model, log })
    }
  })

  test.each(named(memoryCases))('%s (the same %s)', patience, async (_, _same, one) => {
    expect(await answerOf(ours.endpoint, one)).toEqual(await answerOf(real.endpoint, one))
  })

  test.each([
    ['on disk', '/api/tags'],
    ['in memory', '/api/ps'],
  ])('what is said of one %s has the same fields', patience, async (_, path) => {
    for (const { endpoint } of [real, ours]) await load(endpoint, 1024)
    const fields = async (endpoint: string) => {
      const [entry] = await listed(endpoint, path)
      return [Object.keys(entry ?? {}), Object.keys(entry?.details ?? {})]
    }
    expect(await fields(ours.endpoint)).toEqual(await fields(real.endpoint))
  })

  test('the context in memory is that of the last load, however often', patience, async () => {
    for (const numCtx of [1024, 2048]) {
      for (const { endpoint } of [real, ours]) {
        await load(endpoint, numCtx)
        expect(await listed(endpoint, '/api/ps')).toMatchObject([{ context_length: numCtx }])
      }
    }
  })

  test('what is shown has no field that Ollama has not', patience, async () => {
    const fields = async (endpoint: string) => {
      const body = JSON.stringify({ model })
      const response = await fetch(`${endpoint}/api/show`, { method: 'POST', body })
      return Object.keys((await response.json()) as object)
    }
    expect(await fields(real.endpoint)).toEqual(expect.arrayContaining(await fields(ours.endpoint)))
  })

  async function load(endpoint: string, numCtx: number): Promise<void> {
    const body = JSON.stringify({ model, options: { num_ctx: numCtx } })
    const response = await fetch(`${endpoint}/api/generate`, { method: 'POST', body })
    expect(await response.json()).toMatchObject({ done_reason: 'load' })
  }

  async function listed(
    endpoint: string,
    path: string,
  ): Promise<z.infer<typeof listing>['models']> {
    const response = await fetch(`${endpoint}${path}`)
    const { models } = listing.parse(await response.json())
    return models.filter((entry) => entry.name === model)
  }
})
