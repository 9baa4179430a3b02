// Forms of tests that no wrong code fails, or that no right code passes: each is refused at once,
// and says what to write.
import { describe, expect, test } from 'vitest'
import { specProblems } from './spec-gate.ts'

const node = (body: string, before = ''): string =>
  `import { test } from 'node:test'\nimport assert from 'node:assert/strict'\nimport { f } from '../f.js'\n${before}test('a', () => {\n  ${body}\n})\n`
const python = (body: string, before = ''): string =>
  `import unittest\nfrom app import f\n${before}class T(unittest.TestCase):\n    def test_x(self):\n${body.replace(/^/gm, '        ')}\n`
const problemsOf = (language: 'js' | 'py', body: string, before?: string): string =>
  language === 'js'
    ? specProblems('a.test.js', node(body, before)).join('\n')
    : specProblems('test_a.py', python(body, before)).join('\n')

describe('an assertion that is always true', () => {
  test.each<['js' | 'py', string]>([
    ['py', "self.assertTrue(f('A b') == 'a-b' or True)"],
    ['py', "self.assertIn(f('A b'), ['a-b', f('A b')])"],
    ['py', 'assert f(1) in (3, f(1))'],
    ['py', 'assert f(1) == 2 or f(1) != 2'],
    ['py', 'self.assertTrue(f(1) or not f(1))'],
    ['py', 'self.assertGreaterEqual(len(f(1)), 0)'],
    ['py', 'assert len(f(1)) >= 0'],
    ['py', 'self.assertEqual(f(1) == 2 or True, True)'],
    ['py', 'self.assertFalse(f(1) == 2 and False)'],
    ['py', 'assert not (f(1) == 1 and False)'],
    ['py', 'self.assertIsInstance(f(1), object)'],
    ['py', 'self.assertTrue(1 if f(1) else True)'],
    ['js', "assert.ok(f('A b') === 'a-b' || true)"],
    ['js', "assert.ok(['a-b', f('A b')].includes(f('A b')))"],
    ['js', 'assert(f(1) === 2 || f(1) !== 2)'],
    ['js', 'assert.ok(f(1) || !f(1))'],
    ['js', 'assert.ok(f(1).length >= 0)'],
    ['js', 'assert.equal(f(1) === 2 || true, true)'],
    ['js', 'assert.equal(f(1) && false, false)'],
    ['js', 'assert.ok(f(1) ? 1 : true)'],
    ['js', 'const x = f(1)\n  assert.ok(x === x)'],
  ])('%s: %s', (language, body) => {
    expect(problemsOf(language, body)).toMatch(/always true/)
  })
})

describe('a comparison that nobody asserts', () => {
  test.each<['js' | 'py', string]>([
    ['py', "self.assertEqual(f(1), 2)\nf('A b') == 'a-b'"],
    ['py', 'self.assertEqual(f(1), 2)\nf(1) == 1 and f(2) == 2'],
    ['py', 'self.assertEqual(f(1), 2)\nfor a in "ab":\n    f(a) in "ab"'],
    ['py', 'self.assertEqual(f(1), 2)\nnot f(0)'],
    ['js', "assert.equal(f(1), 2)\n  f('A b') === 'a-b'"],
    ['js', 'assert.equal(f(1), 2)\n  f(1) === 1 && f(2) !== 2'],
    ['js', 'assert.equal(f(1), 2)\n  for (const a of [1, 2]) f(a) < 3'],
  ])('%s: %s', (language, body) => {
    expect(problemsOf(language, body)).toMatch(/is compared and not asserted.*Write/)
  })
})

describe('a test that can only fail', () => {
  test.each<['js' | 'py', string]>([
    ['py', 'try:\n    f(None)\n    self.fail()\nexcept Exception:\n    raise'],
    ['py', "try:\n    f('a-b')\nexcept ValueError:\n    self.fail('raised')"],
    ['py', 'if f(1) != 2:\n    raise AssertionError(f(1))'],
    [
      'js',
      'try { f(null); assert.fail() } catch (error) { if (!(error instanceof Error)) throw error }',
    ],
    ['js', "if (f(1) !== 2) throw new assert.AssertionError({ message: 'no' })"],
    ['js', "if (f(1) !== 2) throw new Error('no')"],
    ['js', 'try { f(1) } catch { assert.ok(false) }'],
  ])('%s: %s', (language, body) => {
    expect(problemsOf(language, body)).toMatch(/never meets an assertion. Write/)
  })

  test('by a helper of its own', () => {
    const py = 'def check(a, b):\n    if a != b:\n        raise AssertionError((a, b))\n'
    expect(problemsOf('py', 'check(f(1), 2)', py)).toMatch(/never meets an assertion. Write/)
    const js = 'const check = (a, b) => { if (a !== b) assert.fail(a) }\n'
    expect(problemsOf('js', 'check(f(1), 2)', js)).toMatch(/never meets an assertion. Write/)
    const thrown = 'function check(a, b) { if (a !== b) throw new Error(a) }\n'
    expect(problemsOf('js', 'check(f(1), 2)', thrown)).toMatch(/at least one assertion.*Write/)
  })
})

describe('honest tests of like looks', () => {
  test.each<['js' | 'py', string]>([
    ['py', 'self.assertTrue(f(1) == 2 or f(1) == 3)'],
    ['py', 'self.assertEqual(f(1), f(1))'],
    ['py', 'with self.assertRaises(TypeError):\n    f(1) < f(2)'],
    ['py', "try:\n    f(1) == 2\nexcept KeyError as e:\n    self.assertIn('k', str(e))"],
    ['py', "self.assertIn(f(1), [1, 2])\nself.assertIn('a', ['a', f(1)])"],
    ['py', 'self.assertGreater(len(f(1)), 0)'],
    [
      'py',
      "try:\n    f(None)\n    self.fail()\nexcept KeyError as e:\n    self.assertEqual(str(e), 'x')",
    ],
    ['py', "if f(1) != 2:\n    raise AssertionError('no')\nself.assertEqual(f(2), 3)"],
    ['js', 'assert.ok(f(1) === 2 || f(1) === 3)'],
    ['js', 'assert.equal(f(1), f(1))'],
    ['js', 'assert.throws(() => { f(1) < f(2) }, TypeError)'],
    ['js', 'assert.ok([1, 2].includes(f(1)))'],
    ['js', 'assert.ok(f(1).length > 0)'],
    ['js', "try { f(null); assert.fail() } catch (error) { assert.equal(error.code, 'X') }"],
    ['js', 'assert.equal(f(1) || 2, 2)'],
  ])('%s: %s', (language, body) => {
    expect(problemsOf(language, body)).toBe('')
  })
})
