import { describe, expect, test } from 'vitest'
import { contextBytesPerToken, inGiB, neededBytes } from './model.ts'

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
