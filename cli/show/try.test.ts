import { expect, test } from 'vitest'
import { failuresIn, type TryResult } from '../try/outcome.ts'
import { renderTry } from './try.ts'

const plain = { color: false, ascii: false }
const result: TryResult = {
  verdict: 'ChecksFailed',
  failure: { reason: 'ChecksFailed', message: 'test/a.test.js: joins: no', remedy: 'Sharpen it.' },
  tries: [
    { kind: 'fresh', accepted: false, failures: ['test/a.test.js: joins: \u001b[2Jno'] },
    { kind: 'repair', accepted: true, failures: [] },
  ],
  files: ['src/a.js'],
  evidence: [{ command: 'node --test', exitCode: 1, passed: 1, failed: 2, digest: '' }],
  warnings: ['Look at it.'],
  diff: '',
  tokens: 1234,
}

test('verdict, remedy, tries, evidence and warnings stand one below the other, and nothing moves the cursor', () => {
  expect(renderTry(result, 'not shown', plain)).toEqual([
    'ChecksFailed   test/a.test.js: joins: no',
    'reason   ChecksFailed',
    'remedy   Sharpen it.',
    'tries    1 fresh  refused',
    '             test/a.test.js: joins:  [2Jno',
    '         2 repair accepted',
    'evidence node --test: 1 passed, 2 failed, exit code 1',
    'warning  Look at it.',
    'files    src/a.js',
    'tokens   1.2k',
  ])
})

test('what the first line says is not said again as a warning', () => {
  const { failure: _, ...unchecked } = {
    ...result,
    verdict: 'Unchecked' as const,
    warnings: ['Wrote a.', 'Look at it.', 'Wrote b.'],
  }
  const lines = renderTry(unchecked, 'Wrote a. Wrote b.', plain)
  expect(lines.filter((line) => line.startsWith('warning'))).toEqual(['warning  Look at it.'])
})

test.each([
  [{ failed: 1, unloaded: 1 }, '0 failed, 1 file could not be loaded'],
  [{ failed: 4, unloaded: 2 }, '2 failed, 2 files could not be loaded'],
  [{ failed: 4 }, '4 failed, exit'],
])('files that could not be loaded are told apart from tests: %j', (counts, want) => {
  const run = { command: 'node --test', exitCode: 1, passed: 1, digest: '', ...counts }
  const lines = renderTry({ ...result, evidence: [run] }, '', plain)
  expect(lines.join('\n')).toContain(`evidence node --test: 1 passed, ${want}`)
})

test('without a failure the summary says what came of it', () => {
  const { failure: _, ...done } = { ...result, verdict: 'Done' as const }
  expect(renderTry(done, 'It is proven.', plain)[0]).toBe('Done   It is proven.')
})

const long = (count: number): string =>
  ['- test/a.test.js: lists', ...Array.from({ length: count }, (_, at) => `  + ${at}`)].join('\n')

test.each<[string, string, readonly string[]]>([
  ['in one line', '- a: joins\n  no', ['a: joins: no']],
  [
    'as a difference',
    '- a: joins\n  AssertionError: not equal:\n  + actual - expected\n    [\n  +   1\n  -   2\n    ]\n    1 | import x\n  > 2 | test()\n',
    [
      'a: joins',
      '  AssertionError: not equal:',
      '  + actual - expected',
      '    [',
      '  +   1',
      '  -   2',
      '    ]',
    ],
  ],
  ['twice', '- a: one\n  x\n  y\n- a: two\n  z', ['a: one', '  x', '  y', 'a: two: z']],
  ['in words', 'src/a.js was not written:\nno block', ['src/a.js was not written: no block']],
  [
    'at length',
    long(30),
    [
      'test/a.test.js: lists',
      ...Array.from({ length: 11 }, (_, at) => `  + ${at}`),
      '  … and 19 more lines',
    ],
  ],
  [
    'with a line without end',
    `- a\n  ${'x'.repeat(900)}\n  y`,
    ['a', `  ${'x'.repeat(199)}…`, '  y'],
  ],
])('a failure that is told %s keeps its lines, within bounds', (_, problem, want) => {
  const told = failuresIn(problem)
  const shown = renderTry(
    { ...result, tries: [{ kind: 'fresh', accepted: false, failures: [] }] },
    '',
    plain,
    [told],
  )
  const at = shown.findIndex((line) => line.startsWith('tries'))
  expect(shown.slice(at + 1, at + 1 + want.length)).toEqual(
    want.map((line) => `             ${line}`),
  )
})

test('a failure of several lines is told once: where it came first', () => {
  const tries = [1, 2].map(() => ({ kind: 'fresh' as const, accepted: false, failures: ['x'] }))
  const problem = '- a: one\n  x\n  y\n'
  const told = [failuresIn(problem), failuresIn(problem)]
  const failure = { reason: 'ChecksFailed' as const, message: problem, remedy: 'Sharpen it.' }
  const lines = renderTry({ ...result, failure, tries }, '', plain, told)
  expect(lines[0]).toBe('ChecksFailed   a: one')
  expect(lines.filter((line) => line.trim() === 'x')).toHaveLength(1)
  expect(lines.join('\n')).toContain('a: one: as in try 1')
})

test('an end that no try tells of keeps its lines', () => {
  const failure = {
    reason: 'ChecksFailed' as const,
    message: 'It broke:\n- b: two\n  x\n  y',
    remedy: '',
  }
  const lines = renderTry({ ...result, failure, tries: [] }, '', plain)
  expect(lines.slice(0, 5)).toEqual([
    'ChecksFailed   It broke',
    '         b: two',
    '           x',
    '           y',
    'reason   ChecksFailed',
  ])
})
