import { describe, expect, test } from 'vitest'
import { runOf, type RunParts } from '../../../test/support/agent/runs.ts'
import { judgeRuns, withoutMissing, withSpecRules } from './judge-runs.ts'
import { readReport } from './test-run.ts'

const spec = 'test/slug.test.js'
const old = 'test/old.test.js'
const deciders = { specs: new Map([[spec, ['joins', 'lowers']]]), related: new Set([old]) }
const both = [`${spec} > joins`, `${spec} > lowers`]

const verdictOf = (base: RunParts, ...now: readonly RunParts[]) =>
  judgeRuns([runOf(base)], now.map(runOf), deciders)

describe('a spec', () => {
  test.each<[string, RunParts, RunParts, string]>([
    ['that was not there and passes', {}, { passed: both }, 'proven'],
    ['that failed and passes', { failed: both }, { passed: both }, 'proven'],
    [
      'whose file could not be loaded before',
      { failed: [`${spec} > (whole file)`] },
      { passed: both },
      'proven',
    ],
    [
      'of which one test fails',
      {},
      { passed: [both[0] ?? ''], failed: [both[1] ?? ''] },
      'refuted',
    ],
    [
      'of which one test is skipped',
      {},
      { passed: [both[0] ?? ''], skipped: [both[1] ?? ''] },
      'refuted',
    ],
    ['of which one test is not reported', {}, { passed: [both[0] ?? ''] }, 'refuted'],
    ['that is not reported at all', {}, {}, 'refuted'],
    ['that cannot be loaded', {}, { failed: [`${spec} > (whole file)`] }, 'refuted'],
    ['that could not be run here', {}, { unrun: [{ file: spec, why: 'it needs x' }] }, 'refuted'],
    [
      'of which one test could not be run',
      {},
      { passed: both, unrun: [{ file: spec, name: 'T > third', why: 'it needs a fixture' }] },
      'refuted',
    ],
    ['in a suite', {}, { passed: [`${spec} > slug > joins`, `${spec} > slug > lowers`] }, 'proven'],
    [
      'that passes without an assertion',
      {},
      { passed: both, asserted: { [both[0] ?? '']: 0, [both[1] ?? '']: 1 } },
      'refuted',
    ],
    [
      'that passes in spite of an assertion that failed',
      {},
      { passed: both, swallowed: { [both[1] ?? '']: '1 !== 2' } },
      'refuted',
    ],
    [
      'whose assertions are made by subtests',
      {},
      {
        passed: [...both, `${spec} > joins > two`, `${spec} > lowers > deep > er`],
        asserted: {
          [both[0] ?? '']: 0,
          [both[1] ?? '']: 0,
          [`${spec} > joins > two`]: 1,
          [`${spec} > lowers > deep > er`]: 2,
        },
      },
      'proven',
    ],
    [
      'whose subtests assert nothing either',
      {},
      {
        passed: [...both, `${spec} > joins > two`],
        asserted: { [both[0] ?? '']: 0, [both[1] ?? '']: 1, [`${spec} > joins > two`]: 0 },
      },
      'refuted',
    ],
    ['that passed before already', { passed: both }, { passed: both }, 'unproven'],
  ])('%s', (_what, base, now, want) => {
    expect(verdictOf(base, now, now).verdict).toBe(want)
  })

  test('has to pass in every run', () => {
    expect(verdictOf({}, { passed: both }, { passed: [both[0] ?? ''] }).verdict).toBe('refuted')
  })
})

describe('a test of the project', () => {
  const proof = { passed: both }
  const idOf = (name: string): string => `${old} > ${name}`
  test.each<[string, RunParts, RunParts, string]>([
    ['that goes on passing', { passed: [idOf('a')] }, { passed: [idOf('a')] }, 'proven'],
    ['that fails now', { passed: [idOf('a')] }, { failed: [idOf('a')] }, 'refuted'],
    ['that is skipped now', { passed: [idOf('a')] }, { skipped: [idOf('a')] }, 'refuted'],
    ['that is gone', { passed: [idOf('a')] }, {}, 'refuted'],
    [
      'whose file cannot be loaded now',
      { passed: [idOf('a')] },
      { failed: [idOf('(whole file)')] },
      'refuted',
    ],
    [
      'whose file can no longer be run',
      { passed: [idOf('a')] },
      { unrun: [{ file: old, why: 'it needs x' }] },
      'refuted',
    ],
    ['that failed before', { failed: [idOf('a')] }, { failed: [idOf('a')] }, 'proven'],
    [
      'that was skipped before and fails',
      { skipped: [idOf('a')] },
      { failed: [idOf('a')] },
      'proven',
    ],
    [
      'that could not be run before and now',
      { unrun: [{ file: old, why: 'x' }] },
      { unrun: [{ file: old, why: 'x' }] },
      'proven',
    ],
  ])('%s', (_what, base, now, want) => {
    const runs = { ...now, passed: [...(now.passed ?? []), ...proof.passed] }
    expect(verdictOf(base, runs, runs).verdict).toBe(want)
  })

  test.each<[string, RunParts, RunParts, string]>([
    [
      'that failed and passes now is proof',
      { failed: [idOf('a')] },
      { passed: [idOf('a')] },
      'proven',
    ],
    [
      'whose file could not be loaded and passes now is proof',
      { failed: [idOf('(whole file)')] },
      { passed: [idOf('a')] },
      'proven',
    ],
    [
      'that appeared by itself is none',
      { passed: [idOf('b')] },
      { passed: [idOf('a'), idOf('b')] },
      'unproven',
    ],
    [
      'that has nothing to do with the change is none',
      { failed: ['test/x.js > a'] },
      { passed: ['test/x.js > a'] },
      'unproven',
    ],
    [
      'that could not be run before is none',
      { unrun: [{ file: old, why: 'x' }] },
      { passed: [idOf('a')] },
      'unproven',
    ],
  ])('alone, %s', (_what, base, now, want) => {
    const judged = judgeRuns([runOf(base)], [runOf(now), runOf(now)], {
      specs: new Map(),
      related: deciders.related,
    })
    expect(judged.verdict).toBe(want)
  })

  test('that passed in one of two runs of the base has passed there', () => {
    const judged = judgeRuns(
      [runOf({ failed: [idOf('a')] }), runOf({ passed: [idOf('a')] })],
      [runOf({ passed: [idOf('a')] })],
      { specs: new Map(), related: deciders.related },
    )
    expect(judged.verdict).toBe('unproven')
  })

  test('may pass without assertions: only specs have to show theirs', () => {
    const run = runOf({ passed: [idOf('a')], asserted: { [idOf('a')]: 0 } })
    expect(withSpecRules(run, { specs: new Map() }).passed).toEqual([idOf('a')])
  })
})

test('says why a spec test does not count', () => {
  const run = runOf({
    passed: both,
    asserted: { [both[0] ?? '']: 0 },
    swallowed: { [both[1] ?? '']: '1 !== 2' },
  })
  const { passed, failed } = withSpecRules(run, deciders)
  expect(passed).toEqual([])
  expect(failed.map(({ name, message }) => `${name}: ${message}`)).toEqual([
    'joins: It passed without a single assertion: nothing was checked.',
    'lowers: An assertion failed and the test went on: 1 !== 2',
  ])
})

test('says that declared tests were not run, and why when that is known', () => {
  const run = runOf({ unrun: [{ file: spec, why: 'it needs vitest, which is not installed' }] })
  expect(withSpecRules(run, deciders).failed.map(({ message }) => message)).toEqual([
    'It was not run: it needs vitest, which is not installed.',
    'It was not run: it needs vitest, which is not installed.',
  ])
})

describe('a spec that a person wrote and named', () => {
  const named = { specs: new Map([[spec, []]]), related: new Set<string>(), named: new Set([spec]) }
  test.each<[string, RunParts, RunParts, string]>([
    [
      'with tests that throw by themselves',
      { failed: both },
      { passed: both, asserted: { [both[0] ?? '']: 0 } },
      'proven',
    ],
    [
      'with an assertion that is meant to fail',
      { failed: both },
      { passed: both, swallowed: { [both[0] ?? '']: 'no' } },
      'proven',
    ],
    [
      'of which one test fails still',
      { failed: both },
      { passed: [both[0] ?? ''], failed: [both[1] ?? ''] },
      'refuted',
    ],
    ['of which one test is gone', { failed: both }, { passed: [both[0] ?? ''] }, 'refuted'],
    [
      'of which one test was and is skipped',
      { failed: [both[0] ?? ''], skipped: [both[1] ?? ''] },
      { passed: [both[0] ?? ''], skipped: [both[1] ?? ''] },
      'proven',
    ],
    [
      'of which one test is skipped in a file that could not be loaded before',
      { failed: [`${spec} > (whole file)`] },
      { passed: [both[0] ?? ''], skipped: [both[1] ?? ''] },
      'proven',
    ],
    [
      'of which one test passed and is skipped',
      { failed: [both[0] ?? ''], passed: [both[1] ?? ''] },
      { passed: [both[0] ?? ''], skipped: [both[1] ?? ''] },
      'refuted',
    ],
    ['of which all tests are skipped', { failed: both }, { skipped: both }, 'unproven'],
    ['that passed before', { passed: both }, { passed: both }, 'unproven'],
  ])('%s', (_, base, now, want) => {
    expect(judgeRuns([runOf(base)], [runOf(now)], named).verdict).toBe(want)
  })
})

test.each(['a > b', '> b', 'a > b > c', 'a -> b'])('finds a spec test called %j', (name) => {
  const told = `${spec} > ${name.replaceAll(/(?<=^| )>(?= |$)/g, '\\>')}`
  const specs = new Map([[spec, [name]]])
  const judged = judgeRuns([runOf({})], [runOf({ passed: [told] })], { specs, related: new Set() })
  expect(judged.verdict).toBe('proven')
  expect(judged.proof.map(({ id }) => id)).toEqual([told])
  const none = judgeRuns([runOf({})], [runOf({})], { specs, related: new Set() })
  expect(none.unmet.map(({ id }) => id)).toEqual([told])
})

describe('a spec whose file lacks a package', () => {
  const unrun = (needs: string, name?: string) => [
    { file: spec, why: `it needs ${needs}, which is not installed`, needs, ...(name && { name }) },
  ]
  const declared = (name: string) => name === 'express'
  test.each<[string, RunParts['unrun'], string]>([
    ['that the project depends on: nothing is known', unrun('express'), 'unproven'],
    ['that the project does not depend on: it failed', unrun('left-pad'), 'refuted'],
    ['for one test only: it failed', unrun('express', 'joins'), 'refuted'],
  ])('%s', (_what, entries, want) => {
    const now = runOf({ unrun: entries ?? [] })
    expect(judgeRuns([runOf({})], [now, now], { ...deciders, declared }).verdict).toBe(want)
  })

  test('proves nothing, whatever else passes', () => {
    const now = runOf({ unrun: unrun('express'), passed: [`${old} > a`] })
    const before = runOf({ failed: [`${old} > a`] })
    expect(judgeRuns([before], [now, now], { ...deciders, declared }).verdict).toBe('unproven')
  })
})

const run = readReport('', 'k', [], { command: 'c', exitCode: 0, timedOut: false })
const failed = (name: string, needs?: string, derived = false) => ({
  file: 'a.test.js',
  name,
  message: 'no',
  derived,
  ...(needs === undefined ? {} : { missing: { needs, why: `it needs ${needs}` } }),
})

test.each<[string, ReturnType<typeof failed>[], readonly string[], readonly string[]]>([
  ['a test that lacks a declared package', [failed('a', 'lodash'), failed('b')], ['b'], ['a']],
  ['one that lacks another package', [failed('a', 'left-pad')], ['a'], []],
  [
    'the tests around it, when nothing else failed in them',
    [
      failed('s', undefined, true),
      failed('s > a', 'lodash'),
      failed('t', undefined, true),
      failed('t > a', 'lodash'),
      failed('t > b'),
    ],
    ['t', 't > b'],
    ['s', 's > a', 't > a'],
  ],
  [
    'a suite whose name only begins like another',
    [failed('s', undefined, true), failed('s2 > a', 'lodash')],
    ['s'],
    ['s2 > a'],
  ],
])('%s', (_what, tests, stay, unrun) => {
  const found = withoutMissing({ ...run, failed: tests }, (name) => name === 'lodash')
  expect(found.failed.map(({ name }) => name)).toEqual(stay)
  expect(new Set(found.unrun.map(({ name }) => name))).toEqual(new Set(unrun))
})
