import { describe, expect, test, vi } from 'vitest'
import { jwt } from '../../simulated-kubernetes/tokens.ts'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import { Limiter } from './limiter.ts'
import { KubeError } from './errors.ts'
import {
  CrowdedError,
  TokenAnswers,
  TokenReviewer,
  type TokenReviewerOptions,
  claimsOf,
} from './token-review.ts'

describe('text that is not a token of Kubernetes says nothing of itself', () => {
  test.each([
    ['nothing', ''],
    ['a word', 'random-1'],
    ['two parts', 'aaaa.bbbb'],
    ['four parts', `${jwt({})}.aaaa`],
    ['no signature', `${jwt({}).split('.').slice(0, 2).join('.')}.`],
    ['a payload that is not JSON', 'aaaa.bbbb.cccc'],
    ['a payload that is not an object', `a.${Buffer.from('[1]').toString('base64url')}.c`],
    ['an audience that is not a name', jwt({ aud: { a: 1 } })],
    ['a subject that is not a name', jwt({ sub: 7 })],
    ['characters of another alphabet', `${jwt({})}+/=`],
    ['8 KiB and more', jwt({ sub: 'x'.repeat(8 * 1024) })],
    ['more than one line', `${jwt({})}\n`],
  ])('%s', (_, token) => expect(claimsOf(token)).toBeUndefined())
})

test('a token of Kubernetes names its account, its audiences and its Pod', () => {
  const pod = { name: 'coding-1', uid: 'p1' }
  const payload = { sub: 'system:serviceaccount:g:a', aud: ['hub'], 'kubernetes.io': { pod } }
  const want = { subject: payload.sub, audiences: ['hub'], podUid: 'p1' }
  expect(claimsOf(jwt(payload))).toEqual(want)
  expect(claimsOf(jwt({ aud: 'hub' }))).toEqual({
    subject: undefined,
    audiences: ['hub'],
    podUid: undefined,
  })
})

/**
 * Answers to questions that last until they are let go; a token that begins with `ours` is one of
 * ours.
 */
function answers() {
  const clock = new VirtualClock()
  const asked: string[] = []
  const open: (() => void)[] = []
  const made = new TokenAnswers<string>({
    clock,
    isOurs: (answer) => answer.startsWith('ours'),
    freshMs: () => 10_000,
    ask: async (token) => {
      asked.push(token)
      await new Promise<void>((resolve) => open.push(resolve))
      if (token.endsWith('fails')) throw new Error('no answer')
      return token
    },
  })
  /** Lets questions be answered until none is asked any more. */
  const settle = async () => {
    for (let idle = 0; idle < 3; ) {
      const some = open.splice(0)
      for (const resolve of some) resolve()
      idle = some.length === 0 ? idle + 1 : 0
      await new Promise(setImmediate)
    }
  }
  return { made, asked, clock, settle }
}

test('callers with one token share one question, also when it fails, and a failure is not kept', async () => {
  const { made, asked, settle } = answers()
  const all = Promise.allSettled([1, 2, 3].map(() => made.of('s-fails', '')))
  await settle()
  expect((await all).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
  expect(asked).toEqual(['s-fails'])
  void made.of('s-fails', '').catch(() => undefined)
  await settle()
  expect(asked).toEqual(['s-fails', 's-fails'])
})

test('of a flood few are asked about, few wait, and the others are told at once to come back', async () => {
  const { made, asked, settle, clock } = answers()
  const flood = Array.from({ length: 5_000 }, (_, at) =>
    made.of(`s${at}`, `lane ${at % 1_000}`).then(
      () => 'answered',
      (error: unknown) => (error instanceof CrowdedError ? 'refused' : 'failed'),
    ),
  )
  await new Promise(setImmediate)
  expect(asked).toHaveLength(4)
  await settle()
  expect(asked).toHaveLength(40)
  await clock.advance(1_000)
  await settle()
  expect(asked.length).toBeLessThanOrEqual(50)
  for (let second = 0; second < 200; second += 1) {
    await clock.advance(1_000)
    await settle()
  }
  const ends = await Promise.all(flood)
  expect(ends.filter((one) => one === 'refused').length).toBeGreaterThan(3_900)
  expect(ends).not.toContain('failed')
})

test('a new one of ours takes turns with strangers, and costs their rate nothing', async () => {
  const { made, asked, settle, clock } = answers()
  for (let at = 0; at < 8; at += 1) void made.of(`s${at}`, 'loud').catch(() => undefined)
  const told = made.of('ours-new', 'quiet')
  await settle()
  expect(await told).toBe('ours-new')
  // The four that were under way, then one more of the loud lane at most.
  expect(asked.indexOf('ours-new')).toBeLessThanOrEqual(5)
  await clock.advance(60_000)
  for (let at = 0; at < 300; at += 1) {
    const one = made.of(`ours${at}`, `pod ${at}`)
    await settle()
    expect(await one).toBe(`ours${at}`)
  }
})

test('a token that was ours is asked about again without waiting behind strangers', async () => {
  const { made, asked, settle, clock } = answers()
  const first = made.of('ours', 'pod')
  await settle()
  await first
  await clock.advance(10_000)
  for (let at = 0; at < 50; at += 1) void made.of(`s${at}`, `l${at}`).catch(() => undefined)
  void made.of('ours', 'pod')
  await new Promise(setImmediate)
  expect(asked.filter((one) => one === 'ours')).toHaveLength(2)
})

test('strangers never push out one of ours, and a stranger is asked about once while it is believed', async () => {
  const { made, asked, settle, clock } = answers()
  const first = made.of('ours', 'pod')
  await settle()
  await first
  for (let at = 0; at < 60; at += 1) {
    void made.of(`s${at}`, `l${at}`).catch(() => undefined)
    await clock.advance(120)
    await settle()
  }
  const before = asked.length
  void made.of('s59', 'l59')
  await made.of('ours', 'pod')
  expect(asked).toHaveLength(before)
})

/** The answer of an API server about the token of one Pod. */
const podAnswer = (audiences: readonly string[], uid = 'p1') => {
  const key = 'authentication.kubernetes.io'
  const extra = { [`${key}/pod-name`]: ['c'], [`${key}/pod-uid`]: [uid] }
  return { status: { authenticated: true, audiences, user: { username: 'u', extra } } }
}

const good = jwt({ aud: ['hub'], sub: 'u', 'kubernetes.io': { pod: { uid: 'p1' } } })
const bad = jwt({ aud: ['hub'], sub: 'u' }, 'Zm9yZ2Vk')

/** A server that knows one token, of a Pod. */
function reviewer(options: Partial<TokenReviewerOptions> = {}) {
  const clock = new VirtualClock()
  const server = { asked: 0 }
  const client = {
    create: async (_kind: unknown, { spec }: { readonly spec: { readonly token: string } }) => {
      server.asked += 1
      return spec.token === good ? podAnswer(['hub']) : { status: { authenticated: false } }
    },
  } as unknown as TokenReviewerOptions['client']
  const made = new TokenReviewer({
    client,
    audiences: ['hub'],
    clock,
    knownMs: 600_000,
    unknownMs: 30_000,
    ...options,
  })
  return { clock, server, made }
}

test('a known token is asked about once in ten minutes, a stranger’s every half', async () => {
  const { clock, server, made } = reviewer()
  for (let minute = 0; minute < 10; minute += 1) {
    expect((await made.review(good))?.pod?.uid).toBe('p1')
    await clock.advance(59_000)
  }
  expect(server.asked).toBe(1)
  await made.review(bad)
  await clock.advance(29_000)
  expect(await made.review(bad)).toBeUndefined()
  expect(server.asked).toBe(2)
  await clock.advance(2_000)
  await made.review(bad)
  expect(server.asked).toBe(3)
})

test('one of ours that is not wanted is believed no longer than a stranger', async () => {
  const { clock, server, made } = reviewer({ isOurs: ({ username }) => username === 'other' })
  await made.review(good)
  await clock.advance(31_000)
  await made.review(good)
  expect(server.asked).toBe(2)
})

describe('a token that surely is not ours is refused unasked', () => {
  test.each([
    ['a random word', 'random-1'],
    ['an opaque token', 'k8s-aws-v1.aHR0cHM6'],
    ['for another audience', jwt({ aud: ['vault'], sub: 'u' })],
    ['for the API server', jwt({ aud: 'https://kubernetes.default.svc', sub: 'u' })],
    ['longer than any of ours', jwt({ aud: ['hub'], sub: 'x'.repeat(9_000) })],
    ['of a Pod that is not there', jwt({ 'kubernetes.io': { pod: { uid: 'p9' } } })],
  ])('%s', async (_, token) => {
    const laneOf: TokenReviewerOptions['laneOf'] = (claims) =>
      claims === undefined || claims.podUid === 'p9' ? undefined : ''
    const { server, made } = reviewer({ laneOf })
    expect(await made.review(token)).toBeUndefined()
    expect(server.asked).toBe(0)
  })
})

test.each([
  ['of no form', (at: number) => `random-${at}`],
  ['that look right', (at: number) => jwt({ aud: ['hub'], jti: at })],
  [
    'that each name another Pod',
    (at: number) => jwt({ 'kubernetes.io': { pod: { uid: `${at}` } } }),
  ],
  [
    'that all name one Pod',
    (at: number) => jwt({ jti: at, 'kubernetes.io': { pod: { uid: 'p' } } }),
  ],
])('5,000 tokens %s delay no call of the operator', async (_, token) => {
  const clock = new VirtualClock()
  const limiter = new Limiter({ clock, rate: 500, burst: 1_000, inFlight: 32 })
  const { signal } = new AbortController()
  let asked = 0
  const client = {
    create: async () => {
      await limiter.acquire('status', { signal })
      asked += 1
      await clock.sleep(5, { signal })
      limiter.release()
      return { status: { authenticated: false } }
    },
  } as unknown as TokenReviewerOptions['client']
  const { made } = reviewer({ client, clock })
  const flood = Array.from({ length: 5_000 }, (_one, at) => made.review(token(at)))
  const over = Promise.allSettled(flood)
  const wrote = vi.fn()
  void limiter.acquire('status', { signal }).then(wrote)
  await clock.advance(1)
  expect(wrote).toHaveBeenCalledOnce()
  await clock.advance(1_000)
  expect(asked).toBeLessThanOrEqual(60)
  await clock.advance(300_000)
  await over
})

test('a token without claims is refused unasked unless a lane takes it', async () => {
  const { server, made } = reviewer()
  expect(await made.review('random-1')).toBeUndefined()
  expect(server.asked).toBe(0)
  const other = reviewer({ laneOf: () => 'unnamed' })
  await other.made.review('random-1')
  expect(other.server.asked).toBe(1)
})

/** A reviewer whose API server gives these answers, one after the other. */
function answering(answers: readonly unknown[], options: Partial<TokenReviewerOptions> = {}) {
  const rest = [...answers]
  const clock = new VirtualClock()
  const client = {
    create: async () => {
      const next = rest.shift()
      if (next instanceof Error) throw next
      return next
    },
  } as unknown as TokenReviewerOptions['client']
  return { clock, rest, made: reviewer({ ...options, client, clock }).made }
}

test.each([
  ['for the API server alone', podAnswer([])],
  ['for somebody else', podAnswer(['vault'])],
])('a token %s is nobody’s, or its bearer’s without an audience', async (_, answer) => {
  expect(await answering([answer]).made.review(good)).toBeUndefined()
  const named = await answering([answer], { namesStrangers: true }).made.review(good)
  expect(named).toEqual({ username: 'u', audiences: [], pod: { name: 'c', uid: 'p1' } })
})

test.each([
  ['is not authenticated', { status: { ...podAnswer(['hub']).status, authenticated: false } }],
  ['has no name', { status: { ...podAnswer(['hub']).status, user: { username: '' } } }],
  ['comes without a status', {}],
])('an answer that %s is about nobody', async (_, answer) => {
  expect(await answering([answer], { namesStrangers: true }).made.review(good)).toBeUndefined()
})

test('an answer without the uid of a Pod is about nobody’s Pod', async () => {
  const who = await answering([podAnswer(['hub'], '')]).made.review(good)
  expect(who).toEqual({ username: 'u', audiences: ['hub'], pod: undefined })
})

const busy = () => new KubeError({ status: 503, reason: 'ServiceUnavailable', message: 'busy' })
const forbidden = () => new KubeError({ status: 403, reason: 'Forbidden', message: 'no' })

test.each([
  ['twice', [busy(), busy(), podAnswer(['hub'])], 'p1', 0],
  ['too often', [busy(), busy(), busy(), podAnswer(['hub'])], 'busy', 1],
  ['for good', [forbidden(), podAnswer(['hub'])], 'no', 1],
])('a review that fails %s is tried three times at most', async (_, answers, want, left) => {
  const { made, clock, rest } = answering(answers, { tries: 3 })
  const said = made.review(good).then(
    (who) => who?.pod?.uid,
    (error: unknown) => (error instanceof Error ? error.message : ''),
  )
  await clock.advance(1_000)
  expect(await said).toContain(want)
  expect(rest).toHaveLength(left)
})
