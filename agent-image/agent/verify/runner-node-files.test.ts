// How the runner for Node names, finds, loads and ends tests and their files.
import { describe, expect, test } from 'vitest'
import {
  type CaseResult,
  runCases,
  useRunner,
  whole,
} from '../../../test/support/agent/runner-fixture.ts'

useRunner()

const head = `import { after, afterEach, before, beforeEach, describe, it, test } from 'node:test'
import assert, { equal } from 'node:assert/strict'
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
`
const only = { passed: [], skipped: [], failed: [], unrun: [], asserted: {}, swallowed: {} }
const differ = (left: string, right: string): string =>
  `AssertionError: Expected values to be strictly equal:\n\n${left} !== ${right}\n`

describe('names and shapes', () => {
  test('tells each test once, by the file that ran it, under a name of its own', async () => {
    const helper = `import { test } from 'node:test'\nexport const contract = (run) => test('contract', run)\n`
    const { of } = await runCases({
      itself: `${head}describe(import.meta.filename, () => { it('adds', () => {}) })
describe(import.meta.url, () => { it('more', () => {}) })
describe('a.test.js', () => { it('x', () => {}) })\ntest('test/a.test.js', () => {})\n`,
      helper: {
        'contract.js': helper,
        'test/a.test.js': `import { contract } from '../contract.js'\ncontract(() => {})\n`,
        'test/b.test.js': `import { contract } from '../contract.js'\ncontract(() => { throw new Error('b') })\n`,
      },
      signs: `${head}describe('a > b', () => { it('c', () => {}) })
describe('a', () => { it('b > c', () => {}) })
test('a > b > c', () => {})\ntest('>', () => {})\ntest('x\\n\\u001b[31my', () => {})
test('twin', () => {})\ntest('twin', () => { throw new Error('second') })\ntest('x'.repeat(1e6), () => { throw new Error('y'.repeat(1e6)) })\n`,
      taken: {
        'src.js': `import { test } from 'node:test'\ntest('mine', () => {})\nexport const one = 1\n`,
        'test/a.test.js': `${head}import { one } from '../src.js'\ntest('mine', () => { assert.equal(one, 2) })\n`,
      },
    })
    expect(of('itself').passed).toEqual([
      'case_0/test/a.test.js > adds',
      'case_0/test/a.test.js > more',
      'a.test.js > x',
      'test/a.test.js',
    ])
    expect(of('helper').passed).toEqual(['contract'])
    expect(of('helper').failed).toEqual(['contract: Error: b'])
    expect(of('signs').passed).toEqual([
      'a \\> b > c',
      'a > b \\> c',
      'a \\> b \\> c',
      '\\>',
      'x\n\u001b[31my',
      'twin',
    ])
    expect(of('signs').failed[0]).toBe('twin #2: Error: second')
    expect(of('signs').failed[1]).toMatch(/^x{500} … [0-9a-f]{12}: Error: y{1000}/)
    expect(of('taken').failed).toEqual([`mine: ${differ('1', '2')}`])
    expect(of('taken').passed).toEqual(['mine #2'])
  }, 60_000)

  test('takes nothing for a pass that was not run as it is', async () => {
    const { of } = await runCases({
      skips: `${head}test('skip', { skip: true }, () => {})\ntest.todo('todo')\ntest('todo that fails', { todo: true }, () => { assert.ok(0) })
test('by itself', (t) => { t.skip() })\ndescribe.skip('all', () => { it('never', () => {}) })
test('expected to fail', { expectFailure: true }, () => { assert.ok(0) })\ntest('unexpected', { expectFailure: true }, () => {})
test.only('only', () => {})\ntest('besides', () => {})\n`,
      hook: `${head}describe('s', () => { before(() => { throw new Error('no db') }); it('a', () => {}); it('b', () => {}) })\n`,
      'a hook around all': `${head}beforeEach(() => { throw new Error('no db') })\ntest('a', () => {})\n`,
      nested: `${head}test('outer', async (t) => { await t.test('in', async (t) => { await t.test('deep', () => { throw new Error('x') }) }) })
test('nobody waits', (t) => { t.test('part', async () => { await sleep(30) }) })
test('at once', { concurrency: true }, async (t) => { await Promise.all([t.test('x', () => sleep(20)), t.test('y', () => { throw new Error('y') })]) })
setTimeout(() => test('defined late', () => {}), 50)\n`,
      'a suite without tests': `${head}describe('s', () => {})\n`,
    })
    expect(of('skips')).toMatchObject({
      passed: ['only', 'besides'],
      skipped: ['skip', 'todo', 'todo that fails', 'by itself', 'all', 'expected to fail'],
    })
    expect(of('skips').failed).toHaveLength(1)
    expect(of('hook').passed).toEqual([])
    expect(of('hook').failed).toContain('s: Error: no db')
    expect(of('a hook around all').failed).toEqual(['a: Error: no db'])
    expect(of('nested').passed).toEqual(
      expect.arrayContaining([
        'nobody waits > part',
        'nobody waits',
        'at once > x',
        'defined late',
      ]),
    )
    expect(of('nested').failed).toEqual(
      expect.arrayContaining(['outer > in > deep: Error: x', 'at once > y: Error: y']),
    )
    expect(of('a suite without tests')).toEqual({ ...only, unrun: ['there are no tests in it'] })
  }, 60_000)

  test('shows no canary to the hooks of a file', async () => {
    const { of } = await runCases({
      one: `${head}let ran = 0\nbeforeEach(() => { ran++ })\nafterEach(() => { ran++ })
test('a', () => {})\ntest('b', () => {})\nafter(() => { assert.equal(ran, 4) })\n`,
    })
    expect(of('one')).toMatchObject({ passed: ['a', 'b'], failed: [] })
  }, 60_000)

  test('keeps every verdict of a file that has many, or that prints much', async () => {
    const { of, run } = await runCases({
      many: `${head}for (let i = 0; i < 3000; i++) test('t' + i, () => {})\n`,
      loud: `${head}for (let i = 0; i < 20; i++) test('t' + i, () => { console.log('x'.repeat(300_000)); console.error('y'.repeat(300_000)) })\n`,
      big: `${head}const big = (x) => Array.from({ length: 500 }, (_, i) => ({ id: i, price: x }))
test('big', () => { assert.deepEqual(big(1), big(2)) })\ntest('next', () => {})\n`,
    })
    expect(run.problems).toEqual([])
    expect(of('many').passed).toHaveLength(3000)
    expect(of('loud').passed).toHaveLength(20)
    expect([of('big').passed, of('big').failed.length]).toEqual([['next'], 1])
  }, 120_000)
})

describe('how a file is found and loaded', () => {
  const testFile = (text: string): string => `${head}test('works', () => { ${text} })\n`
  const cases = {
    'brackets and signs': {
      'test/[id].test.js': testFile(''),
      'test/{a,b}.test.js': testFile(''),
      'test/a*.test.js': testFile(''),
      'test/a#1?%41 ä+(x).test.js': testFile(''),
    },
    'tsc style': {
      'src/a.ts': 'export enum E { A = 1 }\nexport const f = (): number => E.A\n',
      'test/a.test.ts': `import { f } from '../src/a.js'\n${testFile('equal(f(), 1)')}`,
      'test/b.test.ts': `import { f } from '../src/a'\n${testFile('equal(f(), 1)')}`,
    },
    'lines of TypeScript': {
      'test/a.test.ts': `${head}interface A {\n  b: number\n}\nnamespace N { export const x = 1 }\ntest('x', () => {\n  const a: A = { b: N.x }\n  equal(a.b, 2)\n})\n`,
    },
    commonjs: {
      'package.json': '{}',
      'a.js': 'exports.f = () => 1\n',
      'test/a.test.js': `const { test } = require('node:test'); const assert = require('node:assert')\nconst { f } = require('../a')\ntest('works', () => assert.equal(f(), 1))\n`,
    },
    'argv and folder': {
      'data.txt': '1',
      'test/a.test.js': `${head}import { readFileSync } from 'node:fs'\ntest('works', () => { equal(readFileSync('data.txt', 'utf8'), '1'); equal(process.argv[1], import.meta.filename); equal(process.argv.length, 2); equal(process.env.NODE_TEST_CONTEXT, 'child-v8') })\n`,
    },
    'a missing package': `${head}import 'left-pad'\ntest('x', () => {})\n`,
    'a name that only a compiler knows': `${head}import { x } from '@/words'\ntest('x', () => {})\n`,
    'a name that only a bundler knows': `${head}import x from '~/lib/words'\ntest('x', () => {})\n`,
    'a module of Bun': `${head}import { x } from 'bun:test'\ntest('x', () => {})\n`,
    'a module of Bun by require': {
      'test/a.test.cjs': `require('node:test')('x', () => {})\nrequire('bun:sqlite')\n`,
    },
    'the global of Deno': `${head}Deno.test('x', () => {})\n`,
    'an import as Deno has them': `${head}import { x } from 'jsr:@std/assert'\ntest('x', () => {})\n`,
    'a missing package of the code': {
      'src.cjs': `require('@scope/lib/sub')\n`,
      'test/a.test.js': `import '../src.cjs'\n`,
    },
    'a framework': `import { it } from 'vitest'\nimport 'node:fs'\nit('x', () => {})\n`,
    'globals of a framework': {
      'test/a.test.js': `describe('f', () => { it('works', () => { expect(1).toBe(1) }) })\n`,
    },
    jsx: {
      'app.js': `export const app = () => <div>hi</div>\n`,
      'test/a.test.js': `import { app } from '../app.js'\n`,
    },
    'a style sheet': { 'a.css': '', 'test/a.test.js': `import '../a.css'\n` },
    tsx: { 'test/a.test.tsx': `import { test } from 'node:test'\n` },
    'a missing file': `${head}import '../nowhere.js'\ntest('x', () => {})\n`,
    'a syntax error': {
      'src.js': 'export const a = 1\nexport const b = )\n',
      'test/a.test.js': `import '../src.js'\n`,
    },
    'no export of that name': {
      'src.js': 'export const a = 1\n',
      'test/a.test.js': `import { b } from '../src.js'\n`,
    },
    'an error at the top': `${head}test('x', () => {})\nthrow new TypeError('at the top')\n`,
    'an exit at the top': `${head}test('x', () => {})\nprocess.exit(0)\n`,
    'awaits for ever at the top': `${head}await new Promise(() => {})\ntest('x', () => {})\n`,
    'nothing to run': `${head}equal(1, 1)\n`,
  }

  test('runs what Node can run, and says why of the rest', async () => {
    const { of, run } = await runCases(cases)
    const got = (name: keyof typeof cases): CaseResult => of(name)
    expect(got('brackets and signs').passed).toEqual(['works', 'works', 'works', 'works'])
    expect(got('tsc style')).toMatchObject({ passed: ['works', 'works'], failed: [] })
    expect(got('lines of TypeScript').failed).toEqual([`x: ${differ('1', '2')}`])
    const typed = run.failed.find(({ file }) => file.endsWith('2/test/a.test.ts'))
    expect(typed?.frame?.line).toBe(10)
    expect(got('commonjs').passed).toEqual(['works'])
    expect(got('argv and folder')).toMatchObject({ passed: ['works'], failed: [] })
    const unrun = (why: string) => ({ ...only, unrun: [why] })
    expect(got('a missing package')).toEqual(unrun('it needs left-pad, which is not installed'))
    expect(got('a name that only a compiler knows')).toEqual(
      unrun('it imports @/words, an alias that Node does not know'),
    )
    expect(got('a name that only a bundler knows')).toEqual(
      unrun('it imports ~/lib/words, an alias that Node does not know'),
    )
    for (const name of ['a module of Bun', 'a module of Bun by require'] as const)
      expect(got(name).unrun).toEqual(['it needs Bun, which is not installed'])
    for (const name of ['the global of Deno', 'an import as Deno has them'] as const)
      expect(got(name).unrun).toEqual(['it needs Deno, which is not installed'])
    expect(got('a missing package of the code')).toEqual(
      unrun('it needs @scope/lib, which is not installed'),
    )
    expect(got('a framework')).toEqual(unrun('it needs vitest, which is not installed'))
    expect(got('globals of a framework')).toEqual(
      unrun('it needs a test framework such as jest, mocha or vitest, which is not installed'),
    )
    expect(got('jsx')).toEqual(unrun('it needs JSX, which Node cannot run'))
    expect(got('a style sheet')).toEqual(unrun('Node cannot load .css files'))
    expect(got('tsx')).toEqual(unrun('nothing here can run .tsx files'))
    expect(got('nothing to run')).toEqual(unrun('there are no tests in it'))
    const failed = (name: keyof typeof cases): string => got(name).failed.join('|')
    expect(failed('a missing file')).toContain('(whole file): Error: Cannot find module')
    expect(failed('a syntax error')).toMatch(/\(whole file\): case_\d+\/src\.js:2\n.*SyntaxError/s)
    expect(failed('no export of that name')).toContain("does not provide an export named 'b'")
    expect(failed('an error at the top')).toBe(whole('TypeError: at the top'))
    expect(failed('an exit at the top')).toBe(whole('it ended its own process with exit code 0'))
    expect(failed('awaits for ever at the top')).toContain('awaited for ever')
  }, 120_000)

  const packageAt = (folder: string, script?: string, dependencies: readonly string[] = []) => {
    const scripts: Record<string, string> = script === undefined ? {} : { test: script }
    return { folder, type: 'module' as const, scripts, dependencies }
  }

  test('names the framework that the package names', async () => {
    const jest = { 'test/a.test.js': `it('works', () => { expect(1).toBe(1) })\n` }
    const { of } = await runCases(
      { jest },
      { project: { packages: [packageAt('', 'jest --ci', ['ts-jest'])] } },
    )
    expect(of('jest').unrun).toEqual(['it needs jest, which is not installed'])
  }, 60_000)

  test('starts tests as the test script of their package does, in the folder of the package', async () => {
    const where = `${head}test('works', () => { assert.equal(process.cwd(), import.meta.dirname.slice(0, -'/test'.length)) })\n`
    const project = {
      packages: [
        packageAt(
          'case_1/packages/b',
          `MODE='a b' node --import ./setup.js -r ./first.cjs --env-file=.env -C special --import tsx --test-reporter spec --test test/*.test.js`,
        ),
        packageAt('case_1/packages/a'),
        packageAt('case_0'),
        packageAt(''),
      ],
    }
    const { of } = await runCases(
      {
        'without a script': { 'test/a.test.js': where },
        workspaces: {
          'packages/a/test/a.test.js': where,
          'packages/b/setup.js': 'globalThis.fromSetup = 1\n',
          'packages/b/first.cjs': 'globalThis.fromFirst = 2\n',
          'packages/b/.env': 'FROM_FILE=3\nNODE_OPTIONS=--import=./nowhere.js\n',
          'packages/b/package.json':
            '{"type":"module","imports":{"#lib":{"special":"./special.js","default":"./usual.js"}}}',
          'packages/b/special.js': "export const which = 'special'\n",
          'packages/b/usual.js': "export const which = 'usual'\n",
          'packages/b/test/b.test.js': `${head}import { which } from '#lib'\ntest('with all', () => { assert.deepEqual([fromSetup, fromFirst, process.env.FROM_FILE, process.env.MODE, which], [1, 2, '3', 'a b', 'special']) })\n`,
        },
      },
      { project, folderOf: undefined },
    )
    expect(of('without a script')).toMatchObject({ passed: ['works'], failed: [] })
    expect(of('workspaces')).toMatchObject({ passed: ['works', 'with all'], failed: [] })
  }, 60_000)

  test('starts tests in the folder whose script starts them, when their own package has none', async () => {
    const { of } = await runCases(
      {
        one: {
          'package.json': '{}',
          'packages/a/test/a.test.mjs': `${head}test('works', () => { assert.ok(process.cwd().endsWith('case_0')); assert.equal(process.env.MODE, '1') })\n`,
        },
      },
      {
        project: {
          packages: [packageAt('case_0/packages/a'), packageAt('case_0', 'MODE=1 node --test')],
        },
        folderOf: undefined,
      },
    )
    expect(of('one')).toMatchObject({ passed: ['works'], failed: [] })
  }, 60_000)
})

describe('limits', () => {
  const limits = { testMs: 700, silenceMs: 2500, fileMs: 6000, commandMs: 60_000, loadMs: 1000 }
  test('ends tests and files that do not end, and keeps what was reported', async () => {
    const { of } = await runCases(
      {
        'a test that waits': `${head}test('ok', () => {})\ntest('waits', () => new Promise(() => {}))\ntest('next', () => {})\n`,
        'a test that holds the loop': `${head}test('ok', () => {})\ntest('holds', () => { for (;;); })\ntest('next', () => {})\n`,
        'a hook that waits': `${head}test('ok', () => {})\nafter(() => new Promise(() => {}))\n`,
        'many slow tests': `${head}for (let i = 0; i < 40; i++) test('t' + i, () => sleep(400))\n`,
      },
      { limits },
    )
    expect(of('a test that waits')).toMatchObject({
      passed: ['ok', 'next'],
      failed: ['waits: Error: test timed out after 700ms'],
    })
    expect(of('a test that holds the loop').passed).toEqual(['ok'])
    expect(of('a test that holds the loop').failed[0]).toContain(
      'holds: it did not end within 3 seconds while “holds” was running, and was stopped',
    )
    expect(of('a hook that waits').failed).toHaveLength(1)
    expect(of('many slow tests').passed.length).toBeGreaterThan(2)
    expect(of('many slow tests').failed.at(-1)).toContain('it did not end within 6 seconds')
  }, 120_000)

  test('says that a test was ended for its memory', async () => {
    const big = `const big = (x) => Array.from({ length: 5000 }, (_, i) => ({ i, name: 'item ' + i, price: x }))\n`
    const { of } = await runCases({
      'a comparison whose difference is huge': `${head}${big}test('ok', () => {})\ntest('compares', () => assert.deepEqual(big(1), big(2)))\n`,
      'a cache that is never emptied': `${head}const kept = []\ntest('fills', () => { for (;;) kept.push(Buffer.alloc(1 << 22, 1)) })\n`,
    })
    const cases = [
      'a comparison whose difference is huge',
      'a cache that is never emptied',
    ] as const
    for (const one of cases)
      expect(of(one).failed[0]).toMatch(
        /the command used more than \d+ MiB of memory\.\nits process ended/,
      )
    expect(of('a comparison whose difference is huge').passed).toEqual(['ok'])
  }, 120_000)

  test('begins another command when one has no time left', async () => {
    const files = Object.fromEntries(
      Array.from({ length: 6 }, (_, i) => [
        `test/${i}.test.js`,
        `${head}test('x', () => sleep(1200))\n`,
      ]),
    )
    const { run } = await runCases(
      { files },
      { limits: { ...limits, testMs: 5000, silenceMs: 5000, commandMs: 4000 } },
    )
    expect(run).toMatchObject({ problems: [], failed: [] })
    expect(run.passed).toHaveLength(6)
  }, 120_000)
})
