import { expect, test } from 'vitest'
import { factsOf } from '../code/read-code.ts'
import { holdBack, unreportedTests } from './spec-text.ts'

const run = (...ids: readonly string[]): { collected: readonly string[] } => ({ collected: ids })

test.each<[string, string, readonly string[], readonly string[]]>([
  [
    'names with escapes',
    "test('turns \\n and \\t into one', f)",
    ['a.test.js > turns \n and \t into one'],
    [],
  ],
  ['tests of suites', "describe('s', () => { it('a', f) })", ['a.test.js > s > a'], []],
  [
    'a test that another suite has, too',
    "describe('s', () => { it('a', f) })\ndescribe('t', () => { it('a', f) })",
    ['a.test.js > s > a'],
    ['a'],
  ],
  ['names that only a run knows', 'for (const x of y) test(`a ${x}`, f)', [], []],
  ['a sign > in a title', "test('a > b', f)", ['a.test.js > a \\> b'], []],
  [
    'signs > in a suite and a test',
    "describe('a > b', () => { it('c -> d > e', f) })",
    ['a.test.js > a \\> b > c -> d \\> e'],
    [],
  ],
  ['a title that only looks like a suite', "test('a > b', f)", ['a.test.js > a > b'], ['a > b']],
  ['tests of another file', "test('a', f)", ['b.test.js > a'], ['a']],
])('knows %s in a run', (_what, text, ids, want) => {
  expect(unreportedTests('a.test.js', text, run(...ids))).toEqual(want)
})

test('knows a Python method that a class inherits', () => {
  const text = 'class Base:\n    def test_a(self): pass\nclass T(Base, TestCase): pass\n'
  expect(unreportedTests('test_a.py', text, run('test_a.py > T > test_a'))).toEqual([])
  expect(unreportedTests('test_a.py', text, run())).toEqual(['test_a'])
})

const tests = (...names: readonly string[]): string =>
  names.map((name) => `test(${JSON.stringify(name)}, () => {\n  f()\n})\n`).join('\n')

test.each<[string, string, string, readonly string[]]>([
  [
    'nested in suites',
    'a.test.js',
    `describe('s', () => {\n${tests('first one', 'second one', 'third one', 'fourth one')}})\n`,
    ['s > fourth one'],
  ],
  [
    'with a comment that tells it',
    'a.test.js',
    `${tests('first one', 'second one', 'third one')}\n// checks what the fourth does\ntest('fourth one', () => { f() })\n`,
    ['fourth one'],
  ],
  [
    'whose name stands elsewhere: the one before',
    'a.test.js',
    `// see the fourth one\n${tests('first one', 'second one', 'third one', 'fourth one')}`,
    ['third one'],
  ],
  [
    'on one line',
    'a.test.js',
    "test('first one', f); test('second one', f); test('third one', f); test('fourth one', f)\n",
    ['fourth one'],
  ],
  [
    'of a class with decorators',
    'test_a.py',
    `class T(TestCase):\n${['a', 'b', 'c'].map((n) => `    def test_${n}_case(self):\n        f()\n`).join('')}    # about d\n    @patch('x')\n    def test_d_case(self):\n        f()\nclass U: pass\n`,
    ['T > test_d_case'],
  ],
])('holds back a test %s', (_what, path, text, want) => {
  const held = holdBack(path, text)
  expect([...held.hidden]).toEqual(want)
  const facts = factsOf(path, held.visible)
  expect(facts.parsed).toEqual({ kind: 'fine' })
  expect(facts.tests).toHaveLength(3)
  for (const name of want) expect(held.visible).not.toContain(name.split(' > ').at(-1))
  expect(held.visible).not.toMatch(/checks what|about d|@patch/)
})

test.each<[string, string]>([
  ['two tests of one name', tests('a', 'a', 'b', 'c')],
  [
    'names that all stand elsewhere',
    `const all = 'first one, second one, third one, fourth one'\n${tests('first one', 'second one', 'third one', 'fourth one')}`,
  ],
])('shows all of a file with %s', (_what, text) => {
  expect(holdBack('a.test.js', text)).toEqual({ visible: text, hidden: new Set() })
})
