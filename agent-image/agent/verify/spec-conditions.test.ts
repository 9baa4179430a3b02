// Forms that look like tests that are left out, or that say nothing, and are neither.
import { describe, expect, test } from 'vitest'
import { factsOf } from '../code/read-code.ts'
import { specProblems } from './spec-gate.ts'
import { specRules } from './spec-text.ts'

type Language = 'js' | 'py'
const jsHead =
  "import { test, describe, it } from 'node:test'\nimport assert from 'node:assert/strict'\nimport os from 'node:os'\nimport { existsSync } from 'node:fs'\nimport { f } from '../f.js'\nconst isWindows = process.platform === 'win32'\n"
const pyHead =
  "import os\nimport random\nimport shutil\nimport sys\nimport unittest\nfrom unittest import skipIf, skipUnless\nfrom app import f\nWINDOWS = sys.platform == 'win32'\n"
const fileOf = (language: Language): string => (language === 'js' ? 'a.test.js' : 'test_a.py')
const textOf = (language: Language, text: string): string =>
  (language === 'js' ? jsHead : pyHead) + text
const problemsOf = (language: Language, text: string): string =>
  specProblems(fileOf(language), textOf(language, text)).join('\n')
const method = (body: string, before = ''): string =>
  `${before}class T(unittest.TestCase):\n    def test_a(self):\n${body.replace(/^/gm, '        ')}\n`
const decorated = (decorator: string): string =>
  `class T(unittest.TestCase):\n    ${decorator}\n    def test_a(self):\n        self.assertEqual(f(1), 2)\n`
const a = '() => { assert.equal(f(1), 2) }'

describe('a test that a condition of the machine may skip', () => {
  test.each<[Language, string, readonly string[]]>([
    ['js', `test('a', { skip: process.platform === 'win32' }, ${a})`, ['a']],
    ['js', `test('a', { skip: isWindows && 'not there' }, ${a})`, ['a']],
    ['js', `test('a', { skip: os.cpus().length < 2 ? 'too few' : false }, ${a})`, ['a']],
    ['js', `test('a', { skip: !existsSync('/proc') }, ${a})`, ['a']],
    ['js', `describe('s', { skip: isWindows }, () => { it('a', ${a}) })`, ['s > a', 's']],
    [
      'js',
      "test('a', (t) => { if (process.env.HOME === undefined) { t.skip('no'); return }\n assert.equal(f(1), 2) })",
      ['a'],
    ],
    ['js', "test('a', (t) => { if (isWindows) return t.skip(); assert.equal(f(1), 2) })", ['a']],
    ['js', "test('a', (t) => { isWindows && t.skip(); assert.equal(f(1), 2) })", ['a']],
    ['py', decorated("@unittest.skipIf(sys.platform == 'win32', 'x')"), ['T > test_a']],
    ['py', decorated("@skipUnless(sys.version_info >= (3, 8), 'old')"), ['T > test_a']],
    ['py', decorated("@skipIf(WINDOWS, 'x')"), ['T > test_a']],
    [
      'py',
      decorated("@skipUnless(hasattr(os, 'fork') and shutil.which('sh'), 'x')"),
      ['T > test_a'],
    ],
    [
      'py',
      `@skipIf(__import__('sys').platform == 'win32', 'x')\n${method('self.assertEqual(f(1), 2)')}`,
      ['T > test_a'],
    ],
    [
      'py',
      method("if os.name == 'nt':\n    self.skipTest('x')\nself.assertEqual(f(1), 2)"),
      ['T > test_a'],
    ],
    [
      'py',
      method("if WINDOWS:\n    raise unittest.SkipTest('x')\nself.assertEqual(f(1), 2)"),
      ['T > test_a'],
    ],
    [
      'py',
      "class T(unittest.TestCase):\n    def setUp(self):\n        if WINDOWS:\n            self.skipTest('x')\n    def test_a(self):\n        self.assertEqual(f(1), 2)\n",
      ['T > test_a'],
    ],
  ])('%s is a test: %s', (language, text, ids) => {
    expect(problemsOf(language, text)).toBe('')
    const path = fileOf(language)
    const { skippable } = specRules(path, factsOf(path, textOf(language, text)))
    expect([...skippable]).toEqual(ids.map((id) => `${path} > ${id}`))
  })
})

describe('a test that is left out by anything else is asked for again', () => {
  test.each<[Language, string]>([
    ['js', `test('a', { skip: true }, ${a})`],
    ['js', `test('a', { skip: 'later' }, ${a})`],
    ['js', `test('a', { skip: f(1) !== 2 }, ${a})`],
    ['js', `const ok = f(1) === 2\ntest('a', { skip: !ok }, ${a})`],
    ['js', `test('a', { skip: Math.random() < 0.5 }, ${a})`],
    ['js', `test('a', { skip: isWindows || f(1) !== 2 }, ${a})`],
    ['js', "test('a', (t) => { if (f(1) !== 2) { t.skip(); return }\n assert.equal(f(1), 2) })"],
    [
      'js',
      "test('a', (t) => { if (!isWindows) { if (f(1) !== 2) t.skip() }\n assert.equal(f(2), 2) })",
    ],
    [
      'js',
      "test('a', (t) => { try { f(1) } catch { if (!isWindows) t.skip() }\n assert.equal(f(1), 2) })",
    ],
    ['js', `test('a', { todo: true }, ${a})`],
    ['js', `test.only('a', ${a})\ntest('b', ${a})`],
    ['py', decorated("@unittest.skip('x')")],
    ['py', decorated("@skipIf(True, 'x')")],
    ['py', decorated("@skipIf(f(1) != 2, 'x')")],
    ['py', decorated("@skipIf(random.random() < 0.5, 'x')")],
    ['py', decorated('@unittest.expectedFailure')],
    ['py', method("if f(1) != 2:\n    self.skipTest('x')\nself.assertEqual(f(1), 2)")],
    [
      'py',
      method(
        "try:\n    f(1)\nexcept ValueError:\n    if not WINDOWS:\n        self.skipTest('x')\nself.assertEqual(f(1), 2)",
      ),
    ],
  ])('%s: %s', (language, text) => {
    expect(problemsOf(language, text)).toMatch(/Do not skip tests/)
  })
})

describe('only says nothing where all tests have it', () => {
  test.each([
    `test('a', { only: true }, ${a})`,
    `test.only('a', ${a})\nit.only('b', ${a})`,
    `describe.only('s', () => { it('a', ${a})\n it('b', ${a}) })`,
  ])('%s', (text) => {
    expect(problemsOf('js', text)).toBe('')
  })
})

describe('an assertion that is always true beside others', () => {
  test.each<[Language, string]>([
    ['js', "test('a', async () => { assert.equal(f(1), 2); assert.ok(true) })"],
    [
      'js',
      "const check = (x) => { assert.ok('x'); assert.equal(x, 2) }\ntest('a', () => check(f(1)))",
    ],
    [
      'js',
      "test('a', async (t) => { assert.ok(true); await t.test('b', () => { assert.equal(f(1), 2) }) })",
    ],
    ['js', "test('a', () => { assert.throws(() => f(null)); assert.equal(1, 1) })"],
    ['py', method('self.assertEqual(f(1), 2)\nself.assertTrue(True)')],
    [
      'py',
      `${method('self.assertEqual(f(1), 2)')}    def tearDown(self):\n        self.assertTrue(True)\n`,
    ],
    ['py', method("with self.assertRaises(ValueError):\n    f(1)\nassert 'x'")],
    ['js', "test('a', () => { if (f(1) !== 2) assert.fail(); assert.ok(true) })"],
    [
      'js',
      "test('a', async () => { for await (const x of f(0)) assert.fail(x); assert.ok(true) })",
    ],
    ['py', method('for one in f(0):\n    self.fail(one)\nself.assertTrue(True)')],
  ])('%s does no harm: %s', (language, text) => {
    expect(problemsOf(language, text)).toBe('')
  })

  test.each<[Language, string]>([
    [
      'js',
      "test('a', () => { f(1); assert.ok(true) })\ntest('b', () => { assert.equal(f(1), 2) })",
    ],
    ['js', "const check = () => { assert.ok(true) }\ntest('a', () => { f(1); check() })"],
    [
      'js',
      "test('a', async (t) => { assert.equal(f(1), 2); await t.test('b', () => { assert.ok(true) }) })",
    ],
    [
      'py',
      `${method('f(1)\nself.assertTrue(True)')}    def test_b(self):\n        self.assertEqual(f(1), 2)\n`,
    ],
    ['py', method('check()', 'def check():\n    assert True\n')],
  ])('%s is of no use in a test that has no other: %s', (language, text) => {
    expect(problemsOf(language, text)).toMatch(/always true/)
  })
})

describe('an error that is awaited by hand is an assertion', () => {
  test.each<[Language, string]>([
    ['py', method('try:\n    f(None)\n    self.fail()\nexcept AttributeError:\n    pass')],
    [
      'py',
      method(
        'try:\n    f(None)\nexcept (TypeError, ValueError):\n    pass\nelse:\n    self.fail("no error")',
      ),
    ],
    ['py', method('try:\n    f(None)\n    assert False\nexcept KeyError:\n    return')],
    [
      'py',
      method(
        'try:\n    f(None)\n    raise AssertionError("no error")\nexcept errors.Wrong:\n    pass',
      ),
    ],
    [
      'js',
      "test('a', () => { try { f(null); assert.fail() } catch (error) { if (!(error instanceof TypeError)) throw error } })",
    ],
    [
      'js',
      "test('a', async () => { try { await f(); assert.fail('no error') } catch (e) { if (e.code !== 'ENOENT') throw e } })",
    ],
    [
      'js',
      "test('a', () => { try { f(); assert.ok(false) } catch (e) { if (e.name === 'RangeError') return; else throw e } })",
    ],
  ])('%s: %s', (language, text) => {
    expect(problemsOf(language, text)).toBe('')
    const path = fileOf(language)
    expect(specRules(path, factsOf(path, textOf(language, text))).awaiting.size).toBe(1)
  })

  test.each<[Language, string]>([
    ['py', method('try:\n    f(None)\n    self.fail()\nexcept AssertionError:\n    raise')],
    ['py', method('try:\n    f(None)\n    self.fail()\nexcept Exception:\n    raise')],
    [
      'js',
      "test('a', () => { try { f(); assert.fail() } catch (e) { if (!(e instanceof Error)) throw e } })",
    ],
    ['js', "test('a', () => { try { f(); assert.fail() } catch (e) { throw e } })"],
  ])('%s, but not where any error will do: %s', (language, text) => {
    expect(problemsOf(language, text)).toMatch(/never meets an assertion/)
  })
})

describe('tests that an await comes before, and workers', () => {
  test.each([
    `describe('s', async () => { const x = await Promise.resolve(1); it('a', ${a}) })`,
    `import { Worker } from 'node:worker_threads'\ntest('a', () => { const w = new Worker(new URL('../f.js', import.meta.url)); assert.equal(f(w), 2) })`,
    `import { Worker } from 'node:worker_threads'\ntest('a', () => { assert.equal(f(new Worker('./f.js', { workerData: 1, eval: false })), 2) })`,
  ])('are taken: %s', (text) => {
    expect(problemsOf('js', text)).toBe('')
  })
})
