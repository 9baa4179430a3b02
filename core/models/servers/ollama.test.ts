import type { ServerResponse } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { startRehearsal } from '../../../test/support/rehearsal.ts'
import {
  reply,
  type Script,
  type ScriptedServer,
  startScriptedServer,
} from '../../../test/support/scripted-server.ts'
import { systemClock } from '../../base/clock.ts'
import { answerOf } from '../answers/answer.ts'
import { fixedRequest, modelProfile } from '../profile.ts'
import { chat, heldModels, loadedModels, loadModel, showModel } from './ollama.ts'

const { signal } = new AbortController()
let server: ScriptedServer | undefined

/** What Ollama 0.17.4 says about SmolLM2. */
const smollm2 = {
  capabilities: ['completion'],
  details: { format: 'gguf', family: 'llama', quantization_level: 'Q4_1' },
  model_info: {
    'general.architecture': 'llama',
    'general.languages': null,
    'general.parameter_count': 134_515_008,
    'llama.attention.head_count': 9,
    'llama.attention.head_count_kv': 3,
    'llama.block_count': 30,
    'llama.context_length': 8192,
    'llama.embedding_length': 576,
    'tokenizer.ggml.tokens': null,
  },
}

async function started(script: Script): Promise<{ readonly endpoint: string }> {
  server = await startScriptedServer(script)
  return { endpoint: server.config.server }
}

afterEach(async () => {
  await server?.close()
  server = undefined
})

const answers = (body: unknown) => (_: unknown, response: ServerResponse) =>
  reply(response, 200, body)

test('the server tells what it holds, and where a cloud model really runs', async () => {
  const models = [
    { name: 'smollm2:135m', model: 'smollm2:135m', size: 98_363_022, digest: 'c510' },
    { name: 'a:1b', size: 300, digest: 'd', remote_host: 'https://ollama.com:443' },
  ]
  const there = await started(answers({ models }))
  expect(await heldModels(there, { signal })).toEqual([
    { name: 'smollm2:135m', digest: 'c510', sizeBytes: 98_363_022, remoteHost: undefined },
    { name: 'a:1b', digest: 'd', sizeBytes: 300, remoteHost: 'https://ollama.com:443' },
  ])
})

test('the server tells what it has in memory, and with which context if it is new enough', async () => {
  const model = { name: 'smollm2:135m', size: 300, size_vram: 100, context_length: 8192 }
  const there = await started(answers({ models: [model, { name: 'old:1b', size: 200 }] }))
  expect(await loadedModels(there, { signal })).toEqual([
    { name: 'smollm2:135m', contextTokens: 8192, sizeBytes: 300, vramBytes: 100 },
    { name: 'old:1b', contextTokens: undefined, sizeBytes: 200, vramBytes: 0 },
  ])
})

test.each([
  {
    name: 'of an architecture that leaves head sizes to arithmetic',
    answer: smollm2,
    want: {
      capabilities: ['completion'],
      contextTokens: 8192,
      architecture: 'llama',
      parameters: 134_515_008,
      quantization: 'Q4_1',
      layers: 30,
      kvHeads: 3,
      keyLength: 64,
      valueLength: 64,
    },
  },
  {
    name: 'of one that gives head sizes, and heads for each layer',
    answer: {
      model_info: {
        'general.architecture': 'gemma3',
        'gemma3.attention.head_count': 8,
        'gemma3.attention.head_count_kv': [4, 0, 2],
        'gemma3.attention.key_length': 256,
        'gemma3.attention.value_length': 128,
        'gemma3.embedding_length': 2560,
      },
    },
    want: { capabilities: [], kvHeads: 4, keyLength: 256, valueLength: 128 },
  },
  {
    name: 'of one without grouped heads',
    answer: {
      model_info: { 'general.architecture': 'llama', 'llama.attention.head_count': 32 },
    },
    want: { kvHeads: 32, keyLength: undefined, layers: undefined },
  },
  {
    name: 'of one whose list of heads was too long for it',
    answer: {
      model_info: {
        'general.architecture': 'lfm2',
        'lfm2.attention.head_count': 32,
        'lfm2.attention.head_count_kv': [],
      },
    },
    want: { kvHeads: undefined },
  },
  {
    name: 'of one it knows nothing about',
    answer: {},
    want: { capabilities: [], contextTokens: undefined, architecture: undefined },
  },
])('the server tells the facts $name', async ({ answer, want }) => {
  expect(await showModel(await started(answers(answer)), 'x', { signal })).toMatchObject(want)
})

test('a model the server does not hold has no facts', async () => {
  await using rehearsal = await startRehearsal({ rules: [] })
  await expect(showModel(rehearsal, 'other', { signal })).rejects.toMatchObject({
    name: 'HttpStatusError',
    status: 404,
  })
})

test('the rehearsal server answers everything the operator asks about models', async () => {
  await using rehearsal = await startRehearsal({ rules: [] })
  const { endpoint } = rehearsal
  expect(await heldModels(rehearsal, { signal })).toMatchObject([{ name: 'rehearsal:latest' }])
  expect(await showModel(rehearsal, 'rehearsal', { signal })).toMatchObject({
    architecture: 'rehearsal',
    contextTokens: 32_768,
  })
  expect(await loadedModels(rehearsal, { signal })).toEqual([])
  await loadModel(modelProfile.parse({ name: 'rehearsal', endpoint }), { signal })
  expect(await loadedModels(rehearsal, { signal })).toMatchObject([
    { name: 'rehearsal:latest', contextTokens: 8192 },
  ])
})

test('loading asks with the options of every call, so that the first call loads nothing again', async () => {
  const there = await started(answers({ model: 'x:1b', done: true, done_reason: 'load' }))
  const profile = modelProfile.parse({ name: 'x:1b', ...there, contextTokens: 4096 })
  await loadModel(profile, { signal })
  const sent: unknown = JSON.parse(server?.requests[0]?.body ?? '')
  expect(sent).toEqual({ ...fixedRequest(profile), messages: [], stream: false })
})

test('a server that does not say that it loaded is not believed', async () => {
  const there = await started(answers({ model: 'x:1b', done: false }))
  const profile = modelProfile.parse({ name: 'x:1b', ...there })
  await expect(loadModel(profile, { signal })).rejects.toThrow('did not say that x:1b is loaded')
})

const asked = { system: 'You are a test.', user: 'Answer.', temperature: 0, seed: 1, maxTokens: 50 }
const lines = (parts: readonly object[]) => (_: unknown, response: ServerResponse) => {
  response.writeHead(200, { 'content-type': 'application/x-ndjson' })
  response.end(parts.map((part) => `${JSON.stringify(part)}\n`).join(''))
}
const thinks = (thinking: string, content = '') => ({
  message: { role: 'assistant', content, thinking },
  done: false,
})
const ends = (reason: string) => ({
  message: { role: 'assistant', content: '' },
  done: true,
  done_reason: reason,
  eval_count: 9,
})

test.each<[string, readonly object[], RegExp]>([
  ['alone', [thinks('Hm. '), thinks('So.'), ends('stop')], /empty: the model only thought/],
  ['that fill it', [thinks('Hm. '), ends('length')], /the model thought for 50 tokens/],
  [
    'before blanks',
    [thinks('Hm.'), thinks('', '\n'), ends('stop')],
    /empty: the model only thought/,
  ],
])('thoughts of an answer are told apart from it: %s', async (_, parts, want) => {
  const { endpoint } = await started(lines(parts))
  const profile = modelProfile.parse({ name: 'r1:1b', endpoint })
  const answer = await chat(profile, asked, { clock: systemClock })

  expect(answer.thoughtChars).toBeGreaterThan(0)
  expect(() => answerOf({ verb: 'write' }, answer, 50)).toThrow(want)
})

test('thoughts before an answer do not matter', async () => {
  const { endpoint } = await started(lines([thinks('Hm.'), thinks('', 'one'), ends('stop')]))
  const profile = modelProfile.parse({ name: 'r1:1b', endpoint })

  expect(await chat(profile, asked, { clock: systemClock })).toMatchObject({
    text: 'one',
    thoughtChars: 3,
  })
})
