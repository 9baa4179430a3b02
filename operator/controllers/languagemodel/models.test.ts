import { expect, test } from 'vitest'
import { at, condition, languageModel } from '../../../test/support/objects.ts'
import type { LanguageModel } from '../../../core/api/language-model.ts'
import { objectNameOf } from '../../../core/api/names.ts'
import { fixedRequest, type ModelProfile } from '../../../core/models/profile.ts'
import { Models, profileOf } from './models.ts'

const made = (model: LanguageModel, creationTimestamp: string): LanguageModel => ({
  ...model,
  metadata: { ...model.metadata, creationTimestamp },
})
const models = (list: readonly LanguageModel[], configured: readonly string[] = []) =>
  new Models({
    informer: { list: () => list },
    installation: { endpoint: 'http://own' },
    configured,
  })

test('a model is found by what its server calls it, and by the name of its object', () => {
  const all = models([languageModel('coder'), languageModel('writer')])
  expect(all.find('writer:7b')?.metadata.name).toBe('writer')
  expect(all.find('writer')?.metadata.name).toBe('writer')
  expect(all.find('reader')).toBeUndefined()
})

test('the first of the installation is the default, and the oldest where it names none', () => {
  const list = [made(languageModel('young'), at(-10)), made(languageModel('old'), at(-90))]
  expect(models(list, ['conf:1b']).defaultName).toBe('conf:1b')
  expect(models(list).defaultName).toBe('old:7b')
})

test('of two that name one model the older has it', () => {
  const first = made(languageModel('z', { model: 'm' }), at(-90))
  const second = made(languageModel('a', { model: 'm' }), at(-10))
  const all = models([second, first])
  expect(all.duplicateOf(second)).toBe('z')
  expect(all.duplicateOf(first)).toBeUndefined()
})

test('it is asked at its own server, as strong as it was found to be', () => {
  const tested = languageModel('coder', {}, { tier: 'good' })
  const own = languageModel('far', { endpoint: 'http://far', tier: 'weak' }, { tier: 'good' })
  const all = models([tested, own, languageModel('new')])
  expect(all.profile('coder')).toMatchObject({ endpoint: 'http://own', tier: 'good' })
  expect(all.profile('far')).toMatchObject({ endpoint: 'http://far', tier: 'weak' })
  expect(all.profile('new')).toMatchObject({ tier: 'basic' })
})

const tested = (contextTokens: number, digest = 'd') => {
  const test = { digest, contextTokens, at: at(-1), summary: 'it was tested' }
  return { digest: 'd', contextTokens: 3000, test }
}
test.each<[string, LanguageModel['status'], Partial<ModelProfile>]>([
  ['as asked for before a test', {}, { contextTokens: 8192, outputTokens: 2048 }],
  [
    'what the server gave',
    tested(8192),
    { contextTokens: 3000, outputTokens: 1500, askedContextTokens: 8192 },
  ],
  ['as asked for after a test with another', tested(4096), { contextTokens: 8192 }],
  ['as asked for after a test of other weights', tested(8192, 'e'), { contextTokens: 8192 }],
  ['no more than asked for', { ...tested(8192), contextTokens: 16384 }, { contextTokens: 8192 }],
])('the context is %s', (_, status, want) => {
  const profile = profileOf(languageModel('coder', {}, status), { endpoint: 'http://own' })
  expect(profile).toMatchObject(want)
  expect(fixedRequest(profile).options.num_ctx).toBe(8192)
})

test('a token goes to the server that it was given for, whoever names the model', () => {
  const tokens = [{ model: 'm', endpoint: 'http://far', file: '/token' }]
  const installation = { endpoint: 'http://own', tokens }
  const far = languageModel('far', { model: 'm', endpoint: 'http://far' })
  expect(profileOf(far, installation)).toMatchObject({ tokenFile: '/token' })
  const elsewhere = languageModel('a', { model: 'm', endpoint: 'http://elsewhere' })
  expect(profileOf(elsewhere, installation)).not.toHaveProperty('tokenFile')
  expect(profileOf(languageModel('b', { model: 'm' }), installation)).not.toHaveProperty(
    'tokenFile',
  )
})

test.each([
  ['ready', [condition('Ready', 'True', 'TooWeak')], undefined],
  ['being tested', [condition('Ready', 'False', 'Testing')], { isMissing: false }],
  ['not there', [condition('Ready', 'False', 'NotHeld')], { isMissing: true }],
  ['not looked at', [], { isMissing: false }],
])('a model that is %s', (_, conditions, want) => {
  const trouble = models([languageModel('coder', {}, { conditions })]).troubleOf('coder:7b')
  if (want === undefined) expect(trouble).toBeUndefined()
  else expect(trouble).toMatchObject(want)
})

test('one of the installation whose object is not made yet is being set up, a strange one unknown', () => {
  expect(models([], ['conf:1b']).troubleOf('conf:1b')?.message).toMatch(/being set up/)
  expect(models([], ['conf:1b']).troubleOf('strange')).toBeUndefined()
})

test.each([
  ['qwen2.5-coder:7b', 'qwen2-5-coder-7b'],
  ['hf.co/Some/Model.GGUF:Q4_K_M', 'hf-co-some-model-gguf-q4-k-m'],
  ['rehearsal', 'rehearsal'],
])('the object of %s is called %s', (model, want) => {
  expect(objectNameOf(model)).toBe(want)
})
