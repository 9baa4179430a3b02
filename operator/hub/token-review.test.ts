import { expect, test } from 'vitest'
import { VirtualClock } from '../../test/virtual-clock.ts'
import { TokenReviewer } from './token-review.ts'

/** A server that knows one token, of a Pod. */
function reviewer() {
  const clock = new VirtualClock()
  const server = { asked: 0 }
  const client = {
    create: async (_kind: unknown, { spec }: { readonly spec: { readonly token: string } }) => {
      server.asked += 1
      const key = 'authentication.kubernetes.io'
      const extra = { [`${key}/pod-name`]: ['c'], [`${key}/pod-uid`]: ['p1'] }
      return spec.token === 'good'
        ? { status: { authenticated: true, audiences: ['hub'], user: { username: 'u', extra } } }
        : { status: { authenticated: false } }
    },
  } as unknown as ConstructorParameters<typeof TokenReviewer>[0]['client']
  const made = new TokenReviewer({
    client,
    audience: 'hub',
    clock,
    knownMs: 600_000,
    unknownMs: 30_000,
  })
  return { clock, server, made }
}

test('a known token is asked about once in ten minutes, a stranger’s every half', async () => {
  const { clock, server, made } = reviewer()
  for (let minute = 0; minute < 10; minute += 1) {
    expect((await made.review('good'))?.pod?.uid).toBe('p1')
    await clock.advance(59_000)
  }
  expect(server.asked).toBe(1)
  await made.review('bad')
  await clock.advance(29_000)
  expect(await made.review('bad')).toBeUndefined()
  expect(server.asked).toBe(2)
  await clock.advance(2_000)
  await made.review('bad')
  expect(server.asked).toBe(3)
})
