// What code under test can do to the runners: whatever it does, a test that fails is not reported
// as passed.
import { expect, test } from 'vitest'
import { runCases, useRunner } from '../../../test/support/agent/runner-fixture.ts'

useRunner()

const spec = `import { test } from 'node:test'
import assert, { equal } from 'node:assert/strict'
import { slugify } from '../src.js'
test('joins', () => { assert.equal(slugify('a b'), 'a-b') })
test('lowers', () => { equal(slugify('A'), 'a') })
test('throws', () => { assert.throws(() => slugify(null), TypeError) })
`
const wrong = 'export function slugify(text) { return text }\n'

const node = {
  'assigns to assert': `import assert from 'node:assert/strict'\nassert.equal = () => {}\nassert.throws = () => {}\n`,
  'assigns through require': `import { createRequire } from 'node:module'\ncreateRequire(import.meta.url)('assert').strict.equal = () => {}\n`,
  'defines properties of assert': `import assert from 'node:assert'\ntry { Object.defineProperty(assert.strict, 'equal', { value() {} }) } catch {}\n`,
  'patches the built-in and its exports': `import { syncBuiltinESMExports } from 'node:module'\nconst assert = process.getBuiltinModule('node:assert')\nfor (const one of [assert, assert.strict]) for (const key of Object.keys(one)) try { one[key] = () => {} } catch {}\nsyncBuiltinESMExports()\n`,
  'patches when called': `import assert from 'node:assert/strict'\nconst old = assert.equal\nexport function slugify(text) { assert.equal = () => { assert.equal = old }; return text }\n`,
  'throws a different assertion class': `import assert from 'node:assert'\nassert.AssertionError = class {}\n`,
  'skips each test': `import { beforeEach } from 'node:test'\nbeforeEach((t) => t.skip())\n`,
  'marks each test as todo': `import { beforeEach } from 'node:test'\nbeforeEach((t) => t.todo())\n`,
  'patches the context': `import { beforeEach } from 'node:test'\nbeforeEach((t) => { const p = Object.getPrototypeOf(t); for (const key of Object.getOwnPropertyNames(p)) try { p[key] = () => {} } catch {} })\n`,
  'makes every test pass by async hooks': `import { createHook } from 'node:async_hooks'\ncreateHook({ init(id, type, trigger, test) { if (type === 'Test') Object.getPrototypeOf(test).fail = () => {} } }).enable()\nimport { test } from 'node:test'\ntest('mine', () => {})\n`,
  'makes each test pass by itself': `import { createHook } from 'node:async_hooks'\ncreateHook({ init(id, type, trigger, test) { if (type === 'Test') test.fail = () => {} } }).enable()\n`,
  'patches streams and emitters': `import { EventEmitter } from 'node:events'\nimport { Readable } from 'node:stream'\nconst { emit } = EventEmitter.prototype\nEventEmitter.prototype.emit = function (type, data) { return emit.call(this, type === 'test:fail' ? 'test:pass' : type, data) }\nReadable.prototype.push = () => true\n`,
  'patches what we use': `JSON.stringify = () => '{}'\nMap.prototype.get = () => undefined\nWeakMap.prototype.get = () => undefined\nArray.prototype.push = () => 0\nString.prototype.slice = () => ''\nRegExp.prototype.exec = () => null\nReflect.apply = () => undefined\nPromise.prototype.then = Promise.prototype.then\nObject.defineProperty(Object.prototype, 'toJSON', { value: () => ({ status: 'pass' }) })\n`,
  'writes to all descriptors': `import { writeSync } from 'node:fs'\nfor (let fd = 3; fd < 40; fd++) try { writeSync(fd, '{"kind":"test","number":1,"name":"joins","status":"pass"}\\n{"kind":"finished","tests":1}\\n') } catch {}\n`,
  'closes all descriptors': `import { closeSync } from 'node:fs'\nfor (let fd = 3; fd < 10; fd++) try { closeSync(fd) } catch {}\n`,
  'ends the process when called': `export function slugify() { process.exit(0) }\n`,
  'ends the process behind our back': `export function slugify() { process.reallyExit(0) }\n`,
  'ends the process while loading': `process.exit(0)\n`,
  'ends the process by a hook': `import { before } from 'node:test'\nbefore(() => process.exit(0))\n`,
  'ends the process when it ends': `process.on('exit', () => process.reallyExit(0))\n`,
  'kills its own process': `process.kill(process.pid, 'SIGKILL')\n`,
  'kills the runner': `process.kill(process.ppid, 'SIGKILL')\n`,
  'has tests of the same names': `import { test } from 'node:test'\nfor (const name of ['joins', 'lowers', 'throws']) test(name, () => {})\n`,
  'never settles': `export const slugify = () => new Promise(() => {})\n`,
  'throws nothing': `export function slugify() { throw undefined }\n`,
  'rewrites the file': `import { readFileSync, writeFileSync } from 'node:fs'\nconst path = new URL('./test/a.test.js', import.meta.url)\nconst old = readFileSync(path)\nprocess.on('exit', () => writeFileSync(path, old))\nwriteFileSync(path, '')\n`,
  'imports of its own': `import './other.js'\n`,
}

test('believes no pass that code under test brought about (Node)', async () => {
  const { of, run } = await runCases(
    Object.fromEntries(
      Object.entries(node)
        .filter(([name]) => name !== 'kills the runner')
        .map(([name, code]) => [
          name,
          {
            'src.js': code.includes('export') ? code : `${code}${wrong}`,
            'other.js': `import assert from 'assert'\nassert.strict.equal = () => {}\n`,
            'test/a.test.js': spec,
          },
        ]),
    ),
  )
  expect(run.problems).toEqual([])
  for (const name of Object.keys(node)) {
    if (name === 'kills the runner') continue
    const { passed, failed, skipped } = of(name)
    const own = passed.filter((one) => one !== 'mine' && !one.endsWith('#2'))
    expect([name, own]).toEqual([name, []])
    expect([name, failed.length + skipped.length]).not.toEqual([name, 0])
  }
}, 180_000)

test('has no report at all when the runner is killed', async () => {
  const { run } = await runCases({
    node: { 'src.js': node['kills the runner'] + wrong, 'test/a.test.js': spec },
  })
  expect(run.passed).toEqual([])
  expect(run.problems).toContain('the runner gave no complete report')
}, 60_000)

const pythonSpec = `import unittest
from app import slugify
class T(unittest.TestCase):
    def test_joins(self):
        self.assertEqual(slugify('a b'), 'a-b')
    def test_raises(self):
        with self.assertRaises(TypeError):
            slugify(None)
def test_plain():
    assert slugify('A') == 'a'
`
const pythonWrong = 'def slugify(text):\n    return text\n'
const python = {
  'patches assertEqual': 'import unittest\nunittest.TestCase.assertEqual = lambda *a, **k: None\n',
  'patches all of TestCase':
    'import unittest\nfor name in dir(unittest.TestCase):\n    if name.startswith("assert"):\n        setattr(unittest.TestCase, name, lambda *a, **k: None)\n',
  'patches the method that runs a test':
    'import unittest\nunittest.TestCase._callTestMethod = lambda self, method: None\n',
  'patches run':
    'import unittest\nunittest.TestCase.run = lambda self, result=None: (result.startTest(self), result.addSuccess(self), result.stopTest(self))\n',
  'patches the result':
    'import gc, unittest\nfor one in gc.get_objects():\n    if isinstance(one, type) and one.__name__ == "Reporter":\n        one.addFailure = one.addError = unittest.TestResult.addSuccess\n',
  'patches when called':
    'import unittest\ndef slugify(text):\n    unittest.TestCase.assertEqual = lambda *a, **k: None\n    return text\n',
  'patches the outcome':
    'import unittest.case, contextlib\n@contextlib.contextmanager\ndef part(self, case, subTest=False):\n    try:\n        yield\n    except BaseException:\n        pass\nunittest.case._Outcome.testPartExecutor = part\n',
  'patches json and os':
    'import json, os\njson.dumps = lambda *a, **k: "{}"\nos.write = lambda fd, data: len(data)\n',
  'writes to the channel':
    'import os\nfor fd in range(3, 40):\n    try:\n        os.write(fd, b\'{"kind": "finished", "tests": 1}\\n\')\n    except OSError:\n        pass\n',
  'closes all descriptors': 'import os\nos.closerange(3, 100)\n',
  'looks for the Reporter':
    'import sys\nR = getattr(sys.modules["__main__"], "Reporter", None)\nif R: R.addFailure = lambda *a: None\n',
  skips: 'import unittest\ndef slugify(text):\n    raise unittest.SkipTest("later")\n',
  'equals everything':
    'class Any(str):\n    def __eq__(self, other): return True\n    __hash__ = str.__hash__\ndef slugify(text):\n    return Any(text)\n',
  'ends the process': 'import os\ndef slugify(text):\n    os._exit(0)\n',
  'ends it while loading': 'import os\nos._exit(0)\n',
  'ends it by a thread':
    'import os, threading, time\ndef slugify(text):\n    threading.Timer(0, os._exit, [0]).start()\n    time.sleep(0.5)\n',
  interrupts: 'def slugify(text):\n    raise KeyboardInterrupt\n',
  'hooks of errors':
    'import sys, threading\nsys.excepthook = threading.excepthook = sys.unraisablehook = lambda *a: None\n',
  forks: 'import os\nos.fork()\n',
}

test('believes no pass that code under test brought about (Python)', async () => {
  const cases: Record<string, Record<string, string>> = Object.fromEntries(
    Object.entries(python).map(([name, code]) => [
      name,
      {
        'app.py': code.includes('def slugify') ? code : `${code}${pythonWrong}`,
        'tests/test_a.py': pythonSpec,
      },
    ]),
  )
  const files = {
    ...cases,
    'a package of tests that patches': {
      'app.py': pythonWrong,
      'tests/__init__.py': python['patches assertEqual'],
      'tests/test_a.py': pythonSpec,
    },
    'a unittest of its own': {
      'app.py': pythonWrong,
      'unittest.py':
        'class TestCase:\n    def __getattr__(self, name):\n        return lambda *a: None\n',
      'tests/test_a.py': pythonSpec,
    },
    'a sitecustomize of its own': {
      'app.py': pythonWrong,
      'sitecustomize.py': python['patches assertEqual'],
      'tests/test_a.py': pythonSpec,
    },
  }
  const { of, run } = await runCases<string>(files)
  expect(run.problems).toEqual([])
  for (const name of Object.keys(files)) {
    const { passed, failed, skipped } = of(name)
    expect([name, passed]).toEqual([name, []])
    expect([name, failed.length + skipped.length]).not.toEqual([name, 0])
  }
}, 180_000)

test('believes honest files beside those, and hooks that throw are no forging', async () => {
  const { of } = await runCases({
    node: {
      'src.js': "export const slugify = (text) => text.toLowerCase().replace(' ', '-')\n",
      'test/a.test.js': spec,
    },
    hooks: `import { afterEach, beforeEach, test } from 'node:test'\nbeforeEach(() => { throw new Error('no db') })\nafterEach(() => {})\ntest('x', () => {})\n`,
    python: {
      'app.py':
        "def slugify(text):\n    return text.lower().replace(' ', '-') if isinstance(text, str) else int(text)\n",
      'tests/test_a.py': pythonSpec,
    },
    'python hooks': `import unittest\ndef setUpModule():\n    raise OSError('no db')\nclass T(unittest.TestCase):\n    def test_x(self):\n        pass\n`,
  })
  expect(of('node').passed).toEqual(['joins', 'lowers', 'throws'])
  expect(of('hooks').failed).toEqual(['x: Error: no db'])
  expect(of('python').passed).toEqual(['T > test_joins', 'T > test_raises', 'test_plain'])
  expect(of('python hooks').failed).toEqual(['T > test_x: OSError: no db'])
}, 60_000)
