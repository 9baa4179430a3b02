import { expect, test } from 'vitest'
import { factsOf } from '../code/read-code.ts'
import { hollowedNames, lostNames } from './lost-names.ts'

const lost = (path: string, before: string, after: string, asked = ''): readonly string[] =>
  lostNames(factsOf(path, before), factsOf(path, after), asked)
    .filter(({ certain }) => certain)
    .map(({ name }) => name)

test.each<[string, string, string, readonly string[]]>([
  [
    'a.js',
    'export const one = 1\nexport function two() {}\n',
    'export const three = 3\n',
    ['one', 'two'],
  ],
  ['a.js', 'const one = 1\nexport { one as uno }\n', 'export const one = 1\n', ['uno']],
  ['a.js', 'export default 1\n', 'export const one = 1\n', ['default']],
  [
    'a.ts',
    'export interface Shape {}\nexport type Size = 1\n',
    'export type Size = 1\n',
    ['Shape'],
  ],
  ['a.cjs', 'exports.one = 1\nexports.two = 2\n', 'exports.two = 2\n', ['one']],
  [
    'a.py',
    'def one(): pass\nclass Two: pass\nLIMIT = 3\ndef _own(): pass\n',
    'LIMIT = 4\n',
    ['one', 'Two'],
  ],
])('%s: %j to %j loses %j', (path, before, after, want) => {
  expect(lost(path, before, after)).toEqual(want)
})

test.each<[string, string, string, string, string]>([
  [
    'it stays in another form',
    'a.js',
    'export const f = 1\n',
    'const f = () => 1\nexport { f }\n',
    '',
  ],
  ['it is handed on', 'a.js', 'export const f = 1\n', "export * from './b.js'\n", ''],
  ['the task names it', 'a.js', 'export const f = 1\n', 'export const g = 1\n', 'rename f to g'],
  ['it was never offered', 'a.js', 'const f = 1\n', 'export const g = 1\n', ''],
  ['the module is one function', 'a.cjs', 'exports.f = 1\n', 'module.exports = make()\n', ''],
  [
    'the file could not be parsed before',
    'a.js',
    'export const f = (\n',
    'export const g = 1\n',
    '',
  ],
])('nothing is lost when %s', (_what, path, before, after, asked) => {
  expect(lost(path, before, after, asked)).toEqual([])
})

const hollowed = (path: string, before: string, after: string, asked = ''): readonly string[] =>
  hollowedNames(factsOf(path, before), factsOf(path, after), asked)

test.each<[string, string, string, readonly string[]]>([
  [
    'a.js',
    'export function one(x) { return x + 1 }\nexport const two = (x) => x\n',
    "export function one(x) { throw new Error('not implemented') }\nexport const two = (x) => undefined\n",
    ['one', 'two'],
  ],
  [
    'a.ts',
    'export class Store { save(x: number) { return x } get size(): number { return 1 } close() {} }\n',
    "export class Store { save(x: number): number { throw new Error('later') } get size(): number { return null! } close() {} }\n",
    ['Store.save', 'Store.get size'],
  ],
  [
    'a.cjs',
    'exports.one = function () { return 1 }\nmodule.exports.two = () => 2\n',
    'exports.one = function () {}\nmodule.exports.two = () => { return }\n',
    ['one', 'two'],
  ],
  [
    'b.cjs',
    'module.exports = { one() { return 1 }, two: async () => 2 }\n',
    "module.exports = { one() { console.log('one') }, two: async () => null }\n",
    ['one', 'two'],
  ],
  [
    'a.js',
    'export default function () { return 1 }\n',
    'export default function () { /* as before */ }\n',
    ['default'],
  ],
  [
    'a.py',
    'def one(x):\n    return x\n\nclass Store:\n    def save(self, x):\n        self.x = x\n',
    'def one(x):\n    raise NotImplementedError\n\nclass Store:\n    def save(self, x):\n        """Saves."""\n        pass\n',
    ['one', 'Store.save'],
  ],
])('%s: %j to %j hollows %j', (path, before, after, want) => {
  expect(hollowed(path, before, after)).toEqual(want)
})

test.each<[string, string, string, string, string]>([
  [
    'it did nothing before',
    'a.js',
    'export function f() {}\n',
    "export function f() { throw new Error('x') }\n",
    '',
  ],
  [
    'it is written anew',
    'a.js',
    'export function f() { return 1 }\n',
    'export const f = () => g()\nfunction g() { return 1 }\n',
    '',
  ],
  [
    'the task names it',
    'a.js',
    'export function f() { return 1 }\n',
    "export function f() { throw new Error('gone') }\n",
    'Let f() throw.',
  ],
  [
    'it is new',
    'a.py',
    'def f(): return 1\n',
    'def f(): return 1\ndef g(): raise NotImplementedError\n',
    '',
  ],
  [
    'an inner function only throws',
    'a.js',
    'export function f() { return 1 }\n',
    'export function f() { const g = () => { throw 1 }; return g }\n',
    '',
  ],
  [
    'one way of many throws',
    'a.py',
    'def f(x): return x\n',
    'def f(x):\n    if x: raise ValueError\n    return x\n',
    '',
  ],
])('nothing is hollowed when %s', (_what, path, before, after, asked) => {
  expect(hollowed(path, before, after, asked)).toEqual([])
})
