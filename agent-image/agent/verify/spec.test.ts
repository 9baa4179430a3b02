import { describe, expect, test } from 'vitest'
import { specProblems } from './spec-gate.ts'
import { importsOf, repairImports } from './spec-imports.ts'
import { stubsFor } from './spec-stubs.ts'
import { declaredTests, holdBack } from './spec-text.ts'

const nodeTest = (body: string): string => `test('a', async () => {\n  ${body}\n})\n`
const pythonTest = (body: string): string =>
  `class A(unittest.TestCase):\n    def test_a(self):\n        ${body}\n`

describe('the gate for specs', () => {
  test.each<[string, string, string, RegExp | undefined]>([
    ['a good node test', 'a.test.js', nodeTest("assert.equal(f('x'), 'y')"), undefined],
    ['a good python test', 'test_a.py', pythonTest("self.assertEqual(f('x'), 'y')"), undefined],
    [
      'a local server',
      'a.test.js',
      nodeTest("assert.ok(await fetch('http://127.0.0.1:1/x'))"),
      undefined,
    ],
    [
      'an address as a value',
      'a.test.js',
      nodeTest("assert.equal(host('https://example.com/a'), 'example.com')"),
      undefined,
    ],
    ['no test', 'a.test.js', 'assert.ok(f())', /no test written/],
    ['no assertion', 'a.test.js', nodeTest('f()'), /at least one assertion/],
    ['an assertion that is always true', 'a.test.js', nodeTest('assert.ok(true)'), /always true/],
    ['a comparison with itself', 'a.test.js', nodeTest('assert.equal(x, x)'), /always true/],
    [
      'a python assertion that is always true',
      'test_a.py',
      pythonTest('self.assertTrue(True)'),
      /always true/,
    ],
    ['a random value', 'a.test.js', nodeTest('assert.ok(f(Math.random()))'), /random/],
    ['the clock', 'test_a.py', pythonTest('self.assertEqual(f(), time.time())'), /clock/],
    [
      'the network',
      'a.test.js',
      nodeTest("assert.ok(await fetch('https://api.github.com'))"),
      /network/,
    ],
    [
      'another framework',
      'a.test.js',
      nodeTest('assert.ok(1 + f()); expect(f()).toBe(1)'),
      /expect/,
    ],
    ['pytest', 'test_a.py', `import pytest\n${pythonTest('assert f()')}`, /pytest/],
    ['an early end', 'a.test.js', nodeTest('assert.ok(f()); process.exit(0)'), /end processes/],
    [
      'a skipped test',
      'a.test.js',
      `test.skip('b', () => {})\n${nodeTest('assert.ok(f())')}`,
      /skip/,
    ],
    ['two tests of one name', 'a.test.js', nodeTest('assert.ok(f())').repeat(2), /same name/],
    [
      'too many tests',
      'a.test.js',
      Array.from({ length: 41 }, (_, i) => `test('${i}', () => assert.ok(f(${i})))`).join('\n'),
      /at most/,
    ],
  ])('%s', (_what, path, text, want) => {
    const problems = specProblems(path, text).join(' ')
    if (want === undefined) expect(problems).toBe('')
    else expect(problems).toMatch(want)
  })
})

test('puts imports of node tests right', () => {
  const text =
    "import test from 'node:test';\nimport assert from 'assert';\nimport { slugify } from './slug';\nimport { readFile } from 'node:fs/promises';\n\ndescribe('x', () => { it('y', () => {}) })\n"
  expect(repairImports('test/slug.test.js', text, ['src/slug.js'])).toBe(
    "import { describe, it } from 'node:test'\nimport assert from 'node:assert/strict'\nimport { slugify } from '../src/slug.js';\nimport { readFile } from 'node:fs/promises';\n\ndescribe('x', () => { it('y', () => {}) })\n",
  )
})

test('puts imports of python tests right', () => {
  const text = 'from slug import slugify\nimport json\nclass A(unittest.TestCase): pass\n'
  expect(repairImports('tests/test_slug.py', text, ['src/slug.py'])).toBe(
    'import unittest\nfrom slug import slugify\nimport json\nclass A(unittest.TestCase): pass\n',
  )
})

test('sees what is imported, and what leads nowhere', () => {
  const text =
    "import { a, b as c } from '../src/x.js'\nimport d, * as e from '../src/y.js'\nimport left from 'left-pad'\nimport fs from 'node:fs'\n"
  const { names, unknown } = importsOf('test/x.test.js', text, ['src/x.js', 'src/y.js'])
  expect(Object.fromEntries([...names].map(([file, set]) => [file, [...set]]))).toEqual({
    'src/x.js': ['a', 'b'],
    'src/y.js': ['default'],
  })
  expect(unknown).toEqual(['left-pad'])
})

test('stubs what is missing and keeps what is there', () => {
  const names = new Map([
    ['src/new.js', new Set(['a', 'default'])],
    ['src/old.js', new Set(['have', 'lack'])],
    ['src/full.js', new Set(['have'])],
    ['src/new.py', new Set(['f'])],
  ])
  const before = new Map([
    ['src/old.js', 'export function have() {}\n'],
    ['src/full.js', 'export const have = 1\n'],
  ])
  const stubs = stubsFor(names, before, 'throws')
  expect([...stubs.keys()]).toEqual(['src/new.js', 'src/old.js', 'src/new.py'])
  expect(stubs.get('src/old.js')).toMatch(
    /^export function have\(\) \{\}\n\nexport function lack\(\)/,
  )
  expect(stubs.get('src/new.js')).toContain('export default function')
  expect(stubs.get('src/new.py')).toContain("f = _guildhall_stub('f', False)")
  expect(stubsFor(names, before, 'returns').get('src/new.js')).toContain('export function a() {}')
})

test('reads the names of declared tests', () => {
  const text =
    "test('it\\'s one', () => {})\n  it(\"two\", async () => {})\ntest(`no ${x}`, () => {})\ncontest('three')\n"
  expect(declaredTests('a.test.js', text)).toEqual(["it's one", 'two'])
  expect(
    declaredTests(
      'test_a.py',
      'def test_x():\n    pass\nclass A:\n    def test_y(self):\n        pass\n    def helper(self): pass\n',
    ),
  ).toEqual(['test_x', 'test_y'])
})

describe('holding back', () => {
  const four = ['a', 'b', 'c', 'd'].map((name) => `test('${name}', () => {\n  f()\n})\n`).join('\n')
  test('keeps the last of four tests from the coder', () => {
    const held = holdBack('x.test.js', `import x from 'x'\n${four}`)
    expect(held.visible).not.toContain("'d'")
    expect(held.visible).toContain("test('c', () => {\n  f()\n})")
    expect([...held.hidden]).toEqual(['d'])
  })
  test('keeps the last of four methods from the coder', () => {
    const text = `class T(unittest.TestCase):\n${['a', 'b', 'c', 'd'].map((name) => `    def test_${name}(self):\n        f('${name}')\n`).join('\n')}\n\nif __name__ == '__main__':\n    unittest.main()\n`
    const held = holdBack('test_x.py', text)
    expect(held.visible).not.toContain("f('d')")
    expect(held.visible).toContain("f('c')")
    expect(held.visible).toContain('unittest.main()')
    expect([...held.hidden]).toEqual(['T > test_d'])
  })
  test.each([
    ['fewer than four tests', four.slice(0, four.indexOf("test('d'"))],
    ['tests in a loop', `for (const x of [1, 2]) {\n${four.replace(/^/gm, '  ')}}\n`],
    ['a file that cannot be parsed', `${four}test('e', () => {\n`],
  ])('shows all of %s', (_what, text) => {
    expect(holdBack('x.test.js', text)).toEqual({ visible: text, hidden: new Set() })
  })
})
