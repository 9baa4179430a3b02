// What the gate lets through and what it refuses, by kind: honest tests first, because a refusal of
// one of them can never be repaired by the model.
import { describe, expect, test } from 'vitest'
import { factsOf } from '../code/read-code.ts'
import { specProblems } from './spec-gate.ts'

const head =
  "import { test, describe, it, mock } from 'node:test'\nimport assert from 'node:assert/strict'\nimport { f } from '../src/f.js'\n"
const node = (text: string): readonly string[] => specProblems('test/a.test.js', `${head}${text}\n`)
const kindsOf = (path: string, text: string): readonly string[] => {
  const facts = factsOf(path, text)
  expect(facts.parsed).toEqual({ kind: 'fine' })
  return [...new Set(facts.concerns.map((concern) => concern.kind))]
}
const inTest = (body: string): string => `test('a', async () => { ${body} })`

describe('honest node tests are let through', () => {
  test.each<[string, string]>([
    ['an option called skip', inTest('assert.deepEqual(page([1], { skip: 1, limit: 2 }), [])')],
    ['a todo list', inTest("assert.equal(add({ todo: 'milk' }).todo, 'milk')")],
    ['an option called only', inTest("assert.equal(find({ only: 'done' }).length, 1)")],
    ['an iterator that skips', inTest('assert.deepEqual([...take.skip(1)], [2])')],
    ['a parser that expects', inTest("assert.equal(parser.expect('{'), true)")],
    ['a function called rm', inTest('assert.deepEqual(rm([1, 2], 1), [2])')],
    [
      'addresses in strings',
      inTest("assert.equal(parse('https://github.com/a').host, 'github.com')"),
    ],
    [
      'forbidden words in strings and comments',
      inTest("/* fetch('https://x.io') */ assert.equal(title('Math.random() child_process'), f())"),
    ],
    [
      'own names for fetch, random and expect',
      inTest(
        'const random = f(); const fetch = () => 1; const expect = f; assert.equal(random(fetch()), expect(1))',
      ),
    ],
    [
      'a function called twice',
      inTest("assert.equal(f(f('a')), f('a')); assert.notEqual(makeId(), makeId())"),
    ],
    [
      '40 small tests',
      Array.from(
        { length: 40 },
        (_, i) => `test('t${i}', () => { assert.equal(f(${i}), ${i}) })`,
      ).join('\n'),
    ],
    [
      'the same name in two suites',
      "describe('a', () => { it('x', () => { assert.ok(f()) }) })\ndescribe('b', () => { it('x', () => { assert.ok(f()) }) })",
    ],
    ['a table', 'for (const [a, b] of [[1, 2]]) test(`f(${a})`, () => { assert.equal(f(a), b) })'],
    ['an option that is off', "test('a', { skip: false, timeout: 5 }, () => { assert.ok(f()) })"],
    [
      'a test that throws by itself, too',
      inTest("if (f() !== 1) throw new Error('no'); assert.equal(f(), 1)"),
    ],
    [
      'asserting helpers',
      "function check(x) { assert.equal(f(x), x) }\nconst twice = (x) => { check(x); check(x) }\ntest('a', () => { check(1) })\ntest('b', () => { twice(1) })\ntest('c', () => [1].forEach(check))\ntest('d', check)",
    ],
    [
      'asserting methods',
      "const page = { shows(x) { assert.equal(f(), x) } }\ntest('a', () => { page.shows(1) })",
    ],
    [
      'asynchronous helpers that are awaited',
      "const later = async (x) => { assert.equal(await f(x), x) }\ntest('a', async () => { await later(1) })\ntest('b', () => later(1))\ntest('c', async () => { await Promise.all([1].map(later)) })\ntest('d', async () => { for (const x of [1]) await later(x) })",
    ],
    [
      'assertions of the context and in subtests',
      "test('a', async (t) => { await t.test('b', () => { assert.ok(f()) }); t.assert.equal(f(), 1) })",
    ],
    [
      'awaited and returned rejections',
      "test('a', async () => { await assert.rejects(f()) })\ntest('b', () => assert.rejects(f()))\ntest('c', () => { return assert.rejects(f()).then(() => assert.ok(f())) })\ntest('d', async () => { const p = assert.rejects(f()); tick(); await p })",
    ],
    [
      'a timer within an awaited promise',
      inTest(
        'await new Promise((resolve) => { setTimeout(() => { assert.equal(f(), 1); resolve() }, 10) })',
      ),
    ],
    [
      'a timer and done',
      "test('a', (t, done) => { setTimeout(() => { assert.equal(f(), 1); done() }, 10) })\ntest('b', (t, done) => { f().then((v) => { assert.equal(v, 1); done() }, done) })",
    ],
    [
      'a timer that is waited out',
      inTest('setTimeout(() => { assert.ok(f()) }, 1); await sleep(10)'),
    ],
    [
      'a mocked clock',
      "test('a', (t) => { t.mock.timers.enable({ apis: ['setTimeout', 'Date'] }); setTimeout(() => assert.equal(f(Date.now()), 1), 5); t.mock.timers.tick(5) })",
    ],
    [
      'an event that the test sends itself',
      "test('a', () => { const e = make(); e.on('x', (v) => assert.equal(v, 1)); e.emit('x', 1) })",
    ],
    [
      'a local server',
      inTest(
        'const server = createServer((req, res) => { assert.equal(req.url, "/"); res.end() }); await listen(server); await fetch(`http://localhost:${port}/`); await fetch("http://127.0.0.1:1/")',
      ),
    ],
    [
      'a try that looks at the error',
      "test('a', () => { try { f(); assert.fail('x') } catch (error) { assert.equal(error.message, 'y') } })\ntest('b', () => { let caught; try { f(); assert.fail() } catch (e) { caught = e } assert.ok(caught instanceof RangeError) })\ntest('c', () => { try { assert.ok(f()) } finally { g() } })\ntest('d', () => { try { assert.ok(f()) } catch (e) { clean(); throw e } })\ntest('e', () => { try { f(); assert.fail() } catch (e) { assert.ok(e instanceof TypeError) } })",
    ],
    [
      'functions that are to throw',
      inTest("assert.throws(() => { throw new Error('x') }, /x/); assert.throws(() => f())"),
    ],
    [
      'a file that it removes by its name',
      "import { rmSync, unlinkSync } from 'node:fs'\nafter(() => rmSync('out.txt', { force: true }))\ntest('a', () => { assert.equal(f('./out/a'), 1); unlinkSync('./out/a') })",
    ],
    [
      'files in a folder of its own',
      "import { writeFileSync, readFileSync, mkdtempSync, rmSync } from 'node:fs'\nimport { join } from 'node:path'\nimport { tmpdir } from 'node:os'\nlet dir\nbefore(() => { dir = mkdtempSync(join(tmpdir(), 'x-')) })\nafter(() => rmSync(dir, { recursive: true }))\ntest('a', () => { writeFileSync(join(dir, 'a'), 'x'); assert.equal(f(dir), readFileSync('package.json')) })",
    ],
  ])('%s', (_what, text) => {
    expect(node(text)).toEqual([])
  })
})

describe('node tests that prove nothing, or lean on the world, are refused', () => {
  test.each<[string, readonly string[]]>([
    [
      'skip',
      [
        "test.skip('a', () => { assert.ok(f()) })",
        "it.only('a', () => { assert.ok(f()) })\ntest('b', () => { assert.ok(f()) })",
        "test('a', { skip: f() === undefined }, () => { assert.ok(f()) })",
        "test('a', (t) => { t.skip(); assert.ok(f()) })",
        "beforeEach((t) => t.todo())\ntest('a', () => { assert.ok(f()) })",
        "describe.skip('s', () => { it('a', () => { assert.ok(f()) }) })",
      ],
    ],
    [
      'floating',
      [
        "test('a', () => { assert.rejects(f()) })",
        inTest('f().then((v) => { assert.equal(v, 1) })'),
        inTest('[1].forEach(async (x) => { assert.equal(await f(x), 1) })'),
        "const check = async (x) => { assert.equal(await f(x), x) }\ntest('a', () => { check(1) })",
        "test('a', () => { (async () => { assert.equal(await f(), 1) })() })",
        inTest('void assert.rejects(f())'),
        inTest('const p = assert.rejects(f())'),
        "test('a', () => { [1].map(async (x) => { assert.ok(await f(x)) }) })",
        "test('a', () => { assert.doesNotThrow(async () => { assert.ok(await f()) }) })",
        "test('a', () => { withDir(async (dir) => { assert.equal(await f(dir), 1) }) })",
      ],
    ],
    [
      'late',
      [
        "test('a', () => { setTimeout(() => { assert.equal(f(), 1) }, 50) })",
        inTest('setTimeout(() => { assert.equal(f(), 1) }, 50)'),
        "test('a', () => { make().on('x', (v) => { assert.equal(v, 1) }); start() })",
        "test('a', () => { process.nextTick(() => assert.ok(f())) })",
        "const check = () => assert.ok(f())\ntest('a', () => { setImmediate(check) })",
        "import fs from 'node:fs'\ntest('a', () => { fs.readFile('x', (e, d) => { assert.equal(f(d), 1) }) })",
        "test('a', () => { const s = f(); s.onmessage = (m) => { assert.equal(m, 1) } })",
      ],
    ],
    [
      'swallowed',
      [
        inTest('try { assert.ok(f()) } catch {}'),
        inTest("try { f(); assert.fail('x') } catch (e) { assert.ok(e) }"),
        inTest("try { f(); assert.fail('x') } catch (e) { assert.ok(e instanceof Error) }"),
        inTest('try { assert.ok(f()) } catch (e) { console.log(e.message) }'),
        inTest('await f().then((v) => assert.ok(v)).catch(() => {})'),
        inTest('await Promise.allSettled([assert.rejects(f())])'),
      ],
    ],
    [
      'trivial',
      [
        inTest('assert.ok(true)'),
        inTest('assert.equal(a, a)'),
        inTest('assert.deepEqual([1], [1])'),
        inTest("assert('x')"),
        inTest('assert.strictEqual(a.b, a.b)'),
      ],
    ],
    [
      'random',
      [
        inTest('assert.ok(f(Math.random()))'),
        "import { randomUUID as id } from 'node:crypto'\ntest('a', () => { assert.ok(f(id())) })",
      ],
    ],
    [
      'clock',
      [
        inTest('assert.ok(f(Date.now()))'),
        inTest('assert.ok(f(new Date()))'),
        inTest('const now = performance.now; assert.ok(f(now()))'),
      ],
    ],
    [
      'network',
      [
        inTest("assert.ok(await fetch('https://api.github.com'))"),
        "const url = 'https://api.github.com'\ntest('a', async () => { assert.ok(await fetch(url)) })",
        "import http from 'node:http'\ntest('a', () => { assert.ok(f(http.get('http://github.com'))) })",
      ],
    ],
    [
      'process',
      [
        "import { execSync } from 'node:child_process'\ntest('a', () => { assert.ok(f(execSync('curl -s example.com'))) })",
        "import { spawn } from 'node:child_process'\ntest('a', () => { assert.ok(f(spawn(process.execPath, ['x.js'], { detached: true }))) })",
        inTest('assert.ok(f()); process.exit(0)'),
        "import cluster from 'node:cluster'\ntest('a', () => { assert.ok(f(cluster)) })",
      ],
    ],
    [
      'worker',
      [
        "import { Worker } from 'worker_threads'\ntest('a', () => { assert.ok(f(new Worker('1', { eval: true }))) })",
        "import { Worker } from 'node:worker_threads'\ntest('a', () => { assert.ok(f(new Worker(new URL('data:text/javascript,1')))) })",
        "import * as threads from 'node:worker_threads'\ntest('a', (t) => { assert.ok(f(new threads.Worker('data:text/javascript,1'))) })",
      ],
    ],
    [
      'files',
      [
        "import { writeFileSync } from 'node:fs'\ntest('a', () => { writeFileSync('x', '1'); assert.ok(f()) })",
        "import * as fs from 'fs'\ntest('a', async () => { await fs.promises.rm(new URL('./x', import.meta.url)); assert.ok(f()) })",
        "import { rm } from 'node:fs/promises'\ntest('a', async () => { await rm('/tmp/x'); assert.ok(f()) })",
      ],
    ],
    [
      'framework',
      [
        inTest('expect(f()).toBe(1)'),
        "import { vi } from 'vitest'\ntest('a', () => { assert.ok(f(vi)) })",
        inTest('jest.fn(); assert.ok(f())'),
      ],
    ],
    ['only-fails', [inTest("if (f() !== 1) throw new Error('no')")]],
    ['require', ["const x = require('../src/x.js')\ntest('a', () => { assert.ok(f(x)) })"]],
  ])('%s', (kind, texts) => {
    for (const text of texts) {
      expect(kindsOf('test/a.test.js', `${head}${text}\n`), text).toEqual([kind])
      expect(node(text), text).toHaveLength(1)
    }
  })

  test.each([
    "execFileSync(process.execPath, ['bin/slug.js', 'A b'], { encoding: 'utf8' })",
    "spawnSync('node', ['bin/slug.js'])",
    "execSync('node bin/slug.js \\'A b\\'')",
    'execSync(`${process.execPath} bin/slug.js`)',
    "promisify(execFile)(process.execPath, ['bin/slug.js'])",
  ])('a program of the project may be started: %s', (call) => {
    const text = `import { execFile, execFileSync, execSync, spawnSync } from 'node:child_process'\nimport { promisify } from 'node:util'\n${inTest(`assert.equal(String(${call}), 'a-b')`)}`
    expect(node(text)).toEqual([])
  })

  test('names the test without an assertion, and not those with one', () => {
    const problems = node("test('idle', () => { f() })\ntest('busy', () => { assert.ok(f()) })")
    expect(problems.join()).toMatch(/at least one assertion; there is none in: idle\./)
  })

  test('names the line and the code', () => {
    expect(node(inTest('assert.rejects(f())')).join()).toContain('(line 4: assert.rejects(f()))')
  })
})
