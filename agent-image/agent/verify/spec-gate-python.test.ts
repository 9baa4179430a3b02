// What the gate lets through and refuses of Python, by kind: honest tests first, because a refusal
// of one of them can never be repaired by the model.
import { describe, expect, test } from 'vitest'
import { factsOf } from '../code/read-code.ts'
import { specProblems } from './spec-gate.ts'

const kindsOf = (path: string, text: string): readonly string[] => {
  const facts = factsOf(path, text)
  expect(facts.parsed).toEqual({ kind: 'fine' })
  return [...new Set(facts.concerns.map((concern) => concern.kind))]
}
const start = 'import unittest\nfrom app.slug import slug\n'
const method = (body: string, imports = ''): string =>
  `${start}${imports}class T(unittest.TestCase):\n    def test_x(self):\n${body.replace(/^/gm, '        ')}\n`
const asyncClass = (body: string): string =>
  `${start}class T(unittest.IsolatedAsyncioTestCase):\n${body}`

describe('honest Python tests are let through', () => {
  test.each<[string, string]>([
    [
      'addresses in strings',
      method("self.assertEqual(host('https://www.python.org/x'), 'www.python.org')"),
    ],
    [
      'forbidden words in strings',
      method('self.assertEqual(title(\'subprocess random.random() open("x", "w")\'), \'S\')'),
    ],
    [
      'exceptions',
      method(
        'with self.assertRaises(ValueError):\n    slug(None)\nself.assertRaises(ValueError, slug, None)',
      ),
    ],
    [
      'a program of the project that is started',
      method(
        "out = subprocess.run([sys.executable, '-m', 'app.slug', 'A b'], capture_output=True, text=True, check=True)\nself.assertEqual(out.stdout, 'a-b\\n')\nwith self.assertRaises(subprocess.CalledProcessError):\n    subprocess.check_output(['python3', 'app/slug.py'])",
        'import subprocess\nimport sys\n',
      ),
    ],
    ['a variable called random', method("random = slug('a')\nself.assertEqual(random, 'a')")],
    [
      'chance with a seed',
      method("random.seed(1)\nself.assertEqual(slug(random.random()), 'a')", 'import random\n'),
    ],
    [
      'a folder of its own',
      method(
        "with tempfile.TemporaryDirectory() as d:\n    p = Path(d) / 'x'\n    p.write_text('a')\n    open(os.path.join(d, 'y'), 'w').close()\n    self.assertEqual(slug(p), 1)",
        'import tempfile, os\nfrom pathlib import Path\n',
      ),
    ],
    [
      'helpers and subtests',
      `${start}class T(unittest.TestCase):\n    def check(self, a, b):\n        self.assertEqual(slug(a), b)\n    def test_y(self):\n        for a in 'ab':\n            with self.subTest(a):\n                self.check(a, a)\n`,
    ],
    [
      'asynchronous tests',
      asyncClass("    async def test_x(self):\n        self.assertEqual(await slug('a'), 1)\n"),
    ],
    [
      'a mixin',
      `${start}class Base:\n    def test_x(self):\n        self.assertEqual(slug('a'), 'a')\nclass T(Base, unittest.TestCase):\n    pass\n`,
    ],
    [
      'a main that exits',
      `${method("self.assertEqual(slug('a'), 'a')")}\nif __name__ == '__main__':\n    import sys\n    sys.exit(unittest.main())\n`,
    ],
    ['plain functions', `${start}def test_a():\n    assert slug('a') == 'a'\n`],
    [
      'plain classes, which the runner runs as pytest does',
      `${start}class TestA:\n    def setup_method(self):\n        self.a = 'a'\n    def test_x(self):\n        assert slug(self.a) == 'a'\n    async def test_y(self):\n        assert await slug('b') == 'b'\n    @staticmethod\n    def test_z():\n        assert slug('c') == 'c'\n`,
    ],
    [
      'a try that looks at the error',
      method(
        "try:\n    slug(1)\n    self.fail('no')\nexcept Exception as e:\n    self.assertIsInstance(e, KeyError)",
      ),
    ],
    [
      'a clock that is replaced',
      `${start}from unittest.mock import patch\nclass T(unittest.TestCase):\n    @patch('time.time', return_value=1)\n    def test_x(self, now):\n        self.assertEqual(slug('a'), 1)\n        now.assert_called_once()\n`,
    ],
  ])('%s', (_what, text) => {
    expect(specProblems('tests/test_a.py', text)).toEqual([])
  })
})

describe('Python tests that prove nothing, or lean on the world, are refused', () => {
  test.each<[string, readonly string[]]>([
    [
      'never-run',
      [
        `${start}class T(unittest.TestCase):\n    async def test_x(self):\n        self.assertEqual(await slug('a'), 1)\n`,
        method("yield\nself.assertEqual(slug('a'), 1)"),
        `${start}class Slugs:\n    def test_x(self):\n        assert slug('a') == 1\n`,
        `${start}class TestA:\n    def __init__(self):\n        self.a = 1\n    def test_x(self):\n        assert slug('a') == 1\n`,
        `${start}class TestA:\n    def test_x(self, client):\n        assert slug(client) == 1\n`,
        `${start}class T(unittest.TestCase):\n    class TestA:\n        def test_x(self):\n            assert slug('a') == 1\n`,
        `${start}async def test_a():\n    assert await slug('a')\n`,
        `${start}def test_a(client):\n    assert slug(client)\n`,
      ],
    ],
    [
      'bare-raises',
      [
        method('self.assertRaises(ValueError)\nslug(1)'),
        method("self.assertRaisesRegex(ValueError, 'x')\nslug(1)"),
      ],
    ],
    [
      'framework',
      [
        `import pytest\n${method('self.assertEqual(slug(1), 1)')}`,
        `from pytest import raises\n${method('self.assertEqual(slug(1), 1)')}`,
      ],
    ],
    [
      'random',
      [
        method('self.assertEqual(slug(random.random()), 1)', 'import random\n'),
        method("self.assertEqual(slug(choice('ab')), 1)", 'from random import choice\n'),
      ],
    ],
    [
      'clock',
      [
        method('self.assertEqual(slug(time.time()), 1)', 'import time\n'),
        method('self.assertEqual(slug(datetime.now()), 1)', 'from datetime import datetime\n'),
      ],
    ],
    [
      'network',
      [
        method(
          "self.assertEqual(slug(urlopen('https://api.github.com')), 1)",
          'from urllib.request import urlopen\n',
        ),
        method(
          "s = socket.create_connection(('github.com', 80))\nself.assertTrue(slug(s))",
          'import socket\n',
        ),
      ],
    ],
    [
      'process',
      [
        method("subprocess.run(['ls'])\nself.assertTrue(slug(1))", 'import subprocess\n'),
        method('self.assertTrue(slug(1))\nsys.exit(0)', 'import sys\n'),
      ],
    ],
    [
      'files',
      [
        method("open('x', 'w').close()\nself.assertTrue(slug(1))"),
        method("Path('x').write_text('a')\nself.assertTrue(slug(1))", 'from pathlib import Path\n'),
      ],
    ],
    [
      'skip',
      [
        method("self.skipTest('x')\nself.assertTrue(slug(1))"),
        `${start}from unittest import skipIf as s\n@s(True, 'x')\nclass T(unittest.TestCase):\n    def test_x(self):\n        self.assertTrue(slug(1))\n`,
        method("raise unittest.SkipTest('x')\nself.assertTrue(slug(1))"),
      ],
    ],
    [
      'trivial',
      [
        method('self.assertTrue(True)'),
        method('self.assertEqual(a.b, a.b)'),
        method("assert (slug(1), 'x')"),
      ],
    ],
    [
      'late',
      [
        method(
          'threading.Thread(target=lambda: self.assertEqual(slug(1), 1)).start()',
          'import threading\n',
        ),
        method(
          'def work():\n    self.assertEqual(slug(1), 1)\nthreading.Thread(target=work).start()',
          'import threading\n',
        ),
      ],
    ],
    [
      'floating',
      [
        asyncClass(
          '    async def check(self, x):\n        self.assertEqual(await slug(x), 1)\n    async def test_x(self):\n        self.check(1)\n',
        ),
      ],
    ],
    [
      'swallowed',
      [
        method('try:\n    self.assertEqual(slug(1), 1)\nexcept Exception:\n    pass'),
        method(
          'with contextlib.suppress(AssertionError):\n    self.assertEqual(slug(1), 1)',
          'import contextlib\n',
        ),
      ],
    ],
  ])('%s', (kind, texts) => {
    for (const text of texts) expect(kindsOf('tests/test_a.py', text), text).toEqual([kind])
  })

  test('two methods of one name, of which only the last is run', () => {
    const twice = `${method('self.assertTrue(slug(1))')}    def test_x(self):\n        self.assertTrue(slug(2))\n`
    expect(specProblems('tests/test_a.py', twice)).toEqual([
      'Two tests have the same name: test_x.',
    ])
  })
})
