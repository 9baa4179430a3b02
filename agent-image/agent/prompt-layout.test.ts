import { expect, test } from 'vitest'
import { symbolsOf } from './prompt-layout.ts'

test.each([
  [
    'a.js',
    'import x from "y"\nexport const LIMIT = 3\nexport async function load(path, { signal }) {\n}\nexport class Store extends Map {\n}\nconst inner = 1\nexport { inner as outer }\nexport const add = (a, b) => a + b\n',
    ['LIMIT', 'load', 'Store', 'outer', 'add'],
  ],
  [
    'a.py',
    'LIMIT = 1\ndef f(a, b=2) -> int:\n    pass\nasync def g():\n    pass\nclass C(Base):\n    def m(self):\n        pass\ndef _hidden():\n    pass\n',
    ['LIMIT', 'f', 'g', 'C'],
  ],
  ['a.cjs', 'exports.one = 1\nmodule.exports = { two, three: four }\n', ['one', 'two', 'three']],
  ['a.md', '# export function x() {}', []],
])('finds what %s offers', (path, text, want) => {
  expect(symbolsOf(path, text).map((symbol) => symbol.name)).toEqual(want)
})

test('gives signatures and no bodies', () => {
  const [symbol] = symbolsOf(
    'a.ts',
    'export function add(\n  a: number,\n  b: number,\n): number {\n  return a + b\n}\n',
  )
  expect(symbol?.signature).toBe('export function add( a: number, b: number, ): number')
})
