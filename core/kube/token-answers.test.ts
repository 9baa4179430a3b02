import { describe, expect, test } from 'vitest'
import { jwt } from '../../simulated-kubernetes/tokens.ts'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import { claimsOf, CrowdedError, TokenAnswers } from './token-answers.ts'

describe('what is no token of Kubernetes says nothing of itself', () => {
  test.each([
    ['nothing', ''],
    ['a word', 'random-1'],
    ['two parts', 'aaaa.bbbb'],
    ['four parts', `${jwt({})}.aaaa`],
    ['no signature', `${jwt({}).split('.').slice(0, 2).join('.')}.`],
    ['a payload that is no JSON', 'aaaa.bbbb.cccc'],
    ['a payload that is no object', `a.${Buffer.from('[1]').toString('base64url')}.c`],
    ['an audience that is no name', jwt({ aud: { a: 1 } })],
    ['a subject that is no name', jwt({ sub: 7 })],
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

/** Answers to questions that last until they are let go; whoever's token begins with `ours` is one of ours. */
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

test('whoever comes with one token shares one question, also when it fails, and a failure is not kept', async () => {
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
