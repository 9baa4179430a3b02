import { describe, expect, test } from 'vitest'
import { languageModelSpec } from '../../api/language-model.ts'
import { contextBytesPerToken, inGiB, isCloudName, neededBytes, sameModel } from './model.ts'

test.each([
  { held: 'llama2:latest', wanted: 'llama2', same: true },
  { held: 'qwen2.5-coder:7b', wanted: 'qwen2.5-coder:7b', same: true },
  { held: 'qwen2.5-coder:7b', wanted: 'Qwen2.5-Coder:7B', same: true },
  { held: 'llama2:latest', wanted: 'library/llama2', same: true },
  { held: 'llama2:latest', wanted: 'registry.ollama.ai/library/llama2:latest', same: true },
  {
    held: 'mirror.local:5000/library/llama2:latest',
    wanted: 'mirror.local:5000/library/llama2',
    same: true,
  },
  { held: 'mirror.local:5000/library/llama2:latest', wanted: 'llama2', same: false },
  { held: 'someone/llama2:latest', wanted: 'llama2', same: false },
  { held: 'qwen2.5-coder:7b', wanted: 'qwen2.5-coder', same: false },
  { held: 'qwen2.5-coder:7b', wanted: 'qwen2.5-coder:7b-instruct', same: false },
])('a server that holds $held answers for $wanted: $same', ({ held, wanted, same }) => {
  expect(sameModel(held, wanted)).toBe(same)
})

/** What the rule of the kind, which the API server evaluates, looks for in a name. */
const [, refusedName = ''] =
  /!self\.matches\('(.*?)'\)/.exec(JSON.stringify(languageModelSpec.shape.model.meta())) ?? []

test.each([
  { name: 'kimi-k2.5:cloud', cloud: true },
  { name: 'gpt-oss:120b-cloud', cloud: true },
  { name: 'gpt-oss:120b-Cloud', cloud: true },
  { name: 'registry.ollama.ai/library/glm-5:cloud', cloud: true },
  { name: 'my-cloud', cloud: true },
  { name: 'gpt-oss:20b', cloud: false },
  { name: 'cloud:7b', cloud: false },
  { name: 'someone/cloud', cloud: false },
  { name: 'x:soundcloud', cloud: false },
  { name: 'x:cloud-7b', cloud: false },
])('$name is a cloud model, for the API server too: $cloud', ({ name, cloud }) => {
  expect(isCloudName(name)).toBe(cloud)
  expect(new RegExp(refusedName).test(name)).toBe(cloud)
})

const kibibyte = 2 ** 10
const gibibyte = 2 ** 30

const codeLlama = { layers: 32, kvHeads: 32, keyLength: 128, valueLength: 128 }
const qwenCoder = { layers: 28, kvHeads: 4, keyLength: 128, valueLength: 128 }
const smolLM2 = { layers: 30, kvHeads: 3, keyLength: 64, valueLength: 64 }

describe('a token of the context', () => {
  test.each([
    { model: 'CodeLlama 7B', facts: codeLlama, want: 512 * kibibyte },
    { model: 'Qwen2.5-Coder 7B', facts: qwenCoder, want: 56 * kibibyte },
    // Ollama 0.17.4 reported a KV buffer of 180 MiB for 8192 tokens.
    { model: 'SmolLM2 135M', facts: smolLM2, want: (180 * 2 ** 20) / 8192 },
  ])('of $model takes $want bytes', ({ facts, want }) => {
    expect(contextBytesPerToken(facts)).toBe(want)
  })

  test.each(['layers', 'kvHeads', 'keyLength', 'valueLength'])(
    'takes an unknown amount when the server does not tell %s',
    (missing) => {
      expect(contextBytesPerToken({ ...codeLlama, [missing]: undefined })).toBeUndefined()
    },
  )
})

describe('a model', () => {
  const weights = 4 * gibibyte

  test('needs its weights, the context of every call at once, and half a GiB', () => {
    const context = { contextTokens: 8192, parallel: 2 }
    expect(neededBytes(codeLlama, weights, context)).toBe((4 + 2 * 4 + 0.5) * gibibyte)
  })

  test.each([{ facts: undefined }, { facts: { layers: 32 } }])(
    'about which too little is known ($facts) needs at least its weights',
    ({ facts }) => {
      expect(neededBytes(facts, weights, { contextTokens: 8192, parallel: 2 })).toBe(weights)
    },
  )
})

test('sizes are told with one digit after the point', () => {
  expect(inGiB(4.1 * gibibyte)).toBe('4.1 GiB')
  expect(inGiB(98_363_022)).toBe('0.1 GiB')
})
