// Kind: the line of evidence lists the files that were run; one that could not be run has its own
// sentence.
import { expect, test } from 'vitest'
import { runCases, useRunner } from '../../../test/support/agent/runner-fixture.ts'

useRunner()
const good = `import unittest\nclass T(unittest.TestCase):\n    def test_a(self): self.assertEqual(1, 1)\n`
const node = `import test from 'node:test'\nimport assert from 'node:assert'\ntest('a', () => assert.equal(1, 1))\n`

test.each<[string, Parameters<typeof runCases>[0], string]>([
  [
    'Python, one of two',
    {
      a: { 'tests/test_good.py': good },
      b: { 'tests/test_needs.py': `import frobnicate\n${good}` },
    },
    'python3 -m unittest case_0/tests/test_good.py',
  ],
  [
    'Node, one of two',
    { a: { 'a.test.js': `import 'frobnicate'\n${node}` }, b: { 'b.test.js': node } },
    'node --test case_1/b.test.js',
  ],
  [
    'both, and only one language ran',
    { a: { 'tests/test_needs.py': 'import frobnicate\n' }, b: { 'b.test.js': node } },
    'node --test case_1/b.test.js',
  ],
  ['none at all', { a: { 'tests/test_needs.py': 'import frobnicate\n' } }, '(no tests)'],
  [
    'files that fail were run',
    { a: { 'tests/test_bad.py': good.replace('1, 1', '1, 2') }, b: { 'tests/test_x.py': '1 +\n' } },
    'python3 -m unittest case_0/tests/test_bad.py case_1/tests/test_x.py',
  ],
])('%s', { timeout: 60_000 }, async (_, cases, want) => {
  expect((await runCases(cases)).run.command).toBe(want)
})
