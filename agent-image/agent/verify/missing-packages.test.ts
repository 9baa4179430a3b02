import { expect, it } from 'vitest'
import { withoutMissing } from './missing-packages.ts'
import { readReport } from './test-run.ts'

const run = readReport('', 'k', [], { command: 'c', exitCode: 0, timedOut: false })
const failed = (name: string, needs?: string, derived = false) => ({
  file: 'a.test.js',
  name,
  message: 'no',
  derived,
  ...(needs === undefined ? {} : { missing: { needs, why: `it needs ${needs}` } }),
})

it.each<[string, ReturnType<typeof failed>[], readonly string[], readonly string[]]>([
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
