import { expect, test } from 'vitest'
import { silentLogger as log } from '../../../test/silent-logger.ts'
import { VirtualClock } from '../../../test/virtual-clock.ts'
import { languageModel } from '../../../test/objects.ts'
import { profileOf } from './models.ts'
import { SelfTests } from './self-tests.ts'
import type { TestResult } from './servers.ts'

const profile = profileOf(languageModel('coder'), { endpoint: 'http://own' })
const result: TestResult = {
  tier: 'good',
  tokensPerSecond: 10,
  contextTokens: 8192,
  summary: 'it did well',
}

function setUp() {
  const clock = new VirtualClock()
  const asked: {
    readonly signal: AbortSignal
    readonly answer: PromiseWithResolvers<TestResult>
  }[] = []
  const ended: string[] = []
  const tests = new SelfTests({
    servers: {
      test: async (_profile, { signal }) => {
        const answer = Promise.withResolvers<TestResult>()
        asked.push({ signal, answer })
        return answer.promise
      },
    },
    onChange: (key) => ended.push(key),
    clock,
    log,
  })
  return { clock, asked, ended, tests }
}

test('a result counts for the weights and the context that were tested, and for no others', async () => {
  const { clock, asked, ended, tests } = setUp()
  tests.start('n/coder', profile, 'abc', true)
  expect(tests.stateOf('n/coder', profile, 'abc')).toEqual({ kind: 'running' })
  asked[0]?.answer.resolve(result)
  await clock.advance(0)
  expect(ended).toEqual(['n/coder'])
  expect(tests.stateOf('n/coder', profile, 'abc')).toEqual({ kind: 'done', digest: 'abc', result })
  expect(tests.stateOf('n/coder', profile, 'def')).toBeUndefined()
  expect(tests.stateOf('n/coder', { ...profile, contextTokens: 4096 }, 'abc')).toBeUndefined()
  const given = { ...profile, contextTokens: 4096, askedContextTokens: 8192 }
  expect(tests.stateOf('n/coder', given, 'abc')).toMatchObject({ kind: 'done' })
})

test('a test that failed may be started again after a pause', async () => {
  const { clock, asked, tests } = setUp()
  tests.start('n/coder', profile, 'abc', true)
  asked[0]?.answer.reject(new Error('gone'))
  await clock.advance(0)
  expect(tests.stateOf('n/coder', profile, 'abc')).toEqual({ kind: 'failed', message: 'gone' })
  await clock.advance(30_000)
  expect(tests.stateOf('n/coder', profile, 'abc')).toBeUndefined()
})

test('a test that nobody waits for is stopped and tells nothing', async () => {
  const { clock, asked, ended, tests } = setUp()
  tests.start('n/coder', profile, 'abc', true)
  tests.forget('n/coder')
  expect(asked[0]?.signal.aborted).toBe(true)
  asked[0]?.answer.resolve(result)
  await clock.advance(0)
  expect(ended).toEqual([])
  expect(tests.stateOf('n/coder', profile, 'abc')).toBeUndefined()
})
