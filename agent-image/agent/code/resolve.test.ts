// Where imports lead: `require` looks where Node looks, an import says the whole name.
import { expect, it } from 'vitest'
import { factsOf } from './read-code.ts'
import { resolveImport } from './resolve.ts'

const from = 'test/a.test.js'
const target = (specifier: string, known: readonly string[], mains: [string, string][] = []) => {
  const found = resolveImport(from, specifier, new Set(known), 'require', new Map(mains))
  return found !== undefined && 'file' in found ? found.file : undefined
}

it.each<[string, string, readonly string[], [string, string][], string | undefined]>([
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

it('an import says the whole name', () => {
  expect(resolveImport(from, '../lib/a', new Set(['lib/a.js']))).toBeUndefined()
})

it.each<[string, string | undefined]>([
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
