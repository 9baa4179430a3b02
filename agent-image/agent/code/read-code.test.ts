import { tmpdir } from 'node:os'
import { describe, expect, test } from 'vitest'
import { hereSandbox } from '../../../test/support/agent/here-sandbox.ts'
import { programs } from '../../../test/support/agent/processes.ts'
import { growthOf, oddTexts } from '../../../test/support/growth.ts'
import { factsOf, readCode } from './read-code.ts'
import { readJavaScript } from './javascript/read.ts'

const signal = AbortSignal.timeout(60_000)
const where = { sandbox: hereSandbox, programs, folder: tmpdir() }

test('reads files of all languages, Python in one command, and leaves out files that are not code', async () => {
  let commands = 0
  const sandbox: typeof hereSandbox = {
    ...hereSandbox,
    exec: (request, options) => {
      commands++
      return hereSandbox.exec(request, options)
    },
  }
  const files = new Map([
    ['a.py', 'def f(): pass\n'],
    ['b.js', 'export const b = 1\n'],
    ['c.md', '# c\n'],
    ['d.py', 'def f(:\n'],
    ['e.tsx', 'export const e = <b />\n'],
    ['f.py', `x = ${'('.repeat(50_000)}`],
  ])
  const facts = await readCode(files, { ...where, sandbox }, { signal })
  expect([...facts].map(([path, { parsed }]) => [path, parsed.kind])).toEqual([
    ['a.py', 'fine'],
    ['b.js', 'fine'],
    ['d.py', 'wrong'],
    ['e.tsx', 'fine'],
    ['f.py', 'wrong'],
  ])
  expect(commands).toBe(1)
})

test('reads the others when one file breaks the reading', async () => {
  const sandbox: typeof hereSandbox = {
    ...hereSandbox,
    exec: (request, options) =>
      request.stdin?.includes('poison')
        ? Promise.resolve({ timedOut: true, stdout: '', stderr: '', strays: 0, durationMs: 1 })
        : hereSandbox.exec(request, options),
  }
  const files = new Map([
    ['a.py', 'poison = 1\n'],
    ['b.py', 'fine = 1\n'],
  ])
  const facts = await readCode(files, { ...where, sandbox }, { signal })
  expect(facts.get('a.py')?.parsed).toEqual({ kind: 'unread', why: 'reading it took too long' })
  expect(facts.get('b.py')?.parsed).toEqual({ kind: 'fine' })
})

test('lets no file of the project stand in for a module of Python', async () => {
  // The folder of the command holds modules that would end it.
  const { mkdtempSync, rmSync, writeFileSync } = await import('node:fs')
  const folder = mkdtempSync(`${tmpdir()}/shadow-`)
  try {
    for (const name of ['ast', 'json', 'tokenize', 'warnings'])
      writeFileSync(`${folder}/${name}.py`, 'raise SystemExit(3)\n')
    const facts = await readCode(new Map([['a.py', 'x = 1\n']]), { ...where, folder }, { signal })
    expect(facts.get('a.py')?.parsed).toEqual({ kind: 'fine' })
  } finally {
    rmSync(folder, { recursive: true })
  }
})

describe('names of tests are those that the language reads', () => {
  const names = (text: string, path = 'a.test.js'): unknown =>
    factsOf(path, text).tests.map((test) => [...test.suites, test.name])
  test.each<[string, string, unknown]>([
    ['escapes', "test('a\\n\\t\\\\ \\u00e9 \\x41 \\'b\\'', () => {})", [["a\n\t\\ é A 'b'"]]],
    ['templates', 'test(`a\\nb ${c}`, f)\ntest(`plain\\u0021`, f)', [[undefined], ['plain!']]],
    ['sums', "test('a' + ' b', f)", [['a b']]],
    ['suites', "describe('s', () => { suite('t', () => { it('a', f) }) })", [['s', 't', 'a']]],
    [
      'other names of the functions',
      "import t, { it as check, describe as d } from 'node:test'\nd('s', () => check('a', f))\nt.it('b', f)",
      [['s', 'a'], ['b']],
    ],
    [
      'require',
      "const { test: t } = require('node:test')\nconst x = require('test')\nt('a', f)\nx.it('b', f)",
      [['a'], ['b']],
    ],
    ['subtests', "test('a', async (ctx) => { await ctx.test('b', f) })", [['a'], ['a', 'b']]],
    ['functions', 'test(function named() {})', [['named']]],
    [
      'strings and comments that look like tests',
      "const s = \"test('a', f)\"\n// test('b', f)\nfoo.test('c')\n/x/.test('d')",
      [],
    ],
    ['own functions of that name', "function test(a) {}\ntest('a')", []],
  ])('%s', (_what, text, want) => {
    expect(names(text)).toEqual(want)
  })
  test('in Python, too', () => {
    const text =
      "s = '''\ndef test_no(): pass\n'''\ndef test_a(): pass\nclass A(TestCase):\n    class B(TestCase):\n        async def test_b(self): pass\n    def helper(self): pass\n"
    expect(names(text, 'test_a.py')).toEqual([['test_a'], ['A.B', 'test_b']])
  })
})

describe('exports of every form are seen', () => {
  test.each<[string, string, readonly string[]]>([
    [
      'a.js',
      'export const { a, b: [c = 1, ...d] } = x, e = 1\nexport default class {}\nexport function* f() {}',
      ['a', 'c', 'd', 'e', 'default', 'f'],
    ],
    [
      'a.js',
      "export * from 'x'\nexport * as ns from 'y'\nexport { a as b, default as 'c d' } from 'z'\nlet g\nexport { g as h }",
      ['*', 'ns', 'b', 'c d', 'h'],
    ],
    [
      'a.ts',
      'export interface A {}\nexport type B = 1\nexport enum C {}\nexport abstract class D {}\nexport declare const e: 1\nexport type { F } from "x"',
      ['A', 'B', 'C', 'D', 'e', 'F'],
    ],
    [
      'a.cjs',
      "exports.a = exports.b = 1\nmodule.exports.c = 2\nmodule.exports['d'] = 3\nObject.defineProperty(exports, 'e', {})\nObject.assign(module.exports, { f })",
      ['a', 'c', 'd', 'e', 'f', 'b'],
    ],
    [
      'a.cjs',
      'module.exports = { a, b() {}, get c() {}, ["d"]: 1, ...e }',
      ['a', 'b', 'c', 'd', '*'],
    ],
    [
      'a.cjs',
      'const m = (module.exports = {})\nm.a = 1\nfunction x(exports) { exports.no = 1 }',
      ['a'],
    ],
    ['a.cjs', 'class A {}\nmodule.exports = A\nmodule.exports.B = 1', ['default', 'B']],
    [
      'a.py',
      'import os\nfrom x import y as z\ndef f(): pass\nclass C: pass\nA, B = 1, 2\nif A:\n    d: int = 1\ntry:\n    e = 1\nexcept E:\n    g = 1\n__all__ = ["f", "late"]',
      ['os', 'z', 'f', 'C', 'A', 'B', 'd', 'e', 'g', '__all__', 'late'],
    ],
  ])('%s: %s', (path, text, want) => {
    expect(
      factsOf(path, text)
        .exports.map((one) => one.name)
        .toSorted(),
    ).toEqual(want.toSorted())
  })
})

test('counts offsets as JavaScript does', () => {
  const python = '\uFEFF# 😀é\r\nfrom a.b import c\r\n'
  const [one] = factsOf('a.py', python).imports
  expect(python.slice(one?.at.start, one?.at.end)).toBe('a.b')
  const node = "\uFEFF'😀é'\nimport { c } from './d.js'\n"
  const [other] = factsOf('a.js', node).imports
  expect(node.slice(other?.at.start, other?.at.end)).toBe('./d.js')
})

test.each([
  ['brackets', '('.repeat(100_000)],
  ['sums', '1+'.repeat(100_000)],
  ['a long text', ';'.repeat(300_000)],
])('survives %s', (_what, text) => {
  expect(readJavaScript('a.js', text).parsed.kind).toBe('unread')
})

const long: typeof oddTexts = {
  ...oddTexts,
  'chains of assertions': (n) => `a(assert(1))${'.b(assert(2))'.repeat(n / 13)}`,
  'timers in a test': (n) =>
    `test('a', () => {${'setTimeout(() => { assert.ok(f()) })\n'.repeat(n / 38)}})`,
  'a chain of promises': (n) =>
    `test('a', () => { f()${'.then((v) => assert.ok(v))'.repeat(n / 28)} })`,
  'assertions in a try': (n) =>
    `test('a', () => { try { ${'assert.ok(f())\n'.repeat(n / 30)} } catch (e) { ${'g(e)\n'.repeat(n / 10)} } })`,
}

// Of these runs the number decides whether they are a text, and so how far it is read.
test.each(Object.entries(long).filter(([what]) => what !== 'backticks in growing runs'))(
  'reads %s in linear time',
  (_what, textOf) => {
    expect(growthOf((text) => readJavaScript('a.test.js', text), textOf)).toEqual({
      kind: 'linear',
    })
  },
)
