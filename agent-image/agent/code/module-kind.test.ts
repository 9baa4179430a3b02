import { expect, it } from 'vitest'
import { moduleKinds, nearestTypeOf } from './module-kind.ts'

const kindOf = async (file: string, files: Readonly<Record<string, string>>): Promise<string> =>
  (await moduleKinds([file], Object.keys(files), (path) => Promise.resolve(files[path])))(file)

it.each<[string, string, string, Readonly<Record<string, string>>]>([
  ['.mjs', 'a.mjs', 'module', { 'package.json': '{"type":"commonjs"}' }],
  ['.cts', 'a.cts', 'commonjs', { 'package.json': '{"type":"module"}' }],
  [
    'the nearest type',
    'packages/a/x.js',
    'commonjs',
    { 'package.json': '{"type":"module"}', 'packages/a/package.json': '{"type":"commonjs"}' },
  ],
  [
    'a nearest manifest that says nothing, and the text',
    'packages/a/x.js',
    'commonjs',
    {
      'package.json': '{"type":"module"}',
      'packages/a/package.json': '{}',
      'packages/a/x.js': 'module.exports = 1\n',
    },
  ],
  ['text with export', 'x.js', 'module', { 'package.json': '{}', 'x.js': 'export const a = 1\n' }],
  ['text with a top-level await', 'x.js', 'module', { 'x.js': 'await 1\n' }],
  ['text with require', 'x.js', 'commonjs', { 'x.js': "const a = require('b')\n" }],
  [
    'text that only speaks of exports',
    'x.js',
    'commonjs',
    { 'x.js': "// export const a\nconst s = 'import x'\n" },
  ],
  [
    'a new file among CommonJS',
    'src/new.js',
    'commonjs',
    {
      'package.json': '{}',
      'src/a.js': 'exports.a = 1\n',
      'src/b.js': 'module.exports = 1\n',
      'lib/c.js': 'export {}\n',
    },
  ],
  [
    'a new file among modules',
    'src/new.js',
    'module',
    { 'package.json': '{}', 'src/a.js': 'export const a = 1\n' },
  ],
  ['a new file alone', 'src/new.js', 'module', { 'package.json': '{}' }],
])('goes by %s', async (_what, file, want, files) => {
  expect(await kindOf(file, files)).toBe(want)
})

it('ends the search at a manifest that cannot be read', () => {
  const manifests = new Map([
    ['package.json', '{"type":"module"}'],
    ['a/package.json', '{'],
  ])
  expect(nearestTypeOf('a/b/c.js', manifests)).toBeUndefined()
  expect(nearestTypeOf('d/c.js', manifests)).toBe('module')
})
