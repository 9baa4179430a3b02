import { describe, expect, test } from 'vitest'
import type { RepositoryFacts } from './facts.ts'
import type { UnitsAnswer } from './questions.ts'
import { addMissing, checkUnits, fileReader } from './units.ts'

const facts: RepositoryFacts = {
  files: ['README.md', 'package.json', 'src/old.js'],
  truncated: false,
  language: 'node',
  languageAssumed: false,
  manifest: '',
  readme: '',
  symbols: [],
}

type Proposal = UnitsAnswer['a_units'][number]
function answer(...units: readonly Partial<Proposal>[]): UnitsAnswer {
  return {
    a_units: units.map((unit, index) => ({
      a_goal: `make part number ${index} ${'abcdefgh'[index]?.repeat(8)}`,
      b_files: [`src/part${index}.js`],
      c_done_when: 'it works',
      d_after: 0,
      ...unit,
    })),
    b_docs: false,
    c_deploy: false,
  }
}
const filesOf = (...units: readonly Partial<Proposal>[]) =>
  checkUnits(answer(...units), '', facts).units.map((unit) => unit.files)

describe('paths of units', () => {
  test.each([
    ['./src/a.js', ['src/a.js']],
    ['/src/a.js', ['src/a.js']],
    ['`src\\a.js`', ['src/a.js']],
    ['old.js', ['src/old.js']],
    ['src/a.ts', ['src/a.js']],
    ['data/list.json', ['data/list.json']],
    ['SRC/Old.js', ['src/old.js']],
    ['my-project/src/old.js', ['src/old.js']],
    ['lib/wrap', ['lib/wrap.js']],
    ['bin/tool', ['bin/tool']],
    ['Makefile', ['Makefile']],
  ])('are repaired when it is certain what was meant: %s', (path, want) => {
    expect(filesOf({ b_files: [path] })).toEqual([want])
  })

  test.each([
    '../x.js',
    'src/../../x.js',
    '.git/config',
    'src/',
    'path/to/a.js',
    'src/a.py',
    'a;b.js',
    '.GIT/config.js',
    '.env',
    '-rf.js',
    'src',
    'package.json/a.js',
    'the slug module',
  ])('are refused otherwise: %s', (path) => {
    const { units, problems } = checkUnits(answer({ b_files: [path] }), '', facts)
    expect(units).toEqual([])
    expect(problems[0]).toContain('unit 1')
  })

  test('leave tests and documents to those who write them', () => {
    const others = ['test/a.test.js', 'README.md', 'test-a.js', 'src/a-test.js', 'src/test.js']
    expect(filesOf({ b_files: ['src/a.js', ...others] })).toEqual([['src/a.js']])
    expect(filesOf({}, { b_files: ['test/part0.test.js'] })).toEqual([['src/part0.js']])
  })
})

test('hidden files are for requests that name them', () => {
  const ci = answer({ b_files: ['.ci/run.sh'] })
  expect(checkUnits(ci, 'Run the tests in the CI.', facts).units).toEqual([])
  expect(checkUnits(ci, 'Run the tests in .ci/run.sh.', facts).units).toHaveLength(1)
})

test('a file that the request names and no unit covers goes to the closest unit', () => {
  const request = 'Write slugs in src/slug.js. Words are broken by the wrapper in src/wrap.js.'
  const { units } = checkUnits(
    answer({ a_goal: 'write slugs', b_files: ['src/slug.js'] }, { a_goal: 'break words' }),
    request,
    facts,
  )
  expect(addMissing(units, request, facts).map((unit) => unit.files)).toEqual([
    ['src/slug.js'],
    ['src/part1.js', 'src/wrap.js'],
  ])
})

test('units with the same files or the same goal become one', () => {
  const { units } = checkUnits(
    answer(
      { b_files: ['src/a.js'], c_done_when: 'one' },
      { b_files: ['src/a.js'], c_done_when: 'two', d_after: 1 },
      { a_goal: 'export a function that parses dates', b_files: ['src/c.js'] },
      { a_goal: 'Export a function that parses dates.', b_files: ['src/d.js'], d_after: 3 },
    ),
    '',
    facts,
  )
  expect(units).toMatchObject([
    { name: 'a', files: ['src/a.js'], doneWhen: 'one two' },
    { name: 'c', files: ['src/c.js', 'src/d.js'] },
  ])
  expect(units.every((unit) => unit.after === undefined)).toBe(true)
})

test('a unit waits for earlier units only', () => {
  const { units } = checkUnits(
    answer({ d_after: 1 }, { d_after: 1 }, { d_after: 3 }, { d_after: 2 }),
    '',
    facts,
  )
  expect(units.map((unit) => unit.after)).toEqual([undefined, ['part0'], undefined, ['part1']])
})

test('a unit that speaks of a file of an earlier unit waits for that unit', () => {
  const { units } = checkUnits(
    answer(
      {},
      {},
      { a_goal: 'serve what src/part0.js holds', c_done_when: 'src/part1.js is used' },
    ),
    '',
    facts,
  )
  expect(units.map((unit) => unit.after)).toEqual([undefined, undefined, ['part0', 'part1']])
})

test('a copy of the example and empty texts are told', () => {
  const { units, problems } = checkUnits(
    answer({ b_files: ['src/zq-lamp.js'] }, { a_goal: ' ' }, { c_done_when: '' }),
    '',
    facts,
  )
  expect(units).toHaveLength(1)
  expect(units[0]?.doneWhen).not.toBe('')
  expect(problems).toEqual([
    'unit 1: it is copied from the example; use the request only',
    'unit 2: a_goal is empty',
    'unit 3: c_done_when is empty',
  ])
})

test('what the request names and no unit mentions is told, and examples go to the unit they belong to', () => {
  const request = [
    'Export slugMaker from src/slug.js and wrapLines from src/wrap.js.',
    'slugMaker turns "Hello World" into "hello-world".',
    'wrapLines breaks at 40 characters.',
    'The README shows 77 examples.',
  ].join(' ')
  const proposal = answer(
    { a_goal: 'slugMaker makes slugs', b_files: ['src/slug.js'] },
    { a_goal: 'break text', b_files: ['src/wrap.js'] },
  )
  const { units, problems } = checkUnits(proposal, request, facts)
  expect(problems).toEqual(['no unit mentions wrapLines, but the request does'])
  const [slug, wrap] = addMissing(units, request, facts)
  expect(slug?.doneWhen).toContain('"Hello World" into "hello-world"')
  expect(wrap?.doneWhen).toContain('breaks at 40 characters')
  expect(`${slug?.doneWhen} ${wrap?.doneWhen}`).not.toContain('77')
})

test.each(['src/count-tests.js', 'lib/test-utils.js', 'src/spec.js', 'src/specs/loader.js'])(
  '%s is taken for code when the request names it, and for tests when only a model does',
  (path) => {
    const request = `Add ${path} that exports slugify(text).`
    expect(fileReader(request, facts)(path)).toEqual({ kind: 'file', path })
    expect(fileReader('Add src/b.js that exports slugify(text).', facts)(path)).toEqual({
      kind: 'others',
    })
  },
)

test.each(['test/slug.test.js', 'src/slug.spec.js', 'test-slug.js'])(
  '%s is taken for tests even when the request names it',
  (path) => {
    expect(fileReader(`Add ${path} for slugify.`, facts)(path)).toEqual({ kind: 'others' })
  },
)
