// What the stubs of Python do when a spec uses them, run by Python itself.
import { execFileSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { nonsense, type StubBehaviour, stubsFor } from './spec-stubs.ts'

const names = ['Point', 'Color', 'memo', 'app', 'LIMIT', 'NotFoundError']

/** What a program prints that begins with the stubs. */
function outputOf(behaviour: StubBehaviour, program: string): string {
  const stubs = stubsFor(new Map([['x.py', new Set(names)]]), new Map(), behaviour).get('x.py')
  return execFileSync('python3', ['-I', '-c', `${stubs}\n${program}`], { encoding: 'utf8' }).trim()
}

const tried = (body: string): string =>
  `try:\n    ${body}\nexcept Exception as error:\n    print(type(error).__name__, error)\nelse:\n    print('went on')\n`

describe('every use but inheriting throws where stubs throw', () => {
  test.each([
    'Point(0, 0)',
    'memo(len)',
    'Color.RED',
    'app.route',
    '2 * LIMIT',
    'LIMIT + 1',
    'list(LIMIT)',
    'Point(1) + 1',
  ])('%s', (use) => {
    expect(outputOf('throws', tried(use))).toBe('NotImplementedError not implemented yet')
  })

  test.each([
    'class Square(Point): side = 1',
    'x = hasattr(Color, "RED")',
    'x: Point | None = None',
    'raise_ = NotFoundError("no")',
  ])('but not %s', (use) => {
    expect(outputOf('throws', tried(use))).toBe('went on')
  })

  test('a call raises no AttributeError, which a test may want', () => {
    const is = 'except AttributeError:\n    print(1)\nexcept NotImplementedError:\n    print(2)\n'
    expect(outputOf('throws', `try:\n    memo()\n${is}`)).toBe('2')
    expect(outputOf('throws', `try:\n    Point()\n${is}`)).toBe('2')
  })
})

test.each<[StubBehaviour, string]>([
  ['returns', 'None None None'],
  ['nonsense', `${nonsense} ${nonsense} ${nonsense}`],
])('gives back %s', (behaviour, want) => {
  expect(outputOf(behaviour, 'print(memo(1), Color.RED, app.route)')).toBe(want)
  expect(outputOf(behaviour, 'print(isinstance(Point(1), Point))')).toBe('True')
  expect(outputOf(behaviour, tried('Point(1).x'))).toContain('NotImplementedError')
  expect(outputOf(behaviour, tried('list(Color)'))).toContain('TypeError')
})

test.each<[string, string, string]>([
  ['TestCase', 'def test_x(self): self.write()', 'NotImplementedError: not implemented yet'],
  ['IsolatedAsyncioTestCase', 'async def test_x(self): self.fail("no")', 'AssertionError: no'],
  ['TestCase', 'def test_x(self): self.assertSlug(1)', 'NotImplementedError: not implemented yet'],
])('makes a class of tests that inherits from a stub a %s', (base, method, want) => {
  const program = `import unittest, io\nclass T(Point):\n    ${method}\nprint(T.__mro__[2].__name__)\nout = io.StringIO()\nresult = unittest.TextTestRunner(out).run(unittest.defaultTestLoader.loadTestsFromTestCase(T))\nprint(result.testsRun, out.getvalue())`
  for (const behaviour of ['throws', 'returns', 'nonsense'] as const) {
    const output = outputOf(behaviour, program)
    expect(output).toContain(`${base}\n1 `)
    expect(output).toContain(want)
  }
})
