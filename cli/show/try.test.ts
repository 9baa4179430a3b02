import { expect, test } from 'vitest'
import type { TryResult } from '../try/outcome.ts'
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
