import { describe, expect, test, vi } from 'vitest'
import { jwt } from '../../simulated-kubernetes/tokens.ts'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import { Limiter } from '../../core/kube/limiter.ts'
import { TokenReviewer, type TokenReviewerOptions } from './token-review.ts'

const good = jwt({ aud: ['hub'], sub: 'u', 'kubernetes.io': { pod: { uid: 'p1' } } })
const bad = jwt({ aud: ['hub'], sub: 'u' }, 'Zm9yZ2Vk')

/** A server that knows one token, of a Pod. */
function reviewer(options: Partial<TokenReviewerOptions> = {}) {
  const clock = new VirtualClock()
  const server = { asked: 0 }
  const client = {
    create: async (_kind: unknown, { spec }: { readonly spec: { readonly token: string } }) => {
      server.asked += 1
      const key = 'authentication.kubernetes.io'
      const extra = { [`${key}/pod-name`]: ['c'], [`${key}/pod-uid`]: ['p1'] }
      return spec.token === good
        ? { status: { authenticated: true, audiences: ['hub'], user: { username: 'u', extra } } }
        : { status: { authenticated: false } }
    },
  } as unknown as TokenReviewerOptions['client']
  const made = new TokenReviewer({
    client,
    audience: 'hub',
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
    const laneOf: TokenReviewerOptions['laneOf'] = ({ podUid }) =>
      podUid === 'p9' ? undefined : ''
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
