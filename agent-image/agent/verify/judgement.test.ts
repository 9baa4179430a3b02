import { describe, expect, test } from 'vitest'
import { judge, testStates, type JudgedTest, type TestState } from './judgement.ts'

const one = (
  kind: JudgedTest['kind'],
  base: TestState | readonly TestState[],
  ...now: readonly TestState[]
): JudgedTest => ({ id: 'a > b', kind, base: [base].flat(), now })

/**
 * The whole table: what one test alone says, for each state at the base (rows) and now (columns, in
 * both runs alike). P proven, R refuted, . unproven.
 */
const table: Readonly<Record<JudgedTest['kind'], Readonly<Record<TestState, string>>>> = {
  //           passed failed skipped absent unjudged
  spec: {
    passed: '. R R R R',
    failed: 'P R R R .',
    skipped: 'P R R R .',
    absent: 'P R R R .',
    unjudged: 'P R R R .',
  },
  own: {
    passed: '. R R R R',
    failed: 'P . . . .',
    skipped: 'P . . . .',
    absent: '. . . . .',
    unjudged: '. . . . .',
  },
  other: {
    passed: '. R R R R',
    failed: '. . . . .',
    skipped: '. . . . .',
    absent: '. . . . .',
    unjudged: '. . . . .',
  },
}
const words = { P: 'proven', R: 'refuted', '.': 'unproven' } as const

const pairs = (['spec', 'own', 'other'] as const).flatMap((kind) =>
  testStates.flatMap((base) =>
    testStates.map((now, at) => {
      const sign = table[kind][base].split(' ')[at] as keyof typeof words
      return [kind, base, now, words[sign]] as const
    }),
  ),
)

test('the table names all pairs', () => {
  expect(pairs).toHaveLength(3 * 5 * 5)
})

test.each(pairs)('one %s test, %s at the base and %s now: %s', (kind, base, now, want) => {
  expect(judge([one(kind, base, now, now)]).verdict).toBe(want)
})

describe('two runs that differ', () => {
  const mixed = testStates.filter((state) => state !== 'passed')
  test.each(mixed)('a spec test that passed once and then was %s is unmet', (state) => {
    for (const now of [['passed', state] as const, [state, 'passed'] as const])
      expect(judge([one('spec', 'absent', ...now)])).toMatchObject({
        verdict: 'refuted',
        unmet: [{}],
        proof: [],
        flaky: [],
      })
  })

  test.each(mixed)(
    'another test that passed at the base, and now once and then was %s, is broken',
    (state) => {
      for (const now of [['passed', state] as const, [state, 'passed'] as const])
        for (const base of [['passed'], ['passed', 'passed']] as const)
          expect(judge([one('own', base, ...now)])).toMatchObject({
            verdict: 'refuted',
            flaky: [],
            broken: [{}],
          })
    },
  )

  test.each(mixed)(
    'what was as changeable at the base, %s in one run, is flaky and breaks nothing',
    (state) => {
      for (const kind of ['own', 'other'] as const)
        expect(judge([one(kind, ['passed', state], state, 'passed')])).toMatchObject({
          verdict: 'unproven',
          flaky: [{}],
          broken: [],
        })
    },
  )

  test.each(mixed)(
    'what did not pass at the base, and passes now once and then is %s, proves nothing',
    (state) => {
      expect(judge([one('own', 'failed', 'passed', state)])).toMatchObject({
        verdict: 'unproven',
        proof: [],
        flaky: [{}],
      })
    },
  )

  test('a test that passed in one of two runs of the base is no proof, and broken when it never passes now', () => {
    expect(judge([one('own', ['failed', 'passed'], 'passed')]).verdict).toBe('unproven')
    expect(judge([one('own', ['failed', 'passed'], 'failed', 'failed')]).verdict).toBe('refuted')
  })

  test('of several runs of the base none may be unjudged for a test of the project’s own to be proof', () => {
    expect(judge([one('own', ['failed', 'absent'], 'passed')]).verdict).toBe('proven')
    expect(judge([one('own', ['failed', 'unjudged'], 'passed')]).verdict).toBe('unproven')
  })

  test('a test that passed at the base and never again is broken, whatever it became', () => {
    expect(judge([one('own', 'passed', 'skipped', 'absent')])).toMatchObject({
      verdict: 'refuted',
      broken: [{}],
    })
  })
})

describe('several tests', () => {
  const proof = one('spec', 'absent', 'passed', 'passed')
  test.each<[string, readonly JudgedTest[], string]>([
    ['nothing at all', [], 'unproven'],
    ['only what passed before', [one('own', 'passed', 'passed', 'passed')], 'unproven'],
    [
      'proof beside what passed before',
      [proof, one('own', 'passed', 'passed', 'passed')],
      'proven',
    ],
    [
      'proof beside what failed before',
      [proof, one('own', 'failed', 'failed', 'failed')],
      'proven',
    ],
    ['proof beside a broken test', [proof, one('own', 'passed', 'failed', 'failed')], 'refuted'],
    [
      'proof beside a spec test that was skipped',
      [proof, one('spec', 'absent', 'skipped', 'skipped')],
      'refuted',
    ],
    [
      'proof beside a spec test that never ran',
      [proof, one('spec', 'failed', 'absent', 'absent')],
      'refuted',
    ],
    [
      'proof beside another unit’s spec that fails',
      [proof, one('other', 'absent', 'failed', 'failed')],
      'proven',
    ],
    [
      'proof beside another unit’s spec that broke',
      [proof, one('other', 'passed', 'failed', 'failed')],
      'refuted',
    ],
    ['a test without a run', [one('spec', 'absent')], 'refuted'],
    [
      'proof beside a spec test that could not be run',
      [proof, one('spec', 'absent', 'unjudged', 'unjudged')],
      'unproven',
    ],
    [
      'a spec test that could be run once only',
      [proof, one('spec', 'absent', 'unjudged', 'passed')],
      'refuted',
    ],
  ])('%s', (_what, tests, want) => {
    expect(judge(tests).verdict).toBe(want)
  })

  test('what did not pass before and does not pass now is told, but for what is gone', () => {
    const { still } = judge([
      one('own', 'failed', 'failed', 'failed'),
      one('own', 'skipped', 'failed', 'failed'),
      one('own', 'failed', 'absent', 'absent'),
      one('spec', 'failed', 'failed', 'failed'),
    ])
    expect(still.map(({ base }) => base)).toEqual([['failed'], ['skipped']])
  })
})
