import { expect, it } from 'vitest'
import { factsOf } from '../code/read-code.ts'
import { lostNames } from './lost-names.ts'

const lost = (path: string, before: string, after: string, asked = ''): readonly string[] =>
  lostNames(factsOf(path, before), factsOf(path, after), asked)

it.each<[string, string, string, readonly string[]]>([
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

it.each<[string, string, string, string, string]>([
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
