import { expect, test } from 'vitest'
import { moduleKinds, nearestTypeOf, resolveImport } from './modules.ts'
import { factsOf } from './read-code.ts'

const kindOf = async (file: string, files: Readonly<Record<string, string>>): Promise<string> =>
  (await moduleKinds([file], Object.keys(files), (path) => Promise.resolve(files[path])))(file)

test.each<[string, string, string, Readonly<Record<string, string>>]>([
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

test('ends the search at a manifest that cannot be read', () => {
  const manifests = new Map([
    ['package.json', '{"type":"module"}'],
    ['a/package.json', '{'],
  ])
  expect(nearestTypeOf('a/b/c.js', manifests)).toBeUndefined()
  expect(nearestTypeOf('d/c.js', manifests)).toBe('module')
})

const from = 'test/a.test.js'
const target = (specifier: string, known: readonly string[], mains: [string, string][] = []) => {
  const found = resolveImport(from, specifier, new Set(known), 'require', new Map(mains))
  return found !== undefined && 'file' in found ? found.file : undefined
}

test.each<[string, string, readonly string[], [string, string][], string | undefined]>([
  ['a name without its ending', '../lib/a', ['lib/a.json', 'lib/a.js'], [], 'lib/a.js'],
  ['data', '../lib/a', ['lib/a.json', 'lib/a/index.js'], [], 'lib/a.json'],
  ['an addon', '../lib/a', ['lib/a.node'], [], 'lib/a.node'],
  ['a folder', '../lib', ['lib/index.js'], [], 'lib/index.js'],
  ['a folder with main', '../lib', ['lib/index.js', 'lib/b.js'], [['lib', 'b']], 'lib/b.js'],
  ['a main that is not there', '../lib', ['lib/index.js'], [['lib', 'gone.js']], 'lib/index.js'],
  ['a file beside a folder of its name', '../lib', ['lib.js', 'lib/index.js'], [], 'lib.js'],
  ['that folder', '../lib/', ['lib.js', 'lib/index.js'], [], 'lib/index.js'],
  ['the package', '..', ['index.js', 'lib/a.js'], [['', './lib/a.js']], 'lib/a.js'],
  ['the package with a slash', '../', ['lib/index.js'], [['', 'lib/']], 'lib/index.js'],
  ['the package without main', '..', ['index.js'], [], 'index.js'],
  ['endings that require does not try', '../lib/a', ['lib/a.cjs', 'lib/a.ts'], [], undefined],
])('require finds %s', (_what, specifier, known, mains, want) => {
  expect(target(specifier, known, mains)).toBe(want)
})

test('an import says the whole name', () => {
  expect(resolveImport(from, '../lib/a', new Set(['lib/a.js']))).toBeUndefined()
})

test.each<[string, string | undefined]>([
  ["path.join(__dirname, '../lib/a')", '../lib/a'],
  ["path.join(__dirname, '..', 'lib', 'a.js')", '../lib/a.js'],
  ["resolve(__dirname, '../lib/a')", '../lib/a'],
  ["__dirname + '/../lib/a'", '../lib/a'],
  ['`${__dirname}/../lib/a`', '../lib/a'],
  ["require.resolve('../lib/a')", '../lib/a'],
  ["root + '/a'", '../lib/a'],
  ["path.resolve('/', __dirname)", undefined],
  ["__dirname + 'x/a'", undefined],
  ["path.join(other, 'a')", undefined],
])('reads the path %s', (written, want) => {
  const text = `const root = path.join(__dirname, '../lib')\nconst { a } = require(${written})\n`
  const [one] = factsOf(from, text).imports
  const known = new Set(['lib/a.js'])
  const found = one === undefined ? undefined : resolveImport(from, one.specifier, known, 'require')
  expect(found).toEqual(want === undefined ? undefined : { file: 'lib/a.js' })
  expect(one?.names.map(({ imported }) => imported)).toEqual(want === undefined ? undefined : ['a'])
})
