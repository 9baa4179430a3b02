import { expect, test } from 'vitest'
import { languageModel, now } from '../../../test/support/objects.ts'
import { conditionOf, isTrue } from '../../../core/api/condition-list.ts'
import type { LanguageModel } from '../../../core/api/language-model.ts'
import { decideModel, type ModelObservation } from './decide.ts'
import type { SelfTestState } from '../../../core/models/fleet/fleet.ts'

/** A decision with the status as it stands after it. */
function decide(observation: ModelObservation) {
  const { change, ...rest } = decideModel(observation)
  const status = change?.status ?? observation.model.status ?? {}
  return { status, isNew: change !== undefined, notice: change?.notices?.[0], ...rest }
}

const gib = 2 ** 30
const held = { kind: 'reachable', held: { digest: 'abc', sizeBytes: 4.7 * gib } } as const
const empty = { kind: 'reachable', held: undefined } as const
const tested = (tier: 'weak' | 'basic' | 'good'): SelfTestState => ({
  kind: 'done',
  digest: 'abc',
  result: { tier, tokensPerSecond: 11.6, contextTokens: 4096, summary: 'it did well' },
})

const seen = (over: Partial<ModelObservation> = {}): ModelObservation => ({
  model: languageModel('coder'),
  invalid: undefined,
  duplicateOf: undefined,
  server: held,
  pull: undefined,
  test: tested('good'),
  limits: { airGapped: false, memoryBytes: undefined },
  inUse: false,
  now,
  ...over,
})
const pulled = languageModel('coder', { source: 'pull' })

test.each<[string, Partial<ModelObservation>, string, string | undefined]>([
  [
    'a server that does not answer',
    { server: { kind: 'unreachable', message: 'no' } },
    'ServerUnreachable',
    undefined,
  ],
  ['a spec that is invalid', { invalid: 'spec.model: too short' }, 'InvalidSpec', undefined],
  ['a model that another names, too', { duplicateOf: 'first' }, 'Duplicate', undefined],
  [
    'a model that runs elsewhere under a harmless name',
    { server: { kind: 'reachable', held: { digest: 'x', sizeBytes: 1, remoteHost: 'https://x' } } },
    'InvalidSpec',
    undefined,
  ],
  [
    'a model of the cloud, however it is written',
    { server: empty, model: languageModel('coder', { source: 'pull', model: 'x:120b-Cloud' }) },
    'InvalidSpec',
    undefined,
  ],
  ['a model that somebody has to put there', { server: empty }, 'NotHeld', undefined],
  ['a model to be pulled', { server: empty, model: pulled }, 'Pulling', 'pull'],
  [
    'a pull in an air gap',
    { server: empty, model: pulled, limits: { airGapped: true, memoryBytes: undefined } },
    'AirGapped',
    undefined,
  ],
  [
    'a pull that runs',
    { server: empty, model: pulled, pull: { kind: 'running', percent: 7, status: 'layers' } },
    'Pulling',
    undefined,
  ],
  [
    'a pull that failed a moment ago',
    {
      server: empty,
      model: pulled,
      pull: { kind: 'failed', message: 'no room', mayTry: false },
    },
    'PullFailed',
    undefined,
  ],
  [
    'a pull that failed and may be tried again',
    { server: empty, model: pulled, pull: { kind: 'failed', message: 'cut', mayTry: true } },
    'PullFailed',
    'pull',
  ],
  [
    'too little memory',
    {
      server: { ...held, neededBytes: 9 * gib },
      limits: { airGapped: false, memoryBytes: 8 * gib },
    },
    'NotEnoughMemory',
    undefined,
  ],
  ['a model that was not tested', { test: undefined }, 'Testing', 'test'],
  ['a test that runs', { test: { kind: 'running' } }, 'Testing', undefined],
  [
    'a test that came to no end',
    { test: { kind: 'failed', message: 'no' } },
    'ServerUnreachable',
    undefined,
  ],
  ['a strong model', {}, 'Ready', undefined],
  ['a weak model', { test: tested('weak') }, 'TooWeak', undefined],
])('%s', (_, over, wantReason, wantStep) => {
  const { status, step, notice } = decide(seen(over))
  const ready = conditionOf({ status }, 'Ready')
  expect(ready?.reason).toBe(wantReason)
  expect(step).toBe(wantStep)
  const usable = wantReason === 'Ready' || wantReason === 'TooWeak'
  expect(ready?.status).toBe(usable ? 'True' : 'False')
  expect(isTrue({ status }, 'Pulling')).toBe(wantReason === 'Pulling')
  expect(isTrue({ status }, 'Stalled')).toBe(
    !usable && !['Pulling', 'Testing'].includes(wantReason),
  )
  if (wantReason !== 'Testing') expect(notice?.reason).toBe(wantReason)
})

test('what was found out stands in the status, and a second look changes nothing', () => {
  const first = decide(seen())
  expect(first.status).toMatchObject({
    digest: 'abc',
    size: '4.7 GiB',
    contextTokens: 4096,
    tier: 'good',
    tokensPerSecond: 12,
    test: { digest: 'abc', summary: 'it did well' },
  })
  const model: LanguageModel = { ...languageModel('coder'), status: first.status }
  expect(decide(seen({ model, now: now + 60_000 })).isNew).toBe(false)
})

test('a tested model is not tested again after a restart, but is with other weights or another context', () => {
  const { status } = decide(seen())
  const model = languageModel('coder', {}, status)
  const other = { kind: 'reachable', held: { digest: 'def', sizeBytes: 1 } } as const
  expect(decide(seen({ model, test: undefined })).step).toBeUndefined()
  expect(decide(seen({ model, test: undefined, server: other })).step).toBe('test')
  const longer = languageModel('coder', { contextTokens: 16384 }, status)
  expect(decide(seen({ model: longer, test: undefined })).step).toBe('test')
})

test('the tier that a person gave goes before what the test found', () => {
  const model = languageModel('coder', { tier: 'good' })
  expect(decide(seen({ model, test: tested('weak') })).status.tier).toBe('good')
})

test('a tier that a person takes back is found out by questions, unless they were asked before', () => {
  const loaded: SelfTestState = {
    kind: 'done',
    digest: 'abc',
    result: { tier: undefined, tokensPerSecond: undefined, contextTokens: 4096, summary: 'loaded' },
  }
  const given = languageModel('coder', { tier: 'weak' })
  const { status } = decide(seen({ model: given, test: loaded }))
  expect(status).toMatchObject({ tier: 'weak', test: { summary: 'loaded' } })

  const back = languageModel('coder', {}, status)
  for (const test of [undefined, loaded]) {
    const decision = decide(seen({ model: back, test }))
    expect(decision.step).toBe('test')
    expect(decision.status.tier).toBeUndefined()
  }
  const asked = decide(seen({ model: back, test: tested('good') }))
  expect(asked.status).toMatchObject({ tier: 'good', test: { tier: 'good' } })

  const givenLater = languageModel('coder', { tier: 'weak' }, asked.status)
  const later = decide(seen({ model: givenLater, test: undefined }))
  expect(later).toMatchObject({ step: undefined, status: { tier: 'weak' } })
  const backAgain = languageModel('coder', {}, later.status)
  expect(decide(seen({ model: backAgain, test: undefined }))).toMatchObject({
    step: undefined,
    status: { tier: 'good', conditions: [{ reason: 'Ready', message: 'it did well' }] },
  })
})

test.each<[string, Partial<ModelObservation>, string | undefined, RegExp]>([
  ['is pulled', { model: pulled }, 'pull', /well; one of its servers lacks it: .* being pulled$/],
  [
    'is being pulled, without figures that move',
    { model: pulled, pull: { kind: 'running', percent: 7, status: 'layers' } },
    undefined,
    /being pulled$/,
  ],
  [
    'could not be pulled',
    { model: pulled, pull: { kind: 'failed', message: 'no room', mayTry: true } },
    'pull',
    /lacks it: no room$/,
  ],
  ['has to be put there', {}, undefined, /lacks it: .* ollama pull coder:7b/],
])(
  'a model that one of its servers holds is ready, and on the other it %s',
  (_, over, step, want) => {
    const decision = decide(seen({ server: { ...held, lacking: 1 }, ...over }))
    expect(conditionOf(decision, 'Ready')).toMatchObject({ status: 'True', reason: 'Ready' })
    expect(conditionOf(decision, 'Ready')?.message).toMatch(want)
    expect(decision.step).toBe(step)
  },
)

test('people are told of a pull at its quarters', () => {
  const at = (percent: number) => ({ kind: 'running', percent, status: 'layers' }) as const
  let model: LanguageModel = pulled
  const told = [1, 10, 26, 27, 49, 80, 99].flatMap((percent) => {
    const { status, notice } = decide(seen({ model, server: empty, pull: at(percent) }))
    model = { ...pulled, status }
    return notice === undefined ? [] : [percent]
  })
  expect(told).toEqual([1, 26, 80])
})

test('a model in use or not ready is looked at every few seconds, an idle one every minute', () => {
  expect(decide(seen({ inUse: true })).nextMs).toBe(5_000)
  expect(decide(seen({ server: empty })).nextMs).toBe(5_000)
  expect(decide(seen()).nextMs).toBe(60_000)
})
