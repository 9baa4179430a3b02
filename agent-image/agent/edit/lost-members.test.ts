// A candidate that loses what other files use: members of classes, keys of objects, constants,
// short names.
import { describe, expect, test } from 'vitest'
import { factsOf } from '../code/read-code.ts'
import { lostNames, usersOf } from './lost-names.ts'

/** Names that are lost, as a person is told of them; `others` are the project's other files. */
const lost = (
  path: string,
  before: string,
  after: string,
  { others = {}, asked = '' }: { others?: Readonly<Record<string, string>>; asked?: string } = {},
): readonly string[] => {
  const all = lostNames(factsOf(path, before), factsOf(path, after), asked)
  const users = usersOf(path, all, new Map(Object.entries(others)))
  return all
    .filter((one) => one.certain || (users.get(one) ?? []).length > 0)
    .map((one) => one.name)
}

const store = `export class Store {
  count = 0
  #list = []
  constructor(name) { this.label = name }
  add(x) { this.#list.push(x) }
  get total() { return this.#list.length }
  static of(x) { return new Store(x) }
  _own() {}
}
`
const without = (text: string, line: RegExp): string =>
  text
    .split('\n')
    .filter((one) => !line.test(one))
    .join('\n')

describe('members of a class', () => {
  test.each<[string, RegExp, readonly string[]]>([
    ['a method', /add\(/, ['Store.add']],
    ['a getter', /get total/, ['Store.total']],
    ['a static method', /static of/, ['Store.of']],
    ['a private method', /_own/, []],
    ['a private field that nothing needs', /#list = |#list/, ['Store.add', 'Store.total']],
    ['a field that nobody reads', /count = 0/, []],
  ])('%s', (_what, line, want) => {
    expect(lost('src/store.js', store, without(store, line))).toEqual(want)
  })

  test.each<[string, string, string, string, string, readonly string[]]>([
    [
      'a field',
      'src/store.js',
      'count = 0',
      'count',
      'const n = new Store().count',
      ['Store.count'],
    ],
    [
      'a field of the constructor',
      'src/store.js',
      'this.label = name',
      'label',
      'const { label } = new Store()',
      ['Store.label'],
    ],
    [
      'a method with a private name',
      'src/store.js',
      '_own() {}',
      '_own',
      'new Store()._own()',
      ['Store._own'],
    ],
    ['a name that is read of something else', 'src/store.js', 'count = 0', 'count', 'x', []],
  ])('%s counts when another file reads it', (_what, path, line, _name, use, want) => {
    const others = { 'src/use.js': `import { Store } from './store.js'\n${use}\n` }
    expect(lost(path, store, store.replace(line, ''), { others })).toEqual(want)
  })

  test.each<[string, string, string, string, readonly string[]]>([
    [
      'Python: a method',
      'a.py',
      'class S:\n    def low(self):\n        return 1\n    def up(self):\n        return 2\n',
      'class S:\n    def up(self):\n        return 2\n',
      ['S.low'],
    ],
    [
      'Python: a property, a class method and a field of the class',
      'a.py',
      'class S:\n    LIMIT = 3\n    @property\n    def size(self): return 1\n    @classmethod\n    def of(cls): return cls()\n    def _own(self): pass\n',
      'class S:\n    def f(self): pass\n',
      ['S.LIMIT', 'S.size', 'S.of'],
    ],
    [
      'Python: a field of a data class, a member of an enum',
      'a.py',
      'from enum import Enum\nfrom dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\n    y: int\nclass C(Enum):\n    RED = 1\n    BLUE = 2\n',
      'from enum import Enum\nfrom dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\nclass C(Enum):\n    RED = 1\n',
      ['P.y', 'C.BLUE'],
    ],
    [
      'TypeScript: private members are nobody else’s',
      'a.ts',
      'export class S {\n  private a() {}\n  public b(): void {}\n  protected c() {}\n}\n',
      'export class S {}\n',
      ['S.b'],
    ],
    [
      'a class that is the module',
      'a.cjs',
      'class S { low() {} }\nmodule.exports = S\n',
      'class S { up() {} }\nmodule.exports = S\n',
      ['low'],
    ],
    [
      'a class without a name',
      'a.js',
      'export default class { low() {} up() {} }\n',
      'export default class { up() {} }\n',
      ['low'],
    ],
    [
      'a method of a base class of the file',
      'a.js',
      'class B { low() {} }\nexport class S extends B {}\n',
      'class B {}\nexport class S extends B {}\n',
      ['S.low'],
    ],
    [
      'what is given to a prototype',
      'a.cjs',
      'function S() {}\nS.prototype.low = function () {}\nS.of = () => new S()\nmodule.exports = S\n',
      'function S() {}\nmodule.exports = S\n',
      ['low', 'of'],
    ],
  ])('%s', (_what, path, before, after, want) => {
    expect(lost(path, before, after)).toEqual(want)
  })
})

describe('keys, members of enums, passed-on names', () => {
  test.each<[string, string, string, string, readonly string[]]>([
    [
      'a function of an object',
      'a.js',
      'export const api = {\n  keep: (x) => x + 1,\n  also() {},\n}\n',
      'export const api = { also() {} }\n',
      ['api.keep'],
    ],
    [
      'a function of an object that is the module',
      'a.cjs',
      'const keep = () => 1\nmodule.exports = { keep, also: 2 }\n',
      'module.exports = { also: 2 }\n',
      ['keep'],
    ],
    [
      'a function of a default export, and one below it',
      'a.js',
      'const f = () => 1\nexport default { f, users: { list() {} } }\n',
      'export default { users: {} }\n',
      ['f', 'users.list'],
    ],
    [
      'a member of an enum',
      'a.ts',
      'export enum Size { Small, Large }\n',
      'export enum Size { Small }\n',
      ['Size.Large'],
    ],
    [
      'a key of a frozen object, which stands for an enum',
      'a.js',
      "export const Size = Object.freeze({ small: 'a', large: 'b' })\n",
      "export const Size = Object.freeze({ small: 'a' })\n",
      ['Size.large'],
    ],
    [
      'a name that is passed on',
      'index.js',
      "export { a, b as bee } from './a.js'\n",
      "export { a } from './a.js'\n",
      ['bee'],
    ],
    [
      'all names of a module',
      'index.js',
      "export * from './a.js'\nexport const b = 1\n",
      'export const b = 1\n',
      ['everything of ./a.js'],
    ],
    [
      'a default export',
      'a.js',
      'export default () => 1\nexport const b = 1\n',
      'export const b = 1\n',
      ['default'],
    ],
    [
      'a name of a package',
      'pkg/__init__.py',
      'from .a import one, two\n',
      'from .a import one\n',
      ['two'],
    ],
    [
      'a name on the list of names',
      'a.py',
      "__all__ = ['x', 'f']\nx = 1\ndef f(): pass\n",
      'def f(): pass\n',
      ['x'],
    ],
  ])('%s', (_what, path, before, after, want) => {
    expect(lost(path, before, after)).toEqual(want)
  })

  test('a key that is no function counts when another file reads it', () => {
    const before = "export const paths = { home: '/', about: '/about' }\n"
    const after = "export const paths = { home: '/' }\n"
    expect(lost('src/paths.js', before, after)).toEqual([])
    const others = {
      'test/paths.test.js': "import { paths } from '../src/paths.js'\nuse(paths.about)\n",
    }
    expect(lost('src/paths.js', before, after, { others })).toEqual(['paths.about'])
  })

  test('so does a member of what a function gives', () => {
    const before = 'export const make = () => ({ start() {}, halt() {} })\n'
    const after = 'export const make = () => ({ start() {} })\n'
    const others = { 'src/use.js': "import { make } from './make.js'\nmake().halt()\n" }
    expect(lost('src/make.js', before, after, { others })).toEqual(['halt'])
    expect(lost('src/make.js', before, after)).toEqual([])
  })
})

describe('constants of Python, and names that begin with _', () => {
  const before = 'LIMIT = 10\ndefault_size = 3\ndef _help(): pass\ndef f(): pass\n'
  const after = 'def f(): pass\n'
  test.each<[string, string, readonly string[]]>([
    ['by name', 'from slug import LIMIT\n', ['LIMIT']],
    [
      'by name, in brackets',
      'from slug import (\n    f,\n    default_size as d,\n)\n',
      ['default_size'],
    ],
    ['from the module', 'import slug\nx = slug.LIMIT\n', ['LIMIT']],
    ['from the module under another name', 'import slug as s\nx = s.LIMIT\n', ['LIMIT']],
    [
      'from the module of a package',
      'from . import slug\nx = slug.default_size\n',
      ['default_size'],
    ],
    ['with everything', 'from slug import *\nx = LIMIT\n', ['LIMIT']],
    ['as a text for a patch', "import slug\nmock.patch('slug.LIMIT', 3)\n", ['LIMIT']],
    ['a private name', 'from slug import _help\n', ['_help']],
    ['one of its own', 'from slug import f\nLIMIT = 3\n', []],
    ['not at all', 'LIMIT = 3\n', []],
  ])('used %s', (_what, use, want) => {
    expect(lost('slug.py', before, after, { others: { 'use.py': use } })).toEqual(want)
  })
})

describe('names of one letter, and English words', () => {
  const goal =
    "Add src/slug.js that exports slugify(text): slugify('A b') is 'a-b'. It is like a pipe."
  test.each(['a', 'b', 'is', 'x', 'like', 'id'])('%s', (name) => {
    const before = `export function ${name}() { return 1 }\n`
    expect(lost('src/slug.js', before, 'export const slugify = 1\n', { asked: goal })).toEqual([
      name,
    ])
    const python = `def ${name === 'is' ? 'it' : name}(): return 1\n`
    expect(lost('slug.py', python, 'slugify = 1\n', { asked: goal })).toHaveLength(1)
  })
})

describe('what keeps its names is not refused', () => {
  test.each<[string, string, string, string]>([
    [
      'a method that moves into a base class',
      'a.js',
      'export class S { low() {} }\n',
      'class B { low() {} }\nexport class S extends B {}\n',
    ],
    [
      'a method that becomes a field',
      'a.js',
      'export class S { low() {} }\n',
      'export class S { low = () => 1 }\n',
    ],
    [
      'a method that is given to the prototype',
      'a.js',
      'export class S { low() {} }\n',
      'export class S {}\nObject.assign(S.prototype, { low() {} })\n',
    ],
    [
      'a class that becomes a function',
      'a.js',
      'export class S { low() {} }\n',
      'export function S() { return { low() {} } }\n',
    ],
    [
      'a base class of another file',
      'a.js',
      'export class S { low() {} }\n',
      "import { B } from './b.js'\nexport class S extends B {}\n",
    ],
    [
      'an object that is spread',
      'a.js',
      'export const api = { keep() {} }\n',
      "import { more } from './b.js'\nexport const api = { ...more }\n",
    ],
    [
      'a shorthand',
      'a.js',
      'export const api = { keep: () => 1 }\n',
      'const keep = () => 1\nexport const api = { keep }\n',
    ],
    [
      'a class with another name inside',
      'a.js',
      'export class S { low() {} }\n',
      'class Impl { low() {} }\nexport { Impl as S }\n',
    ],
    [
      'a private method',
      'a.js',
      'export class S { #a() {} low() { this.#a() } }\n',
      'export class S { low() {} }\n',
    ],
    [
      'exports at the end',
      'a.cjs',
      'exports.f = () => 1\n',
      'const f = () => 1\nmodule.exports = { f }\n',
    ],
    [
      'a property of Python',
      'a.py',
      'class S:\n    def low(self): pass\n',
      'class S:\n    @property\n    def low(self): return 1\n',
    ],
    [
      'a field of Python',
      'a.py',
      'class S:\n    low = None\n',
      'class S:\n    def __init__(self):\n        self.low = None\n',
    ],
    [
      'an enum of Python by a call',
      'a.py',
      'from enum import Enum\nclass C(Enum):\n    RED = 1\n',
      "from enum import Enum\nC = Enum('C', 'RED BLUE')\n",
    ],
    [
      'a data class',
      'a.py',
      'class P:\n    def __init__(self, x):\n        self.x = x\n    def __eq__(self, o): return 1\n',
      'from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\n',
    ],
    ['an import that is not needed', 'a.py', 'import json\ndef f(): pass\n', 'def f(): pass\n'],
    [
      'a mixin',
      'a.py',
      'class S:\n    def low(self): pass\n',
      'from b import Low\nclass S(Low):\n    pass\n',
    ],
    [
      'a local variable',
      'a.js',
      'export function f() { const state = { pos: 0 }; return state }\n',
      'export function f() { let at = 0; return at }\n',
    ],
  ])('%s', (_what, path, before, after) => {
    const others = {
      'use.js': "import { f } from './a.js'\nf()\n",
      'use.py': 'from a import f\nf()\n',
    }
    expect(lost(path, before, after, { others })).toEqual([])
  })
})

test('says which files use what is lost', () => {
  const before = factsOf('src/slug.js', 'export class S { toLow() {} }\nexport const id = 1\n')
  const all = lostNames(before, factsOf('src/slug.js', 'export class S {}\n'), '')
  const texts = new Map([
    ['src/use.js', "import { S, id } from './slug.js'\nnew S().toLow(id)\n"],
    ['src/other.js', 'x.toLow()\n'],
    ['test/far.test.js', "import { u } from '../src/use.js'\nu.s.toLow()\n"],
  ])
  const users = usersOf('src/slug.js', all, texts)
  expect(all.map((one) => [one.name, users.get(one)])).toEqual([
    ['id', ['src/use.js']],
    ['S.toLow', ['src/use.js', 'test/far.test.js']],
  ])
})
