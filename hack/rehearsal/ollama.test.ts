// The rehearsal model and the real Ollama are asked the same; what can be told apart must be meant to differ.
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { builtOllama } from '../images/ollama-source.ts'
import { startRehearsal, type RunningRehearsal } from './start.ts'

const built = await builtOllama()
if (built === undefined) {
  process.stderr.write(
    'skipped: the comparison with Ollama, which is not in the cache; build it: npm run images -- ollama\n',
  )
}

const digestOf = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}`
const files = { text: digestOf('x'), other: digestOf('y'), weights: digestOf('GGUFnot') }

/** How much must be the same: everything, or only the status, the type and the names of the fields. */
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

interface RealOllama extends AsyncDisposable {
  readonly endpoint: string
}

async function startOllama(directory: string): Promise<RealOllama> {
  const home = await mkdtemp(join(tmpdir(), 'ollama-'))
  const child: ChildProcess = spawn(join(directory, 'ollama'), ['serve'], {
    env: {
      PATH: process.env['PATH'],
      HOME: home,
      OLLAMA_HOST: '127.0.0.1:0',
      OLLAMA_MODELS: join(home, 'models'),
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const stop = async () => {
    if (child.exitCode === null) {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    await rm(home, { recursive: true })
  }
  try {
    const port = await new Promise<string>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', () => reject(new Error('Ollama ended before it listened')))
      // Read to the end, or it would stop when the pipe is full.
      if (child.stderr !== null) {
        createInterface({ input: child.stderr }).on('line', (line) => {
          const found = /Listening on 127\.0\.0\.1:(\d+)/.exec(line)?.[1]
          if (found !== undefined) resolve(found)
        })
      }
    })
    return { endpoint: `http://127.0.0.1:${port}`, [Symbol.asyncDispose]: stop }
  } catch (error) {
    await stop()
    throw error
  }
}

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

describe.skipIf(built === undefined)('the rehearsal model answers as Ollama does', () => {
  let real: RealOllama
  let ours: RunningRehearsal
  beforeAll(async () => {
    real = await startOllama(built ?? '')
    ours = await startRehearsal({ rules: [] })
  }, 60_000)
  afterAll(async () => {
    await real?.[Symbol.asyncDispose]()
    await ours?.[Symbol.asyncDispose]()
  })

  const named = cases.map((one) => [one[0], one[1], one] as const)
  test.each(named)('%s (the same %s)', { timeout: 60_000 }, async (_, _same, one) => {
    expect(await answerOf(ours.endpoint, one)).toEqual(await answerOf(real.endpoint, one))
  })
})
