import { describe, expect, test } from 'vitest'
import { systemClock } from '../core/base/clock.ts'
import { jwt } from '../simulated-kubernetes/tokens.ts'
import { CrowdedError } from '../core/kube/token-review.ts'
import { type TokenVerdict, tokenClient } from '../test/support/forge/forge.ts'
import { Identities, tokenOf } from './identity.ts'

const accounts = { namespace: 'team', operator: 'op', agent: 'ag', reader: 're' }
const verdict = (more: Partial<TokenVerdict>): TokenVerdict => ({
  authenticated: true,
  username: 'system:serviceaccount:team:ag',
  audiences: ['guildhall-hub'],
  podUid: 'pod-1',
  ...more,
})
const named = (account: string, audience: string) =>
  verdict({ username: `system:serviceaccount:team:${account}`, audiences: [audience] })

const recognized = async (given: TokenVerdict) =>
  new Identities({
    accounts,
    clock: systemClock,
    signal: new AbortController().signal,
    client: tokenClient(() => given),
  }).recognize('t')

describe('a token is recognized by account and audience', () => {
  test.for([
    ['operator', named('op', 'guildhall-forge'), 'operator'],
    ['reader', named('re', 'guildhall-forge'), 'reader'],
    ['agent', named('ag', 'guildhall-hub'), 'agent'],
    ['operator with the wrong audience', named('op', 'guildhall-hub'), 'stranger'],
    ['reader with the wrong audience', named('re', 'guildhall-hub'), 'stranger'],
    ['agent with the wrong audience', named('ag', 'guildhall-forge'), 'stranger'],
    ['agent without a Pod', verdict({ podUid: undefined }), 'stranger'],
    ['agent with an empty Pod uid', verdict({ podUid: '' }), 'stranger'],
    ['somebody else', named('default', 'guildhall-forge'), 'stranger'],
    ['a longer name', named('op:x', 'guildhall-forge'), 'stranger'],
    ['another namespace', verdict({ username: 'system:serviceaccount:other:ag' }), 'stranger'],
    ['not authenticated', verdict({ authenticated: false }), 'unknown'],
    ['no name', verdict({ username: '' }), 'unknown'],
  ] as const)('%s', async ([, given, want]) => {
    const found = await recognized(given)
    expect(found.kind === 'known' ? found.identity.kind : found.kind).toBe(want)
  })

  test('an agent is its Pod', async () => {
    expect(await recognized(verdict({}))).toMatchObject({ identity: { podUid: 'pod-1' } })
  })
})

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`

test.for([
  ['Bearer abc.def-_', 'abc.def-_'],
  ['bearer abc', 'abc'],
  [basic('anyone:abc'), 'abc'],
  [basic(':abc'), 'abc'],
  [basic('abc'), undefined],
  [basic('abc:'), undefined],
  ['Bearer ', undefined],
  ['Bearer a b', undefined],
  ['Bearer a\nb', undefined],
  ['Digest abc', undefined],
  [`Bearer ${'a'.repeat(20_000)}`, undefined],
  ['', undefined],
  [undefined, undefined],
] as const)('the header %j holds the token %j', ([header, want]) => {
  expect(tokenOf({ headers: { authorization: header } })).toBe(want)
})

/** A cache over an API server that is played, and a clock that is moved by hand. */
function setUp(options: { fails?: boolean } = {}) {
  let now = 0
  const asked: string[] = []
  const state = { ...options, valid: true }
  const identities = new Identities({
    accounts,
    clock: { ...systemClock, monotonic: () => now },
    signal: new AbortController().signal,
    client: tokenClient((token) => {
      asked.push(token)
      if (state.fails) throw new Error('no answer')
      return verdict({ authenticated: state.valid })
    }),
  })
  const kind = async (token: string) => (await identities.recognize(token)).kind
  const pass = (ms: number) => {
    now += ms
  }
  return { kind, asked, state, pass }
}

test('an answer is kept for ten seconds and no longer', async () => {
  const { kind, asked, state, pass } = setUp()
  expect(await kind('t')).toBe('known')
  state.valid = false
  pass(9_999)
  expect(await kind('t')).toBe('known')
  pass(1)
  expect(await kind('t')).toBe('unknown')
  expect(asked).toEqual(['t', 't'])
})

test('many at once ask once; another token asks again', async () => {
  const { kind, asked } = setUp()
  await Promise.all([kind('t'), kind('t'), kind('u'), kind('t')])
  expect(asked).toEqual(['t', 'u'])
})

test('a failure to ask is not kept', async () => {
  const { kind, state } = setUp({ fails: true })
  await expect(kind('t')).rejects.toThrow('no answer')
  state.fails = false
  expect(await kind('t')).toBe('known')
})

test('it does not grow without end', async () => {
  const { kind, asked } = setUp()
  for (let index = 0; index <= 1000; index += 1) await kind(`t${index}`)
  await kind('t0')
  await kind('t1000')
  expect(asked.slice(1001)).toEqual(['t0'])
})

describe('strangers', () => {
  const sub = 'system:serviceaccount:team:ag'
  const ours = jwt({ sub, aud: ['guildhall-hub'], 'kubernetes.io': { pod: { uid: 'pod-1' } } })

  test.for([
    ['of another account', jwt({ sub: 'system:serviceaccount:other:ag', aud: ['guildhall-hub'] })],
    ['for another audience', jwt({ sub, aud: ['vault'] })],
    ['of a person', jwt({ sub: 'alice', aud: 'guildhall-forge' })],
    ['that is over-long', jwt({ sub, pad: 'x'.repeat(9_000) })],
  ] as const)('a token %s is refused unasked', async ([, token]) => {
    const { kind, asked } = setUp()
    expect(await kind(token)).toBe('unknown')
    expect(asked).toEqual([])
  })

  test('who was known stays so in a flood, and is asked about beside it', async () => {
    const { kind, asked, state, pass } = setUp()
    expect(await kind(ours)).toBe('known')
    state.valid = false
    const flood = Array.from({ length: 3_000 }, (_, at) =>
      kind(at % 2 === 0 ? `random-${at}` : jwt({ sub, jti: at })).catch((error: unknown) =>
        error instanceof CrowdedError ? 'crowded' : 'failed',
      ),
    )
    expect(await kind(ours)).toBe('known')
    pass(10_000)
    state.valid = true
    expect(await kind(ours)).toBe('known')
    expect(asked.filter((token) => token === ours)).toHaveLength(2)
    const ends = await Promise.all(flood)
    expect(asked.length).toBeLessThanOrEqual(60)
    expect(ends.filter((one) => one === 'crowded').length).toBeGreaterThan(2_900)
  })
})
