import { createHmac } from 'node:crypto'
import { expect, test } from 'vitest'
import { runOf } from '../../../test/support/agent/runs.ts'
import { digestOf, signatureOf } from './evidence.ts'
import { type TestRun, readReport, testId, testName, wholeFile } from './test-run.ts'

const key = 'key'
const files = ['a.test.js']
const passing = '{"kind":"test","file":"a.test.js","number":1,"name":"x","status":"pass"}\n'
const ending = '{"kind":"file","file":"a.test.js","finished":true,"failed":false}\n'
const seal = (body: string, with_ = key): string =>
  `${body}{"kind":"end","mac":"${createHmac('sha256', with_).update(body).digest('hex')}"}\n`
const read = (report: string | undefined, exitCode = 0, timedOut = false): TestRun =>
  readReport(report, key, files, { command: 'c', exitCode, timedOut })
const good = (run: TestRun): boolean => run.problems.length === 0 && run.failed.length === 0

test('believes a sealed report with an ending for each file', () => {
  expect(read(seal(passing + ending))).toMatchObject({
    problems: [],
    failed: [],
    passed: ['a.test.js > x'],
  })
})

test.each<[string, TestRun]>([
  ['no report', read(undefined)],
  ['an empty report', read('')],
  ['a report without a seal', read(passing + ending)],
  ['a seal with another key', read(seal(passing + ending, 'other'))],
  ['a line added before the seal', read(seal(ending).replace(ending, passing + ending))],
  ['a line added after the seal', read(seal(passing + ending) + passing)],
  ['two seals', read(seal(seal(passing + ending)))],
  ['a file without an ending', read(seal(passing))],
  ['a file with two endings', read(seal(passing + ending + ending))],
  [
    'an ending of a file that was not asked for',
    read(seal(passing + ending + ending.replace('a.test', 'b.test'))),
  ],
  ['a file that did not finish', read(seal(ending.replace('"finished":true', '"finished":false')))],
  ['a line that is not ours', read(seal(`${passing}ok 1\n${ending}`))],
  ['an exit code that does not fit', read(seal(passing + ending), 1)],
  ['a run that was stopped', read(seal(passing + ending), -1, true)],
  ['a failed test', read(seal(passing.replace('pass', 'fail') + ending), 1)],
])('does not believe %s', (_what, run) => {
  expect(good(run)).toBe(false)
})

test('takes no pass from a report without its seal, and keeps what failed', () => {
  const report = passing + passing.replace('"pass"', '"fail"').replace('"x"', '"y"') + ending
  const run = read(report, -1, true)
  expect(run.passed).toEqual([])
  expect(run.failed.map(testId)).toEqual(['a.test.js > y'])
})

const lineOf = (value: object): string => `${JSON.stringify({ file: 'a.test.js', ...value })}\n`

test('turns the test that a late error belongs to into a failed one, and leaves a skipped one alone', () => {
  const report = seal(
    passing +
      lineOf({ kind: 'test', number: 2, name: 'y', status: 'skip' }) +
      lineOf({
        kind: 'late',
        number: 1,
        message: 'Error: late',
        frame: { file: 'a.js', line: 3 },
      }) +
      lineOf({ kind: 'late', number: 1, message: 'Error: later' }) +
      lineOf({ kind: 'late', number: 2, message: 'Error: of the skipped' }) +
      ending,
  )
  expect(read(report, 1)).toMatchObject({
    problems: [],
    passed: [],
    skipped: ['a.test.js > y'],
    failed: [
      {
        name: 'x',
        message: 'Error: late\n(this error came after the test had ended)',
        frame: { line: 3 },
      },
    ],
  })
})

test('blames the file once for what belongs to no test', () => {
  const noise =
    lineOf({ kind: 'late', message: 'Error: a' }) + lineOf({ kind: 'late', message: 'b' })
  expect(read(seal(passing + noise + ending), 1)).toMatchObject({
    passed: ['a.test.js > x'],
    failed: [{ name: wholeFile, message: expect.stringContaining('Error: a') as string }],
  })
})

test('takes no pass from a file that cannot be believed', () => {
  const untrusted = ending.replace('"failed":false', '"failed":true,"untrusted":true,"message":"m"')
  expect(read(seal(passing + untrusted), 1)).toMatchObject({
    collected: ['a.test.js > x'],
    passed: [],
    failed: [{ name: wholeFile, message: 'm' }],
  })
})

test('reads what was not run, what was asserted, and what was swallowed', () => {
  const report = seal(
    lineOf({
      kind: 'test',
      number: 1,
      name: 'x',
      status: 'pass',
      asserted: 3,
      swallowed: 'Error: s',
    }) +
      lineOf({ kind: 'unrun', name: 'y', why: 'it needs pytest', needs: 'pytest' }) +
      lineOf({ kind: 'unrun', why: 'nothing' }) +
      ending,
  )
  const run = read(report)
  expect(run).toMatchObject({ problems: [], failed: [], passed: ['a.test.js > x'] })
  expect(run.unrun).toEqual([
    { file: 'a.test.js', name: 'y', why: 'it needs pytest', needs: 'pytest' },
    { file: 'a.test.js', why: 'nothing' },
  ])
  expect([...run.asserted]).toEqual([['a.test.js > x', 3]])
  expect([...run.swallowed]).toEqual([['a.test.js > x', 'Error: s']])
})

test('leaves files for which there was no time to another command', () => {
  const run = read(seal(lineOf({ kind: 'rest' })))
  expect(run).toMatchObject({ rest: files, failed: [], problems: [] })
})

test.each([
  [['a', 'b'], 'a > b'],
  [['a > b'], 'a \\> b'],
  [['a >', 'b'], 'a \\> > b'],
  [['a', '> b'], 'a > \\> b'],
  [['a \\> b'], 'a \\\\> b'],
  [['a->b >c'], 'a->b >c'],
])('names %j as %s', (names, want) => {
  expect(testName(names)).toBe(want)
})

test('gives the plain name to the test that the file defines itself', () => {
  const other = lineOf({ kind: 'test', number: 1, name: 'x', status: 'pass', from: 'src/a.js' })
  const own = lineOf({ kind: 'test', number: 2, name: 'x', status: 'fail', message: 'm' })
  const run = read(seal(other + own + ending), 1)
  expect(run.passed).toEqual(['a.test.js > x #2'])
  expect(run.failed.map(testId)).toEqual(['a.test.js > x'])
})

test('tells two tests of the same name apart', () => {
  const run = read(seal(passing + passing.replace('"pass"', '"fail"') + ending), 1)
  expect(run.passed).toEqual(['a.test.js > x'])
  expect(run.failed.map(testId)).toEqual(['a.test.js > x #2'])
})

const digest = (failures: TestRun['failed'], hidden: string[] = []) =>
  digestOf(
    runOf(),
    failures,
    '/workspace/t-1',
    (path) =>
      Promise.resolve(
        path === 'a.js' ? 'one\ntwo\nthree\nfour\nfive\nsix\nseven\neight' : undefined,
      ),
    new Set(hidden),
  )
const failure = (name: string, message: string) => ({ file: 'f', name, message, derived: false })

test('shows three failures, without colours, paths and stacks, with the lines around', async () => {
  const { text } = await digest([
    {
      ...failure(
        'one',
        '\u001b[31mTypeError: no\u001b[39m in /workspace/t-1/a.js and /opt/node/lib/x.js\n    at f (/workspace/t-1/a.js:5:1)',
      ),
      expected: '1',
      actual: '2',
      frame: { file: 'a.js', line: 5 },
    },
    failure('two', 'm'),
    failure('three', 'm'),
    failure('four', 'm'),
  ])
  expect(text).toContain('TypeError: no in a.js and x.js')
  expect(text).toContain('expected: 1\n  actual:   2')
  expect(text).toContain('>   5 | five')
  expect(text).not.toContain('eight\n')
  expect(text).not.toContain('four\n  m')
  expect(text).toContain('(and 1 more)')
  expect(text).not.toContain('\u001b')
  expect(text).not.toMatch(/\/workspace|\/opt| {4}at /)
})

test('counts held-back tests and tells nothing else about them', async () => {
  const { text } = await digest([failure('secret name', 'secret message')], ['secret name'])
  expect(text).toBe('(1 more that are not shown)')
})

test('gives failures that differ in numbers and folders only the same signature', () => {
  expect(signatureOf(['Error: 12 in /tmp/a/x.js'])).toBe(signatureOf(['Error: 7 in /var/b/x.js']))
  expect(signatureOf(['Error: a'])).not.toBe(signatureOf(['Error: b']))
})
