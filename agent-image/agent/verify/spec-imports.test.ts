// Imports of specs: what resolves stays, what is meant is found, and CommonJS works whatever its
// form.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { moduleKinds, specifierFor } from '../code/modules.ts'
import { factsOf } from '../code/read-code.ts'
import { importsOf, repairImports } from './spec-imports.ts'
import { stubsFor } from './spec-stubs.ts'

const head = "import { test } from 'node:test'\nimport assert from 'node:assert/strict'\n"

describe('Python imports', () => {
  test.each<[string, string, readonly string[], readonly string[], string]>([
    [
      'that resolve by src stay',
      'from app.store import get\n',
      ['src/app/store.py'],
      ['src/app/store.py'],
      'from app.store import get\n',
    ],
    [
      'that resolve by the root stay',
      'from src.slug import slug\n',
      ['src/slug.py'],
      ['src/slug.py'],
      'from src.slug import slug\n',
    ],
    [
      'that resolve by a folder of packages stay',
      'from app.store import get\n',
      ['lib/app/store.py'],
      ['lib/app/__init__.py', 'lib/app/store.py'],
      'from app.store import get\n',
    ],
    [
      'of the library stay, whatever the unit is called',
      'from json import loads\n',
      ['app/json.py'],
      ['app/json.py'],
      'from json import loads\n',
    ],
    [
      'that lead nowhere are found by name',
      'from store import get as g\n',
      ['src/app/store.py'],
      ['src/app/store.py'],
      'from app.store import get as g\n',
    ],
    [
      'of a module that leads nowhere are found',
      'import store as s\n',
      ['app/store.py'],
      ['app/store.py'],
      'from app import store as s\n',
    ],
    [
      'of several lines are found',
      'from pkg.store import (\n    get,\n    put,\n)\n',
      ['app/store.py'],
      ['app/store.py'],
      'from app.store import (\n    get,\n    put,\n)\n',
    ],
    [
      'in strings are no imports',
      'x = """\nfrom store import get\n"""\n',
      ['app/store.py'],
      ['app/store.py'],
      'x = """\nfrom store import get\n"""\n',
    ],
    [
      'get unittest behind those from the future',
      'from __future__ import annotations\nclass T(unittest.TestCase): pass\n',
      ['a.py'],
      ['a.py'],
      'from __future__ import annotations\nimport unittest\nclass T(unittest.TestCase): pass\n',
    ],
  ])('%s', (_what, text, files, known, want) => {
    expect(repairImports('tests/test_x.py', text, files, { known })).toBe(want)
  })

  test('names a file as the runner finds it', () => {
    expect(specifierFor('tests/test_a.py', 'src/app/store.py', ['src/app/store.py'])).toBe(
      'app.store',
    )
    expect(specifierFor('tests/test_a.py', 'src/a.py', ['src/__init__.py', 'src/a.py'])).toBe(
      'src.a',
    )
    expect(specifierFor('tests/test_a.py', 'app/__init__.py', ['app/__init__.py'])).toBe('app')
  })

  test('sees names, modules and what is read from them', () => {
    const text = 'from app import store, VERSION\nimport app.errors as e\ne.NotFound\n'
    const known = ['src/app/__init__.py', 'src/app/store.py', 'src/app/errors.py']
    const { names } = importsOf('tests/test_a.py', text, known)
    expect(Object.fromEntries([...names].map(([file, set]) => [file, [...set]]))).toEqual({
      'src/app/__init__.py': ['VERSION'],
      'src/app/store.py': [],
      'src/app/errors.py': ['NotFound'],
    })
  })
})

describe('Node imports', () => {
  test.each<[string, string, readonly string[], readonly string[], string]>([
    [
      'of the framework are made once, with what is used',
      "import t, { describe, expect } from 'node:test'\nimport { strict as assert, equal } from 'assert'\nt('a', () => { equal(1, f()) })\nit('b', () => { assert.ok(f()) })\n",
      [],
      [],
      "import { test as t, it } from 'node:test'\nimport assert from 'node:assert/strict'\nimport { equal } from 'node:assert/strict'\nt('a', () => { equal(1, f()) })\nit('b', () => { assert.ok(f()) })\n",
    ],
    [
      'of hooks and mock stay',
      "import { test, mock, before } from 'node:test'\nbefore(() => mock.reset())\ntest('a', () => {})\n",
      [],
      [],
      "import { test, before, mock } from 'node:test'\nimport assert from 'node:assert/strict'\nbefore(() => mock.reset())\ntest('a', () => {})\n",
    ],
    [
      'that resolve stay, even to a file of another name',
      `${head}import { a } from '../lib/slug.js'\ntest(a)\n`,
      ['src/slug.js'],
      ['lib/slug.js'],
      `${head}import { a } from '../lib/slug.js'\ntest(a)\n`,
    ],
    [
      'over several lines are found by name',
      `${head}import {\n  a, // one\n  b,\n} from './slug'\ntest(a, b)\n`,
      ['src/slug.js'],
      [],
      `${head}import {\n  a, // one\n  b,\n} from '../src/slug.js'\ntest(a, b)\n`,
    ],
    [
      'get the ending that they lack',
      `${head}import { a } from '../src/util'\nawait import('../src/slug')\ntest(a)\n`,
      ['src/slug.ts'],
      ['src/util.ts'],
      `${head}import { a } from '../src/util.ts'\nawait import('../src/slug.ts')\ntest(a)\n`,
    ],
    [
      'in strings are no imports',
      `${head}const s = "import { a } from './slug'"\ntest(s)\n`,
      ['src/slug.js'],
      [],
      `${head}const s = "import { a } from './slug'"\ntest(s)\n`,
    ],
    [
      'by require become imports',
      "const { test } = require('node:test')\nconst assert = require('assert')\nconst { a: b } = require('../src/slug.js')\ntest(b)\n",
      ['src/slug.js'],
      [],
      `${head}import { a as b } from '../src/slug.js'\ntest(b)\n`,
    ],
  ])('%s', (_what, text, files, known, want) => {
    expect(repairImports('test/x.test.js', text, files, { known })).toBe(want)
  })

  test('of types are marked as such, and need no stub', () => {
    const text = `${head}import { User, make } from '../src/user.ts'\nconst u: User = make()\ntest(u)\n`
    const repaired = repairImports('test/x.test.ts', text, ['src/user.ts'])
    expect(repaired).toContain(
      "import type { User } from '../src/user.ts'\nimport { make } from '../src/user.ts'",
    )
    const { names } = importsOf('test/x.test.ts', repaired, ['src/user.ts'])
    expect([...(names.get('src/user.ts') ?? [])]).toEqual(['make'])
  })
})

/** Writes files and runs one of them with Node; gives what it printed. */
function runHere(files: ReadonlyMap<string, string>, file: string): string {
  const root = mkdtempSync(join(tmpdir(), 'imports-'))
  try {
    for (const [path, text] of files) {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      writeFileSync(join(root, path), text)
    }
    const run = spawnSync(process.execPath, [file], { cwd: root, encoding: 'utf8' })
    return run.status === 0 ? run.stdout.trim() : run.stderr
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

describe('a spec of a CommonJS file loads with stubs, and sees what was there', () => {
  test.each<[string, string]>([
    ['an object', 'function old() { return 1 }\nmodule.exports = { old }\n'],
    ['names of exports', 'exports.old = () => 1\n'],
    ['an object with a name', 'const api = {}\napi.old = () => 1\nmodule.exports = api\n'],
    [
      'a function with more on it',
      'module.exports = function main() {}\nmodule.exports.old = () => 1\n',
    ],
    ['Object.assign', 'Object.assign(exports, { old: () => 1 })\n'],
    ['a loop that nobody can read', "for (const name of ['old']) exports[name] = () => 1\n"],
    ['spread', 'const rest = { old: () => 1 }\nmodule.exports = { ...rest }\n'],
    ['names behind an if', "if (process.version) module['exports'].old = () => 1\n"],
  ])('%s', async (_what, text) => {
    const file = 'src/lib.js'
    const before = new Map([[file, text]])
    const kindOf = await moduleKinds([file], [file, 'package.json'], (path) =>
      Promise.resolve(path === file ? text : '{"name":"x"}'),
    )
    expect(kindOf(file)).toBe('commonjs')
    const written = "import { old, fresh } from '../src/lib.js'\nconsole.log(old(), typeof fresh)\n"
    const spec = repairImports('test/x.test.mjs', written, [file], { kindOf })
    const { names } = importsOf('test/x.test.mjs', spec, [file])
    const stubs = stubsFor(names, before, 'returns', { kindOf })
    expect(stubs.get(file)?.startsWith(text)).toBe(true)
    expect(stubs.get(file)).not.toMatch(/^export /m)
    const files = new Map([['package.json', '{"name":"x"}'], ...stubs, ['test/x.test.mjs', spec]])
    expect(runHere(files, 'test/x.test.mjs')).toBe('1 function')
  })

  test('a class that is the whole module needs no stub', () => {
    const kindOf = (): 'commonjs' => 'commonjs'
    const spec = "import Slug from '../src/slug.js'\nnew Slug()\n"
    const { names } = importsOf('test/x.test.mjs', spec, ['src/slug.js'])
    const before = new Map([['src/slug.js', 'module.exports = class Slug {}\n']])
    expect([...stubsFor(names, before, 'throws', { kindOf })]).toEqual([])
  })
})

describe('stubs', () => {
  const stub = (text: string, names: readonly string[], file = 'src/a.js'): string | undefined =>
    stubsFor(new Map([[file, new Set(names)]]), new Map([[file, text]]), 'returns').get(file)

  test.each<[string, string, string]>([
    ['destructuring', 'export const { one, a: [two] } = lib\n', 'one'],
    ['a list', 'const one = 1\nexport { one as "two", one }\n', 'two'],
    ['a default', 'export { one as default }\nconst one = 1\n', 'default'],
    ['a namespace', "export * as one from './b.js'\n", 'one'],
    ['a class', 'export default class {}\n', 'default'],
  ])('are not made for what is exported by %s', (_what, text, name) => {
    expect(stub(text, [name])).toBeUndefined()
  })

  test('are not made for what another file hands on', () => {
    const before = new Map([
      ['src/a.js', "export * from './b.js'\n"],
      ['src/b.js', 'export const one = 1\n'],
    ])
    expect([...stubsFor(new Map([['src/a.js', new Set(['one'])]]), before, 'returns')]).toEqual([])
  })

  test('leave alone what has the name and is not exported', () => {
    expect(stub('function one() {}\n', ['one'], 'src/a.mjs')).toContain('as one }')
  })

  test('of a Python module do not cover what only running it shows', () => {
    const text = "globals()['one'] = 1\n"
    const stubs = stub(text, ['one', 'NotFound', 'BadError'], 'a.py') ?? ''
    expect(stubs.startsWith(text)).toBe(true)
    for (const line of [
      "if 'one' not in globals():\n    one = _guildhall_stub('one', False)\n",
      "if 'NotFound' not in globals():\n    NotFound = _guildhall_stub('NotFound', True)\n",
      "if 'BadError' not in globals():\n    class BadError(Exception):\n        pass\n",
    ])
      expect(stubs).toContain(line)
  })
})

describe('modules that are imported by a call', () => {
  const known = ['my-tool/slug.py', 'app/store.py']
  test.each<[string, string, string, readonly string[]]>([
    [
      'kept under a name',
      "slug = importlib.import_module('my-tool.slug')\nslug.slugify('a')\n",
      'my-tool/slug.py',
      ['slugify'],
    ],
    [
      'read from at once',
      "slugify = importlib.import_module('my-tool.slug').slugify\n",
      'my-tool/slug.py',
      ['slugify'],
    ],
    ['by the bare function', "get = import_module('app.store').get\n", 'app/store.py', ['get']],
    [
      'by the oldest function',
      "store = __import__('app.store')\nstore.get()\nstore.put()\n",
      'app/store.py',
      ['get', 'put'],
    ],
  ])('%s', (_what, text, file, want) => {
    const { names } = importsOf('tests/test_x.py', `import importlib\n${text}`, known)
    expect([...(names.get(file) ?? [])].toSorted()).toEqual(want)
  })
  test.each([
    ['a name that is made', "importlib.import_module('my-tool.' + name)\n"],
    ['a method of that name', "loader.import_module('app.store')\n"],
    ['a module of the library', "importlib.import_module('json').loads('1')\n"],
  ])('are not guessed: %s', (_what, text) => {
    expect(importsOf('tests/test_x.py', text, known).names.size).toBe(0)
  })
})

describe('a name that __all__ lists', () => {
  const stub = (before: string) =>
    stubsFor(new Map([['a.py', new Set(['slugify'])]]), new Map([['a.py', before]]), 'returns', {
      facts: new Map([['a.py', factsOf('a.py', before)]]),
    }).get('a.py')
  test.each([
    ['and nothing defines', "__all__ = ['slugify']\n", true],
    ['in a tuple beside others', "def a(): pass\n__all__ = ('a', 'slugify')\n", true],
    ['that is added later', "__all__ = []\n__all__ += ['slugify']\n", true],
    ['and a function defines', "__all__ = ['slugify']\ndef slugify(t): return t\n", false],
    ['and an import brings', "from .b import slugify\n__all__ = ['slugify']\n", false],
    [
      'and the module makes when asked',
      "__all__ = ['slugify']\ndef __getattr__(name): return 1\n",
      false,
    ],
  ])('%s', (_what, before, isStubbed) => {
    expect(stub(before)?.includes('slugify = _guildhall_stub(')).toBe(isStubbed ? true : undefined)
  })
})

describe('files whose names hold signs of URLs', () => {
  test.each([
    ['src/100%.js', '../src/100%25.js'],
    ['src/c#/a.js', '../src/c%23/a.js'],
    ['src/what?.js', '../src/what%3F.js'],
    ['src/a b+[id].js', '../src/a b+[id].js'],
  ])('%s is imported as %s', (file, specifier) => {
    expect(specifierFor('test/a.test.js', file)).toBe(specifier)
    const text = `${head}import { a } from '${specifier}'\ntest('x', () => assert.ok(a()))\n`
    expect([...importsOf('test/a.test.js', text, [file]).names.keys()]).toEqual([file])
    expect(repairImports('test/a.test.js', text, [file])).toContain(`'${specifier}'`)
  })
  test('are required by their path', () => {
    expect(specifierFor('test/a.test.cjs', 'src/c#/100%.cjs')).toBe('../src/c#/100%.cjs')
    const text = "const { a } = require('../src/c#/100%.cjs')\n"
    expect([...importsOf('test/a.test.cjs', text, ['src/c#/100%.cjs']).names.keys()]).toHaveLength(
      1,
    )
  })
  test('and escapes that are none lead nowhere', () => {
    const text = "import { a } from '../src/100%.js'\n"
    expect(importsOf('test/a.test.js', text, ['src/100.js']).unknown).toEqual(['../src/100%.js'])
  })
})
