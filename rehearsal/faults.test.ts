// Every fault through the client that the operator uses: what the operator makes of it is what
// counts.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { refuse } from '../agent-image/agent/edit/guards.ts'
import { coderRole } from '../agent-image/agent/prompt-layout.ts'
import { ModelError } from '../core/models/errors.ts'
import { extractBlocks } from '../core/models/answers/blocks.ts'
import { extractObject } from '../core/models/answers/answer.ts'
import type { ChatQuestion } from '../core/models/servers/chat.ts'
import { chat } from '../core/models/servers/ollama.ts'
import { modelProfile } from '../core/models/profile.ts'
import { pullModel } from '../core/models/servers/pull.ts'
import { systemClock as clock } from '../core/base/clock.ts'
import {
  type AnswerFaultKind,
  type FaultInput,
  type PullFaultKind,
  answerFaults,
  pullFaults,
  ruleFault,
} from './faults.ts'
import { type RunningRehearsal, startRehearsal } from '../test/support/rehearsal.ts'

const schema = {
  type: 'object',
  required: ['b_file', 'a_n'],
  properties: { b_file: { type: 'string' }, a_n: { type: 'integer' } },
}
const code = 'src/a.js\n```js\nlet a = 1\nlet b = 2\nlet c = 3\nlet d = 4\n```\n'
const rules = [
  {
    when: { request: /scripted/ },
    answer: 'as before',
    fault: ruleFault.parse({ kind: 'no-done', skip: 1 }),
  },
  { when: { request: /json/ }, answer: '{"b_file": "src/a.js", "a_n": 3}' },
  { when: { request: /code/ }, answer: code },
]

let server: RunningRehearsal
beforeEach(async () => {
  server = await startRehearsal({ rules, pullable: new Map([['big:7b', 10_000_000]]) })
})
afterEach(async () => {
  await server[Symbol.asyncDispose]()
})

function ask(about: 'json' | 'code' | 'scripted', changes: Partial<ChatQuestion> = {}) {
  const profile = modelProfile.parse({ name: 'rehearsal', endpoint: server.endpoint })
  const question = {
    system: coderRole('src/a.js'),
    user: `## Request\n${about}\n\n## File\nFile: src/a.js\nPurpose: code.write\n`,
    ...(about === 'json' ? { format: schema } : {}),
    temperature: 0,
    seed: 1,
    maxTokens: 900,
    ...changes,
  }
  const timers = { firstPieceMs: 300, idleMs: 300, totalMs: 5000 }
  return chat(profile, question, { clock, timers })
}

async function failure(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => 'it succeeded',
    (error: unknown) => error,
  )
}

const unavailable = { code: 'ModelUnavailable', retryable: true }
const unusable = { code: 'OutputUnusable', retryable: false }

/** Faults that give no answer: what the operator takes them for, and a part of its sentence. */
const failing: readonly (readonly [AnswerFaultKind, 'json' | 'code', object, string])[] = [
  ['503', 'code', unavailable, 'server busy, please try again. maximum pending'],
  ['429', 'code', unavailable, 'too many requests'],
  ['500', 'code', unavailable, 'model runner has unexpectedly stopped'],
  ['400', 'code', { code: 'ContextTooSmall' }, 'longer than the 8192 tokens'],
  ['404', 'code', { code: 'ModelMissing', retryable: true }, 'does not hold the model rehearsal'],
  ['no-tools', 'code', { code: 'QuestionRefused', retryable: false }, 'does not support tools'],
  ['schema-refused', 'json', { ...unusable, name: 'ModelError' }, 'schema'],
  ['no-answer', 'code', unavailable, 'nothing answers'],
  ['delay', 'code', unavailable, 'did not begin to answer'],
  ['reset', 'code', unavailable, 'broke off'],
  ['no-done', 'code', unusable, 'without being finished'],
  ['half-line', 'code', unavailable, 'broke off'],
  ['error-midstream', 'code', unavailable, 'unexpected EOF'],
  ['stall', 'code', unavailable, 'stopped in the middle'],
  ['freeze', 'code', unavailable, 'stopped in the middle'],
  ['whitespace', 'json', unusable, 'blanks'],
  ['repeat', 'code', unusable, 'repeated itself'],
]

/** Any object but a part of a schema. */
const objectOf = (text: string) =>
  extractObject(text, (value) => ({
    value,
    problems: JSON.stringify(value).includes('"type"') ? ['it is a part of a schema'] : [],
  }))
const refusalOf = (text: string) => {
  const [block] = extractBlocks(text)
  return refuse({
    path: block?.path ?? '',
    text: block?.text ?? '',
    before: undefined,
    allowed: ['src/a.js'],
    requested: '',
    mayShrink: false,
  })?.code
}

/** Faults that give a wrong answer: what the operator and the agents find in it. */
const answering: readonly (readonly [
  AnswerFaultKind,
  'json' | 'code',
  (text: string) => unknown,
  unknown,
])[] = [
  ['sorted-keys', 'json', (text) => Object.keys(JSON.parse(text)), ['a_n', 'b_file']],
  ['schema-echo', 'json', (text) => objectOf(text)?.problems, ['it is the schema, not an answer']],
  ['fenced', 'json', (text) => objectOf(text)?.place, 'fence'],
  ['prose', 'json', (text) => objectOf(text)?.place, 'prose'],
  ['chatty', 'json', (text) => objectOf(text)?.place, 'fence'],
  ['tool-output', 'json', objectOf, undefined],
  ['example-leak', 'code', (text) => text.includes('gatherPlums'), true],
  ['wrong-path', 'code', refusalOf, 'Scope'],
  ['wrong-path', 'json', (text) => JSON.parse(text), { b_file: 'path/to/src/a.js', a_n: 3 }],
  ['elided', 'code', refusalOf, 'Omission'],
  [
    'edited-tests',
    'code',
    (text) => extractBlocks(text).map((block) => block.path),
    ['src/a.js', 'test/a.test.js'],
  ],
]

describe('a fault of an answer', () => {
  test.each(failing)('ends the call: %s', async (kind, about, want, words) => {
    await server.inject({ kind, ms: 600 })
    const error = await failure(ask(about))
    expect(error).toMatchObject(want)
    expect(error).toBeInstanceOf(ModelError)
    expect(String(error)).toContain(words)
    expect(await server.records()).toMatchObject([{ fault: kind, answered: 'fault' }])
    expect((await ask(about)).text).toBe(
      rules.find((rule) => rule.when.request.test(about))?.answer,
    )
  })

  test.each(answering)('spoils the answer: %s of %s', async (kind, about, find, want) => {
    await server.inject({ kind })
    const { text, cut } = await ask(about)
    expect(cut).toBe(false)
    expect(find(text)).toEqual(want)
    expect(find((await ask(about)).text)).not.toEqual(want)
  })

  test('cuts it and says so: length', async () => {
    await server.inject({ kind: 'length' })
    const { text, cut } = await ask('code')
    expect(cut).toBe(true)
    expect(code.startsWith(text)).toBe(true)
    expect((await ask('code')).cut).toBe(false)
  })

  test('makes the model be loaded again: unload', async () => {
    await ask('code')
    await server.inject({ kind: 'unload' })
    expect((await ask('code')).text).toBe(code)
    expect((await server.records()).map((record) => record.load)).toEqual(['loaded', 'loaded'])
  })

  test('takes the model out of memory when its runner stops: 500', async () => {
    await ask('code')
    await server.inject({ kind: '500' })
    await failure(ask('code'))
    await ask('code')
    const loads = (await server.records()).map((record) => record.load)
    expect(loads).toEqual(['loaded', undefined, 'loaded'])
  })

  test('of endless words ends at num_predict when nobody stops it', async () => {
    await server.inject({ kind: 'whitespace' })
    const response = await fetch(`${server.endpoint}/api/generate`, {
      method: 'POST',
      body: JSON.stringify({ model: 'rehearsal', prompt: 'x', options: { num_predict: 70 } }),
    })
    const lines = (await response.text()).trim().split('\n')
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ done_reason: 'length', eval_count: 70 })
  })

  test('tells a proxy’s client when to come back: 429', async () => {
    await server.inject({ kind: '429', ms: 7000 })
    const body = JSON.stringify({ model: 'rehearsal', prompt: 'x' })
    const response = await fetch(`${server.endpoint}/api/generate`, { method: 'POST', body })
    expect([response.status, response.headers.get('retry-after')]).toEqual([429, '7'])
  })
})

describe('a fault strikes only', () => {
  test.each<readonly [string, Partial<FaultInput>, readonly boolean[]]>([
    ['so often', { times: 2 }, [true, true, false]],
    ['after those that it spares', { skip: 1 }, [false, true, false]],
    ['where the prompt says so', { match: 'Request\ncode' }, [true, false, false]],
    ['where the prompt does not say otherwise', { match: 'space ship' }, [false, false, false]],
    ['where the purpose fits', { purpose: 'purpose: code\\.' }, [true, false, false]],
    ['where the purpose does not differ', { purpose: 'spec\\.' }, [false, false, false]],
    ['the model that it names', { model: 'rehearsal' }, [true, false, false]],
    ['no other model', { model: 'big:7b' }, [false, false, false]],
  ])('%s', async (_, aim, want) => {
    await server.inject({ kind: 'fenced', ...aim })
    const struck: boolean[] = []
    while (struck.length < want.length) struck.push((await ask('code')).text !== code)
    expect(struck).toEqual(want)
  })

  test('until it is taken back', async () => {
    await server.inject({ kind: 'fenced', times: 9 })
    await fetch(`${server.endpoint}/rehearsal/faults`, { method: 'DELETE' })
    expect((await ask('code')).text).toBe(code)
  })

  test('when there is such a fault', async () => {
    const body = JSON.stringify({ kind: 'nonsense' })
    const response = await fetch(`${server.endpoint}/rehearsal/faults`, { method: 'POST', body })
    expect(response.status).toBe(400)
    expect(await response.text()).toContain('kind')
  })
})

/** Faults of a pull: how it ends, and what is left to pull then, in percent. */
const pulling: readonly (readonly [PullFaultKind, string, number])[] = [
  ['pull-cut', 'cannot be reached', 50],
  ['pull-broken', 'max retries exceeded: unexpected EOF', 50],
  ['pull-no-disk', 'no space left on device', 50],
  ['pull-unreachable', 'dial tcp: lookup registry.ollama.ai: no such host', 0],
]

test('a fault of a script strikes as an injected one does, which goes before it', async () => {
  expect((await ask('scripted')).text).toBe('as before')
  await server.inject({ kind: 'length' })
  expect((await ask('scripted')).cut).toBe(true)
  expect((await ask('scripted')).text).toBe('as before')
  await using other = await startRehearsal({ rules })
  await server[Symbol.asyncDispose]()
  server = other
  expect((await ask('scripted')).text).toBe('as before')
  expect(await failure(ask('scripted'))).toMatchObject(unusable)
  expect((await ask('scripted')).text).toBe('as before')
})

describe('a fault of a pull', () => {
  const { signal } = new AbortController()

  test.each(pulling)(
    'ends it, and the next one goes on from there: %s',
    async (kind, words, left) => {
      await server.inject({ kind })
      const error = await failure(pullModel(server, 'big:7b', { signal }))
      expect(String(error)).toContain(words)
      await pullModel(server, 'big:7b', { signal })
      const { pulls } = await server.recorded()
      expect(pulls.map(({ outcome }) => outcome)).toEqual([
        expect.stringMatching(/failed|cancelled/),
        'done',
      ])
      expect(Math.round((100 * (pulls[1]?.from ?? 0)) / 10_000_000)).toBe(left)
    },
  )

  test.each<PullFaultKind>(['pull-stall', 'pull-slow'])('only takes time: %s', async (kind) => {
    await server.inject({ kind, ms: 200 })
    const began = performance.now()
    await pullModel(server, 'big:7b', { signal })
    expect(performance.now() - began).toBeGreaterThan(190)
    expect((await server.recorded()).pulls).toMatchObject([{ fault: kind, outcome: 'done' }])
  })
})

test('the tests above go through every fault, and the README tells of every one what it does', async () => {
  const tested = new Set<string>([...failing, ...answering, ...pulling].map(([kind]) => kind))
  const alone = ['length', 'unload', 'pull-stall', 'pull-slow']
  const all = { ...answerFaults, ...pullFaults }
  expect(new Set([...tested, ...alone])).toEqual(new Set(Object.keys(all)))
  const readme = await readFile(join(import.meta.dirname, 'README.md'), 'utf8')
  const table = readme.slice(readme.indexOf('## Faults'), readme.indexOf('## Records'))
  const rows = [...table.matchAll(/^\| `([^`]+)` \| (.*) \|$/gm)]
  expect(rows.map(([, kind, effect]) => [kind, effect])).toEqual(Object.entries(all))
})
