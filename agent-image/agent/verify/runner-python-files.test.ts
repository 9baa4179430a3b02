// How the runner for Python finds, loads and ends test files.
import { describe, expect, test } from 'vitest'
import type { RunnerLimits } from './runner.ts'
import {
  runCases,
  runner,
  signal,
  useRunner,
  whole,
} from '../../../test/support/agent/runner-fixture.ts'

useRunner()

const head = 'import asyncio, threading, time, unittest\n\n'

describe('how a file is found and loaded', () => {
  const works = (from: string): string =>
    `import unittest\n${from}\nclass T(unittest.TestCase):\n    def test_works(self):\n        self.assertEqual(f(), 1)\n`
  const f = 'def f():\n    return 1\n'
  const cases = {
    'test/ without __init__': { 'app.py': f, 'test/test_a.py': works('from app import f') },
    'two of one name': {
      'a/tests/test_a.py': works('f = lambda: 1'),
      'b/tests/test_a.py': works('f = lambda: 1'),
    },
    'a hyphen': { 'app.py': f, 'my-tests/test_a-b.py': works('from app import f') },
    'a relative import': {
      'app/__init__.py': '',
      'app/a.py': f,
      'app/tests/__init__.py': '',
      'app/tests/test_a.py': works('from ..a import f'),
    },
    'a package below src': {
      'src/app/__init__.py': '',
      'src/app/a.py': `${f}class Error(Exception):\n    pass\n`,
      'src/app/tests/__init__.py': '',
      'src/app/tests/test_a.py': works(
        'import app.a\nfrom ..a import f, Error\nassert Error is app.a.Error',
      ),
    },
    'a helper beside': { 'tests/helpers.py': f, 'tests/test_a.py': works('from helpers import f') },
    'a helper by its package': {
      'tests/helpers.py': f,
      'tests/test_a.py': works('from tests.helpers import f'),
    },
    'src layout': { 'src/app/__init__.py': f, 'tests/test_a.py': works('from app import f') },
    'lib layout': { 'lib/app/__init__.py': f, 'tests/test_a.py': works('from app import f') },
    'json.py': { 'json.py': f, 'tests/test_a.py': works('from json import f') },
    'signal.py': { 'signal.py': f, 'tests/test_a.py': works('from signal import f') },
    'queue/': { 'queue/__init__.py': f, 'tests/test_a.py': works('from queue import f') },
    'code.py': { 'code.py': f, 'tests/test_a.py': works('from code import f') },
    'main without a guard': {
      'app.py': f,
      'tests/test_a.py': `${works('from app import f')}unittest.main()\n`,
    },
    'BOM and coding': {
      'app.py': f,
      'tests/test_a.py': `\uFEFF# -*- coding: utf-8 -*-\r\n${works('from app import f').replaceAll('\n', '\r\n')}`,
    },
    'plain class': {
      'tests/test_a.py':
        'class TestBase:\n    log = []\n    @classmethod\n    def setup_class(cls):\n        cls.log.append("class")\n    def setup_method(self, method):\n        self.n = len(self.log)\n    def teardown_method(self):\n        self.log.append("down")\n    def test_a(self):\n        assert self.n == 1\n    def test_b(self):\n        assert self.n == 2\n    class TestInner:\n        def test_c(self):\n            assert True\ndef setup_module(module):\n    module.ready = 1\ndef setup_function(function):\n    global count\n    count = 1\ndef test_f():\n    assert ready == 1 and count == 1\n',
    },
    load_tests: {
      'app.py': 'def f():\n    """\n    >>> f()\n    1\n    """\n    return 1\n',
      'tests/test_a.py':
        'import doctest, app\ndef load_tests(loader, tests, pattern):\n    tests.addTests(doctest.DocTestSuite(app))\n    return tests\n',
    },
  }

  test('runs what Python can run', async () => {
    const { of, run } = await runCases(cases)
    expect(run.problems).toEqual([])
    for (const name of Object.keys(cases) as (keyof typeof cases)[])
      expect([name, of(name).failed, of(name).unrun]).toEqual([name, [], []])
    for (const name of Object.keys(cases).slice(0, 15) as (keyof typeof cases)[])
      expect([name, of(name).passed[0]]).toEqual([name, 'T > test_works'])
    expect(of('two of one name').passed).toHaveLength(2)
    expect(of('plain class').passed.toSorted()).toEqual([
      'TestBase > test_a',
      'TestBase > test_b',
      'TestBase.TestInner > test_c',
      'test_f',
    ])
    expect(of('load_tests').passed).toEqual(['doctest > app.f'])
  }, 120_000)

  test('says of what failed where it failed', async () => {
    const { of, run } = await runCases({
      'a syntax error': {
        'app.py': 'def f(:\n    pass\n',
        'tests/test_a.py': works('from app import f'),
      },
      'no such name': { 'app.py': '', 'tests/test_a.py': works('from app import f') },
      'no such module of the project': {
        'app/__init__.py': '',
        'tests/test_a.py': works('from app.nowhere import f'),
      },
      'an error at the top': 'raise TypeError("at the top")\n',
      'an exit at the top': 'import sys\nsys.exit(0)\n',
      'an end at the top': 'import os\nos._exit(0)\n',
      'a message': `def test_x():\n    value = [1]\n    assert value == [\n        2\n    ]\n`,
      setUpClass: `${head}class T(unittest.TestCase):\n    @classmethod\n    def setUpClass(cls):\n        raise RuntimeError("no db")\n    def test_a(self):\n        pass\n    def test_b(self):\n        pass\n`,
      setUpModule: `${head}def setUpModule():\n    raise RuntimeError("no db")\nclass T(unittest.TestCase):\n    def test_a(self):\n        pass\n`,
    })
    expect(of('a syntax error').failed[0]).toContain(whole('SyntaxError: '))
    expect(of('no such name').failed[0]).toContain("ImportError: cannot import name 'f'")
    expect(of('no such module of the project').failed).toEqual([
      whole("ModuleNotFoundError: No module named 'app.nowhere'"),
    ])
    expect(of('an error at the top').failed).toEqual([whole('TypeError: at the top')])
    expect(of('an exit at the top').failed).toEqual([whole('SystemExit: 0')])
    expect(of('an end at the top').failed).toEqual([whole('its process ended with exit code 0')])
    expect(of('a message').failed).toEqual(['test_x: AssertionError: [1] == [2] does not hold'])
    expect(of('setUpClass').failed).toEqual([
      'T > test_a: RuntimeError: no db',
      'T > test_b: RuntimeError: no db',
    ])
    expect(of('setUpModule').failed).toEqual(['T > test_a: RuntimeError: no db'])
    const frames = run.failed.map(({ frame }) => frame && `${frame.file}:${frame.line}`)
    expect(frames).toEqual(
      expect.arrayContaining([
        'case_0/app.py:1',
        'case_1/tests/test_a.py:2',
        'case_6/tests/test_a.py:3',
      ]),
    )
  }, 60_000)
})

test('ends tests and files that do not end, and keeps what was reported', async () => {
  const { of } = await runCases(
    {
      sleeps: `${head}def test_a():\n    pass\ndef test_b():\n    try:\n        time.sleep(60)\n    except Exception:\n        pass\ndef test_c():\n    pass\n`,
      'takes the alarm away': `${head}import signal\ndef test_a():\n    pass\ndef test_b():\n    signal.signal(signal.SIGALRM, signal.SIG_IGN)\n    time.sleep(60)\n`,
      'a thread that stays': `${head}def test_a():\n    threading.Thread(target=time.sleep, args=[60]).start()\n`,
    },
    { limits: { testMs: 700, silenceMs: 3000, fileMs: 8000, commandMs: 60_000, loadMs: 1000 } },
  )
  expect(of('sleeps')).toMatchObject({
    passed: ['test_a', 'test_c'],
    failed: ['test_b: the test took longer than 0.7 seconds'],
  })
  expect(of('takes the alarm away').passed).toEqual(['test_a'])
  expect(of('takes the alarm away').failed[0]).toContain('while “test_b” was running')
  expect(of('a thread that stays')).toMatchObject({ passed: ['test_a'], failed: [] })
}, 60_000)

describe('files that share a process', () => {
  const one = (body: string): string =>
    `${head}class T(unittest.TestCase):\n    def test_x(self):\n        ${body}\n`
  const shared = async (
    files: Readonly<Record<string, string>>,
    order: readonly string[],
    { loaded = [], limits }: { loaded?: readonly string[]; limits?: RunnerLimits } = {},
  ) => {
    const changes = new Map(Object.entries(files))
    const run = await runner(limits).test(order, changes, { signal, together: { loaded } })
    const failed = run.failed.map((test) => `${test.file} > ${test.name}: ${test.message}`)
    return { failed, passed: run.passed, skipped: run.skipped, problems: run.problems }
  }

  test('are all loaded before a test is run, in the order given, and each tells of its own', async () => {
    const files = {
      'log.py': 'SEEN = []\n',
      'test_a.py': `import log\nlog.SEEN.append("a")\n${one('self.assertEqual(log.SEEN, ["b", "a"])')}`,
      'test_b.py': `import log\nlog.SEEN.append("b")\n${one('self.assertEqual(log.SEEN, ["a", "b"])')}`,
    }
    const { failed, passed, problems } = await shared(files, ['test_b.py', 'test_a.py'])
    expect(problems).toEqual([])
    expect(passed).toEqual(['test_a.py > T > test_x'])
    expect(failed).toEqual([expect.stringContaining('test_b.py > T > test_x: AssertionError')])
  }, 60_000)

  test('load code in between, whose tests and errors do not count', async () => {
    const files = {
      'pkg/__init__.py': '',
      'pkg/code.py': `from . import __name__ as name\nimport os\nos.environ["PKG"] = name\ndef test_no():\n    assert False\n`,
      'pkg/broken.py': 'raise SystemExit(3)\n',
      'test_a.py': `import os\n${one('self.assertEqual(os.environ.get("PKG"), "pkg")')}`,
    }
    const loaded = ['pkg/code.py', 'pkg/broken.py']
    const { failed, passed } = await shared(files, [...loaded, 'test_a.py'], { loaded })
    expect(passed).toEqual(['test_a.py > T > test_x'])
    expect(failed).toEqual([expect.stringContaining('pkg/broken.py > (whole file): SystemExit')])
  }, 60_000)

  test('say nothing where one does not find its own modules, or has no time', async () => {
    const files = {
      'a/helpers.py': 'NAME = "a"\n',
      'a/test_a.py': `import helpers\n${one('self.assertEqual(helpers.NAME, "a")')}`,
      'b/helpers.py': 'NAME = "b"\n',
      'b/test_b.py': `import helpers\n${one('self.assertEqual(helpers.NAME, "b")')}`,
      'test_c.py': one('time.sleep(1.5)'),
      'test_d.py': one('time.sleep(1.5)'),
    }
    const order = ['a/test_a.py', 'b/test_b.py']
    expect(await shared(files, order)).toMatchObject({
      passed: ['a/test_a.py > T > test_x'],
      failed: [],
      problems: [],
    })
    const limits = { testMs: 3000, silenceMs: 3500, fileMs: 9000, commandMs: 2500, loadMs: 1000 }
    expect(await shared(files, ['test_c.py', 'test_d.py'], { limits })).toMatchObject({
      passed: ['test_c.py > T > test_x'],
      failed: [],
      problems: [],
    })
  }, 60_000)

  test('fail where one ends the process, or no longer finds its tests', async () => {
    const files = {
      'test_a.py': one('pass'),
      'test_b.py': `import os\n${one('os._exit(0)')}`,
      'test_c.py': one('pass'),
      'test_d.py': `${head}class T(unittest.TestCase):\n    def check_x(self):\n        pass\n`,
    }
    const { failed, passed } = await shared(files, ['test_a.py', 'test_b.py', 'test_c.py'])
    expect(passed).toEqual(['test_a.py > T > test_x'])
    expect(failed).toEqual([
      expect.stringContaining('test_b.py > (whole file): its process ended with exit code 0'),
      expect.stringContaining('test_c.py > (whole file): its process ended with exit code 0'),
    ])
    expect((await shared(files, ['test_a.py', 'test_d.py'])).failed).toEqual([
      'test_d.py > (whole file): no test was found in it',
    ])
  }, 60_000)
})
