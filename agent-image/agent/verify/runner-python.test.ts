// What the runner for Python says of honest and of careless test files.
import { expect, test } from 'vitest'
import { runCases, useRunner } from '../../../test/support/agent/runner-fixture.ts'

useRunner()

const head = 'import asyncio, threading, time, unittest\n\n'
const method = (body: string, kind = 'def'): string =>
  `${head}class T(unittest.TestCase):\n    ${kind} test_x(self):\n${body.replace(/^/gm, '        ')}\n`
const none = { passed: [], skipped: [], failed: [], unrun: [], asserted: {}, swallowed: {} }

test('fails a test whose body never ran, or whose assertions fail where nobody looks', async () => {
  const never = 'so its body never ran'
  const cases: Record<string, [string, string]> = {
    'a coroutine in a TestCase': [
      method('self.assertEqual(1, 2)', 'async def'),
      `is async, ${never}`,
    ],
    'an inherited coroutine': [
      `${head}class Base:\n    async def test_x(self):\n        self.fail()\nclass T(Base, unittest.TestCase):\n    pass\n`,
      `is async, ${never}`,
    ],
    'a decorated coroutine': [
      `${head}import functools\ndef deco(f):\n    @functools.wraps(f)\n    def inner(self):\n        return f(self)\n    return inner\nclass T(unittest.TestCase):\n    @deco\n    async def test_x(self):\n        self.fail()\n`,
      `is async, ${never}`,
    ],
    'a generator': [method('yield\nself.fail()'), `holds a yield, ${never}`],
    'an async generator': [
      `${head}class T(unittest.IsolatedAsyncioTestCase):\n    async def test_x(self):\n        yield 1\n`,
      `holds a yield, ${never}`,
    ],
    'a value': [method('return 1 == 2'), 'returned a bool'],
    'a value of a function': [`def test_x():\n    return 1 == 2\n`, 'returned a bool'],
    'a thread': [
      method('t = threading.Thread(target=lambda: self.assertEqual(1, 2))\nt.start()\nt.join()'),
      '1 != 2',
    ],
    'a thread with a hook of its own': [
      method(
        'threading.excepthook = lambda args: None\ndef run():\n    assert 1 == 2\nt = threading.Thread(target=run)\nt.start()\nt.join()',
      ),
      '1 == 2 does not hold',
    ],
    'a thread that nobody waits for': [
      method('threading.Timer(0.3, lambda: self.assertEqual(1, 2)).start()'),
      '1 != 2\n(this error came after the test had ended)',
    ],
    'a task that nobody waits for': [
      `${head}class T(unittest.IsolatedAsyncioTestCase):\n    async def check(self):\n        self.assertEqual(1, 2)\n    async def test_x(self):\n        asyncio.create_task(self.check())\n        await asyncio.sleep(0.01)\n    async def test_y(self):\n        pass\n`,
      '1 != 2',
    ],
    'a task in asyncio.run': [
      method(
        'async def check():\n    self.assertEqual(1, 2)\nasync def main():\n    asyncio.ensure_future(check())\n    await asyncio.sleep(0.01)\nasyncio.run(main())',
      ),
      '1 != 2',
    ],
    'a finalizer': [
      method('class A:\n    def __del__(this):\n        self.assertEqual(1, 2)\na = A()\ndel a'),
      '1 != 2',
    ],
    'an async function': [`async def test_x():\n    assert 1 == 2\n`, '1 == 2 does not hold'],
    'an async method of a plain class': [
      `class TestX:\n    async def test_x(self):\n        assert 1 == 2\n`,
      '1 == 2 does not hold',
    ],
    interrupt: [method('raise KeyboardInterrupt'), 'KeyboardInterrupt was raised'],
    'an exit': [method('raise SystemExit(0)'), 'SystemExit: 0'],
    'an unexpected success': [
      `${head}class T(unittest.TestCase):\n    @unittest.expectedFailure\n    def test_x(self):\n        pass\n`,
      'was expected to fail and passed',
    ],
  }
  const { of, run } = await runCases(
    Object.fromEntries(Object.entries(cases).map(([name, [text]]) => [name, text])),
  )
  expect(run.problems).toEqual([])
  for (const [name, [, want]] of Object.entries(cases)) {
    const { failed, passed } = of(name)
    expect([name, failed.length, failed[0]]).toEqual([name, 1, expect.stringContaining(want)])
    expect([name, passed.filter((test) => test !== 'T > test_y')]).toEqual([name, []])
  }
}, 180_000)

test('runs what tests leave for the end of Python, and fails the test that left it', async () => {
  const late = '\n(this error came after the test had ended)'
  const wrong: Record<string, string> = {
    'an assertion': method(
      'import atexit\natexit.register(lambda: self.assertEqual(1, 2))\nself.assertTrue(1)',
    ),
    'a decorated function with assert': method(
      'import atexit\n@atexit.register\ndef check():\n    assert 1 == 2\nself.assertTrue(1)',
    ),
    'a function with arguments, and a second test': `${head}from atexit import register\nclass T(unittest.TestCase):\n    def test_x(self):\n        register(self.assertEqual, 1, second=2)\n        self.assertTrue(1)\n    def test_y(self):\n        self.assertTrue(1)\n`,
    'a finalizer of an object that lives': `${head}import weakref\nclass A:\n    pass\na = A()\nclass T(unittest.TestCase):\n    def test_x(self):\n        weakref.finalize(a, self.assertEqual, 1, 2)\n        self.assertTrue(1)\n`,
    'an end of the process': method(
      'import atexit, os\natexit.register(os._exit, 0)\nself.assertTrue(1)',
    ),
  }
  const right: Record<string, string> = {
    'an assertion that holds': method(
      'import atexit\natexit.register(lambda: self.assertEqual(1, 1))\nself.assertTrue(1)',
    ),
    'a function that was taken back': method(
      'import atexit\natexit.register(self.fail)\natexit.unregister(self.fail)\nself.assertTrue(1)',
    ),
    'an exit': method('import atexit, sys\natexit.register(sys.exit, 1)\nself.assertTrue(1)'),
    'a long sleep': method('import atexit\natexit.register(time.sleep, 600)\nself.assertTrue(1)'),
  }
  const { of } = await runCases({ ...wrong, ...right })
  for (const name of Object.keys(wrong).slice(0, 4)) {
    const { failed } = of(name)
    expect([name, failed.length, failed[0]]).toEqual([
      name,
      1,
      expect.stringContaining('T > test_x'),
    ])
    expect(failed[0]).toContain(late)
  }
  expect(of('an end of the process').failed).not.toEqual([])
  for (const name of Object.keys(right))
    expect([name, of(name).failed, of(name).passed]).toEqual([name, [], ['T > test_x']])
}, 120_000)

test('takes no skip for a pass, and tells of what it does not run', async () => {
  const cases = {
    'skip by code': {
      'app.py': 'import unittest\ndef f():\n    raise unittest.SkipTest("no database")\n',
      'tests/test_a.py': `from app import f\n${method('self.assertEqual(f(), 1)')}`,
    },
    'skip in parts': method(
      'with self.subTest("a"):\n    self.skipTest("no")\nself.assertEqual(1, 1)',
    ),
    'skipped class': `${head}@unittest.skip("later")\nclass T(unittest.TestCase):\n    def test_x(self):\n        self.fail()\n`,
    'skip in setUpClass': `${head}class T(unittest.TestCase):\n    @classmethod\n    def setUpClass(cls):\n        raise unittest.SkipTest("no")\n    def test_x(self):\n        pass\n`,
    'skip of the module': `${head}raise unittest.SkipTest("not here")\n`,
    'expected failure': `${head}class T(unittest.TestCase):\n    @unittest.expectedFailure\n    def test_x(self):\n        self.fail()\n`,
    'a fixture': `def test_x(tmp_path):\n    assert 1 == 2\ndef test_y(tmp_path, capsys):\n    pass\ndef test_z(n=1):\n    assert n == 1\n`,
    nested: `${head}class Outer:\n    class T(unittest.TestCase):\n        def test_x(self):\n            self.fail()\n`,
    'left out': `${head}class T(unittest.TestCase):\n    def test_x(self):\n        self.fail()\ndef load_tests(loader, tests, pattern):\n    return unittest.TestSuite()\n`,
    doctest: `"""\n>>> 1\n2\n"""\n`,
    'a constructor': `class TestX:\n    def __init__(self):\n        self.n = 1\n    def test_x(self):\n        assert self.n == 2\n`,
    pytest: `from pytest import raises\ndef test_x():\n    assert 1 == 2\n`,
    'pytest marks': `import pytest\n@pytest.mark.parametrize("n", [1])\ndef test_x(n):\n    assert n == 2\n`,
    'a missing package': {
      'app.py': 'import frobnicate.deep\n',
      'tests/test_a.py': `import app\n${method('pass')}`,
    },
    django: {
      'shop/tests.py': `from django.test import TestCase\nclass T(TestCase):\n    def test_x(self): pass\n`,
    },
    nothing: `ONE = 1\n`,
  }
  const { of } = await runCases(cases)
  const skipped = (name: keyof typeof cases): void =>
    expect([name, of(name).skipped, of(name).passed, of(name).failed]).toEqual([
      name,
      ['T > test_x'],
      [],
      [],
    ])
  for (const name of [
    'skip by code',
    'skip in parts',
    'skipped class',
    'skip in setUpClass',
  ] as const)
    skipped(name)
  skipped('expected failure')
  expect(of('skip of the module')).toEqual({ ...none, unrun: ['it skips itself: not here'] })
  expect(of('a fixture')).toMatchObject({
    passed: ['test_z'],
    unrun: [
      'test_x: it needs the pytest fixture tmp_path',
      'test_y: it needs the pytest fixtures tmp_path, capsys',
    ],
  })
  expect(of('nested').unrun[0]).toContain('Outer.T > test_x: it is nested in a class')
  expect(of('left out')).toEqual({ ...none, unrun: ['T > test_x: load_tests leaves it out'] })
  expect(of('doctest').unrun).toEqual(['it holds only doctests, which are not run here'])
  expect(of('a constructor').unrun[0]).toContain('TestX: the class has a constructor')
  for (const name of ['pytest', 'pytest marks'] as const)
    expect(of(name)).toEqual({ ...none, unrun: ['it needs pytest, which is not installed'] })
  expect(of('a missing package').unrun).toEqual(['it needs frobnicate, which is not installed'])
  expect(of('django').unrun).toEqual(['it needs django, which is not installed'])
  expect(of('nothing')).toEqual({ ...none, unrun: ['there are no tests in it'] })
}, 120_000)

test('counts assertions, and tells of one that failed although its test passed', async () => {
  const { of } = await runCases({
    counted: `${head}import check_it
class T(unittest.TestCase):
    def test_none(self):
        for one in []:
            self.assertEqual(one, 2)
    def test_context_not_entered(self):
        self.assertRaises(ValueError)
    def test_two(self):
        self.assertEqual([1], [1])
        self.assertIn(1, [1])
    def test_plain(self):
        assert 1 == 1
        assert [1], 'message'
    def test_raises(self):
        with self.assertRaises(ValueError):
            int('x')
        self.assertRaises(ValueError, int, 'x')
    def test_logs(self):
        import logging
        with self.assertLogs():
            logging.error('x')
    def test_helper(self):
        check_it.check(self)
class A(unittest.IsolatedAsyncioTestCase):
    async def test_async(self):
        await asyncio.sleep(0)
        self.assertTrue(True)
def test_function():
    assert not 0
`,
    swallowed: `${head}
class T(unittest.TestCase):
    def test_fail(self):
        try:
            self.fail('must raise')
        except AssertionError:
            pass
    def test_all(self):
        try:
            assert 1 == 2
        except Exception:
            pass
        self.assertTrue(True)
    def test_thread_pool(self):
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor() as pool:
            pool.submit(self.assertEqual, 1, 2)
        self.assertTrue(True)
    def test_future(self):
        def check():
            self.assertEqual(1, 2)
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor() as pool:
            pool.submit(check)
`,
    honest: `${head}
class T(unittest.TestCase):
    def test_wanted(self):
        with self.assertRaises(AssertionError):
            self.assertEqual(1, 2)
        self.assertRaises(AssertionError, self.assertEqual, 1, 2)
    def test_again(self):
        for n in range(5):
            try:
                self.assertEqual(n, 4)
                break
            except AssertionError:
                time.sleep(0.001)
`,
  } as const)
  expect(of('counted').unrun).toEqual(['it needs check_it, which is not installed'])
  expect(of('swallowed').swallowed).toEqual({
    'T > test_fail': 'AssertionError: must raise',
    'T > test_all': 'AssertionError: 1 == 2 does not hold',
    'T > test_future': 'AssertionError: 1 != 2',
  })
  expect(of('honest').swallowed).toEqual({})
  expect(of('honest').failed).toEqual([])
}, 60_000)

test('takes no assertion for one that holds of every coroutine and generator', async () => {
  const { of } = await runCases({
    doubtful: `${head}
async def no():
    return False
def none():
    yield False
class T(unittest.TestCase):
    def test_true(self):
        self.assertTrue(no())
    def test_not_none(self):
        self.assertIsNotNone(none())
    def test_statement(self):
        assert no()
    def test_not_equal(self):
        assert none() != None
`,
    honest: `${head}
async def yes():
    return True
def some():
    yield True
class T(unittest.IsolatedAsyncioTestCase):
    async def test_awaited(self):
        self.assertTrue(await yes())
    def test_any(self):
        self.assertTrue(any(some()))
        assert all(some())
    def test_two(self):
        self.assertIsNot(some(), some())
        assert some() is not some()
`,
  } as const)
  expect(Object.keys(of('doubtful').swallowed)).toEqual([
    'T > test_not_equal',
    'T > test_not_none',
    'T > test_statement',
    'T > test_true',
  ])
  expect(of('doubtful').swallowed['T > test_true']).toContain('await it')
  expect(of('honest').swallowed).toEqual({})
  expect(of('honest').failed).toEqual([])
}, 60_000)

test('counts what mocks assert', async () => {
  const { of } = await runCases({
    mocks: `${head}
from unittest.mock import AsyncMock, Mock, patch
class T(unittest.IsolatedAsyncioTestCase):
    def test_called(self):
        mock = Mock()
        mock(1)
        mock.assert_called_once_with(1)
    def test_patched(self):
        with patch('time.time') as clock:
            time.time()
        clock.assert_called()
    async def test_awaited(self):
        mock = AsyncMock()
        await mock()
        mock.assert_awaited_once()
    def test_not_called(self):
        Mock().assert_called()
    def test_swallowed(self):
        try:
            Mock().assert_called()
        except AssertionError:
            pass
`,
  } as const)
  const { asserted, failed, swallowed } = of('mocks')
  expect(asserted).toMatchObject({
    'T > test_called': 1,
    'T > test_patched': 1,
    'T > test_awaited': 1,
    'T > test_not_called': 1,
  })
  expect(failed).toEqual([
    "T > test_not_called: AssertionError: Expected 'mock' to have been called.",
  ])
  expect(Object.keys(swallowed)).toEqual(['T > test_swallowed'])
}, 60_000)

test('fails a comparison with something that equals everything of its kind', async () => {
  const lazy = (body: string): string =>
    `class Lazy(str):\n    def __eq__(self, other):\n        return ${body}\n    __hash__ = str.__hash__\n`
  const use = (check: string): string => `from app import *\n${method(check)}`
  const { of } = await runCases({
    'always true': {
      'app.py': lazy('True'),
      'tests/test_a.py': use('self.assertEqual(Lazy("a"), "b")'),
    },
    'of a kind': {
      'app.py': lazy('isinstance(other, str)'),
      'tests/test_a.py': use('self.assertEqual("b", Lazy("a"))'),
    },
    'by assert': { 'app.py': lazy('True'), 'tests/test_a.py': use('assert Lazy("a") == "b"') },
    'in a list': {
      'app.py': lazy('True'),
      'tests/test_a.py': use('self.assertEqual([Lazy("a")], ["b"])'),
    },
    'no str at all': {
      'app.py': 'class Any:\n    def __eq__(self, other):\n        return True\n',
      'tests/test_a.py': use('self.assertEqual(Any(), 5)'),
    },
    'holds everything': {
      'app.py': 'class Bag:\n    def __contains__(self, one):\n        return True\n',
      'tests/test_a.py': use('self.assertIn(1, Bag())'),
    },
    honest: {
      'app.py':
        'import dataclasses, enum, collections\n@dataclasses.dataclass\nclass P:\n    x: int\nclass E(enum.Enum):\n    A = 1\nN = collections.namedtuple("N", "x")\nclass Own:\n    def __init__(self, x):\n        self.x = x\n    def __eq__(self, other):\n        return isinstance(other, Own) and self.x == other.x\nclass Fold(str):\n    def __eq__(self, other):\n        return self.lower() == str(other).lower()\n    __hash__ = str.__hash__\n',
      'tests/test_a.py': `from unittest.mock import ANY, call\nfrom app import *\n${method(
        'self.assertEqual(P(1), P(1))\nself.assertEqual(E.A, E.A)\nself.assertEqual(N(1), (1,))\nself.assertEqual(Own(1), Own(1))\nself.assertEqual(Fold("A"), "a")\nself.assertEqual({"id": ANY}, {"id": 1})\nself.assertEqual(call(1), call(1))\nclass Matcher:\n    def __eq__(self, other):\n        return isinstance(other, str)\nself.assertEqual({"id": "x"}, {"id": Matcher()})',
      )}`,
    },
  })
  for (const name of [
    'always true',
    'of a kind',
    'by assert',
    'in a list',
    'no str at all',
  ] as const)
    expect([name, of(name).failed[0]]).toEqual([name, expect.stringContaining('proves nothing')])
  expect(of('holds everything').failed[0]).toContain('does not look')
  expect(of('honest').failed).toEqual([])
  expect(of('honest').passed).toEqual(['T > test_x'])
}, 60_000)
