import { expect, test } from 'vitest'
import { silentLogger as log } from '../../../test/support/silent-logger.ts'
import { VirtualClock } from '../../../test/support/virtual-clock.ts'
import { Cache, newer } from '../../../test/support/cache.ts'
import { languageModel } from '../../../test/support/objects.ts'
import { languageModels } from '../../../core/api/kinds.ts'
import type { LanguageModel } from '../../../core/api/language-model.ts'
import { profileOf } from './models.ts'
import { SelfTests } from './self-tests.ts'
import type { SelfTestResult } from '../../../core/models/fleet/fleet.ts'

const coder = languageModel('coder')
const installation = { endpoint: 'http://own' }
const profile = profileOf(coder, installation)
const result: SelfTestResult = {
  tier: 'good',
  tokensPerSecond: 10,
  contextTokens: 8192,
  summary: 'it did well',
}

function setUp() {
  const clock = new VirtualClock()
  const asked: {
    readonly signal: AbortSignal
    readonly answer: PromiseWithResolvers<SelfTestResult>
  }[] = []
  const ended: string[] = []
  const models = new Cache(languageModels)
  models.put(coder)
  const tests = new SelfTests({
    models,
    profileOf: (model) => profileOf(model, installation),
    servers: {
      test: async (_profile, { signal }) => {
        const answer = Promise.withResolvers<SelfTestResult>()
        asked.push({ signal, answer })
        return answer.promise
      },
    },
    onChange: (key) => ended.push(key),
    clock,
    log,
  })
  return { clock, asked, ended, models, tests }
}

test('a result counts for the weights and the context that were tested, and for no others', async () => {
  const { clock, asked, ended, tests } = setUp()
  tests.start(coder, profile, 'abc', true)
  expect(tests.stateOf(coder, profile, 'abc')).toEqual({ kind: 'running' })
  asked[0]?.answer.resolve(result)
  await clock.advance(0)
  expect(ended).toEqual(['guildhall/coder'])
  expect(tests.stateOf(coder, profile, 'abc')).toEqual({ kind: 'done', digest: 'abc', result })
  expect(tests.stateOf(coder, profile, 'def')).toBeUndefined()
  expect(tests.stateOf(coder, { ...profile, contextTokens: 4096 }, 'abc')).toBeUndefined()
  const given = { ...profile, contextTokens: 4096, askedContextTokens: 8192 }
  expect(tests.stateOf(coder, given, 'abc')).toMatchObject({ kind: 'done' })
})

test('a test that failed may be started again after a pause', async () => {
  const { clock, asked, tests } = setUp()
  tests.start(coder, profile, 'abc', true)
  asked[0]?.answer.reject(new Error('gone'))
  await clock.advance(0)
  expect(tests.stateOf(coder, profile, 'abc')).toEqual({ kind: 'failed', message: 'gone' })
  await clock.advance(30_000)
  expect(tests.stateOf(coder, profile, 'abc')).toBeUndefined()
})

test.each([
  ['its model is gone', (models: Cache<LanguageModel>) => models.remove(coder)],
  [
    'its model is asked elsewhere',
    (models: Cache<LanguageModel>) =>
      models.put(newer(languageModel('coder', { endpoint: 'http://elsewhere' }))),
  ],
  [
    'its model is another',
    (models: Cache<LanguageModel>) =>
      models.put(newer(languageModel('coder', { model: 'other:7b' }))),
  ],
])('a test is stopped and tells nothing when %s', async (_when, change) => {
  const { clock, asked, ended, models, tests } = setUp()
  tests.start(coder, profile, 'abc', true)
  change(models)
  expect(asked[0]?.signal.aborted).toBe(true)
  asked[0]?.answer.resolve(result)
  await clock.advance(0)
  expect(ended).toEqual([])
  expect(tests.stateOf(coder, profile, 'abc')).toBeUndefined()
})

test('a test of other weights takes the place of the one that runs', () => {
  const { asked, tests } = setUp()
  tests.start(coder, profile, 'abc', true)
  tests.start(coder, profile, 'def', true)
  expect(asked.map(({ signal }) => signal.aborted)).toEqual([true, false])
})
