import { describe, expect, test } from 'vitest'
import { codeFiles, detectProject, findSpec, holdsKind, packageOf, specPath } from './project.ts'

const detect = (files: Record<string, string>) =>
  detectProject(Object.keys(files), (path) => Promise.resolve(files[path]))

test.each([
  ['node', { 'package.json': '{}', 'tool.py': '' }],
  ['python', { 'pyproject.toml': '', 'x.js': '' }],
  ['node', { 'a.js': '', 'b.ts': '', 'c.py': '' }],
  ['python', { 'a.py': '' }],
  ['unknown', { 'README.md': '' }],
  ['unknown', { 'node_modules/x/index.js': '' }],
])('detects %s', async (want, files) => {
  expect((await detect(files as Record<string, string>)).language).toBe(want)
})

describe('test files', () => {
  const node = "import test from 'node:test'\ntest('x', () => {})"
  test.each([
    ['test/a.test.js', ''],
    ['src/a.spec.mjs', ''],
    ['src/__tests__/a.ts', "it('x', () => {})"],
    ['test/plain.js', node],
    ['spec/model.js', "describe('x', () => {})"],
    ['tests.py', ''],
    ['tests/test_a.py', ''],
    ['tests/cases.py', 'import unittest'],
    ['packages/a/test/b.cjs', node],
  ])('%s is given to a runner', async (path, text) => {
    expect((await detect({ [path]: text })).testFiles).toEqual([path])
  })

  test.each([
    ['test/helper.js', 'export const one = 1'],
    ['tests/__init__.py', ''],
    ['tests/data.json', '{}'],
    ['node_modules/x/x.test.js', node],
    ['dist/a.test.js', node],
    ['test/fixtures/a.test.js', node],
    ['src/contest.js', node],
  ])('%s is not', async (path, text) => {
    const { testFiles, unjudgedTests } = await detect({ [path]: text })
    expect([...testFiles, ...unjudgedTests]).toEqual([])
  })

  test.each([
    ['src/App.test.tsx', 'JSX'],
    ['pkg/a_test.go', 'no Go'],
    ['src/test/java/AppTest.java', 'no Java'],
    ['spec/a_spec.rb', 'no Ruby'],
    ['tests/words.rs', 'no Rust'],
    ['tests/words.cpp', 'no compiler'],
    ['test/words_test.exs', 'language'],
    ['test/words_test.dart', 'language'],
    ['test/build.bats', 'no bats'],
    ['tests/words.t', 'Perl'],
  ])('%s is named with why it cannot be run', async (path, why) => {
    const { testFiles, unjudgedTests } = await detect({ [path]: '' })
    expect(testFiles).toEqual([])
    expect(unjudgedTests).toMatchObject([
      { file: path, why: expect.stringContaining(why) as string },
    ])
  })
})

test('reads scripts, dependencies and types of every package', async () => {
  const project = await detect({
    'package.json': '{"scripts":{"test":"vitest","bad":1},"devDependencies":{"vitest":"2"}}',
    'packages/a/package.json': '{"type":"module"}',
    'packages/a/lib/package.json': '{"type":"commonjs"}',
    'node_modules/x/package.json': '{"type":"module"}',
  })
  expect(project.scripts).toEqual({ test: 'vitest' })
  expect(project.packages.map(({ folder, type }) => [folder, type])).toEqual([
    ['packages/a/lib', 'commonjs'],
    ['packages/a', 'module'],
    ['', undefined],
  ])
  expect(packageOf(project, 'packages/a/src/x.js')?.type).toBe('module')
  expect(packageOf(project, 'packages/ab/x.js')?.folder).toBe('')
  expect(packageOf(project, 'x.js')?.dependencies).toEqual(['vitest'])
})

test.each(['{', 'null', '[]', '7', ''])('survives the package.json %j', async (text) => {
  expect((await detect({ 'package.json': text })).scripts).toEqual({})
})

describe('the place of a spec', () => {
  const module = '{"type":"module"}'
  test.each<[string, readonly string[], Record<string, string>, string | undefined]>([
    ['an ES module', ['src/a.js'], { 'package.json': module }, 'test/user-api.test.js'],
    ['TypeScript', ['src/a.ts'], { 'package.json': module }, 'test/user-api.test.ts'],
    ['no word about modules', ['src/a.js'], { 'package.json': '{}' }, 'test/user-api.test.mjs'],
    ['CommonJS', ['src/a.js'], { 'package.json': '{"type":"commonjs"}' }, 'test/user-api.test.mjs'],
    ['CommonJS and TypeScript', ['a.ts'], { 'package.json': '{}' }, 'test/user-api.test.mts'],
    ['Python', ['src/a.py'], { 'pyproject.toml': '' }, 'tests/test_user_api.py'],
    [
      'a package of a monorepo',
      ['packages/a/src/a.js'],
      { 'package.json': '{}', 'packages/a/package.json': module },
      'packages/a/test/user-api.test.js',
    ],
    [
      'a page and its code',
      ['index.html', 'app.js'],
      { 'package.json': module },
      'test/user-api.test.js',
    ],
    ['what no runner can test', ['index.html'], { 'package.json': module }, undefined],
    ['no files in a Python project', [], { 'pyproject.toml': '' }, 'tests/test_user_api.py'],
    [
      'a test file that the task names',
      ['src/a.js', 'spec/a.test.mjs'],
      { 'package.json': module },
      'spec/a.test.mjs',
    ],
  ])('for %s', async (_what, files, tree, want) => {
    const assignment = { files: [...files], unit: 'user-api', request: 'r', specs: [] }
    expect(specPath(assignment, await detect(tree))).toBe(want)
  })

  test.each<[string, readonly string[], Record<string, string>, string]>([
    ['no word about modules', ['a.js'], { 'package.json': '{}' }, 'test/u.test.js'],
    ['"commonjs"', ['a.js'], { 'package.json': '{"type":"commonjs"}' }, 'test/u.test.js'],
    ['"module"', ['a.cjs'], { 'package.json': module }, 'test/u.test.cjs'],
    [
      'a test of that name',
      ['a.js'],
      { 'package.json': '{}', 'test/U.test.js': '' },
      'test/u-2.test.js',
    ],
    ['a test file that is named', ['a.js', 'spec/a.js'], { 'package.json': '{}' }, 'spec/a.js'],
    [
      'a package within',
      ['p/a.js'],
      { 'package.json': module, 'p/package.json': '{}' },
      'p/test/u.test.js',
    ],
  ])('for tests in CommonJS: %s', async (_what, files, tree, want) => {
    const assignment = { files: [...files], unit: 'u', request: 'r', specs: [] }
    const project = await detect(tree)
    expect(specPath(assignment, project, 'commonjs')).toBe(want)
    expect(holdsKind(want, 'commonjs', project)).toBe(true)
  })

  test.each<[string, 'module' | 'commonjs', string, boolean]>([
    ['a.test.mjs', 'commonjs', '{}', false],
    ['a.test.cjs', 'module', '{}', false],
    ['a.test.js', 'commonjs', module, false],
    ['a.test.js', 'module', '{"type":"commonjs"}', false],
    ['a.test.js', 'module', '{}', true],
    ['a.test.cts', 'commonjs', module, true],
  ])('%s holds %s beside %s: %s', async (path, kind, manifest, want) => {
    expect(holdsKind(path, kind, await detect({ 'package.json': manifest }))).toBe(want)
  })

  test.each<[string, readonly string[], string]>([
    ['test/', ['a.py', 'test/test_b.py'], 'test/test_u.py'],
    ['test/ that is a package', ['a.py', 'test/__init__.py'], 'test/test_u.py'],
    ['tests/ and test/', ['a.py', 'test/test_b.py', 'tests/test_c.py'], 'tests/test_u.py'],
    ['a test/ of other things', ['a.py', 'test/data.json'], 'tests/test_u.py'],
    ['a test/ further below', ['a.py', 'pkg/test/test_b.py'], 'tests/test_u.py'],
  ])('in Python is beside the tests that are there: %s', async (_what, paths, want) => {
    const tree = Object.fromEntries([...paths, 'pyproject.toml'].map((path) => [path, '']))
    const assignment = { files: ['a.py'], unit: 'u', request: 'r', specs: [] }
    expect(specPath(assignment, await detect(tree))).toBe(want)
  })

  test.each<[readonly string[], Record<string, string>, string]>([
    [['src/a.js'], { 'package.json': module, 'test/u.test.js': '' }, 'test/u-2.test.js'],
    [['src/a.js'], { 'package.json': module, 'test/U.test.js': '' }, 'test/u-2.test.js'],
    [
      ['src/a.js'],
      { 'package.json': module, 'test/u.test.js': '', 'test/u-2.test.js': '' },
      'test/u-3.test.js',
    ],
    [['a.py'], { 'a.py': '', 'tests/test_u.py': '' }, 'tests/test_u_2.py'],
    [
      ['src/a.js', 'test/mine.spec.js'],
      { 'package.json': module, 'test/mine.spec.js': '' },
      'test/mine-2.spec.js',
    ],
  ])('is never that of a file which is there: %j', async (files, tree, want) => {
    const assignment = { files: [...files], unit: 'u', request: 'r', specs: [] }
    expect(specPath(assignment, await detect(tree))).toBe(want)
  })

  test('is the same again for the spec that this request wrote', async () => {
    const assignment = {
      files: ['src/a.js'],
      unit: 'u',
      request: 'r',
      specs: [{ unit: 'u', path: 'test/u-2.test.js', commit: 'c' }],
    }
    const project = await detect({ 'package.json': module, 'test/u-2.test.js': '' })
    expect(specPath(assignment, project)).toBe('test/u-2.test.js')
  })
})

test('takes for the spec only what a spec task of this request wrote for the unit', () => {
  const specs = [{ unit: 'u', path: 'test/u.test.js', commit: 'c' }]
  expect(findSpec({ unit: 'u', specs })).toBe('test/u.test.js')
  expect(findSpec({ unit: 'v', specs })).toBeUndefined()
  expect(findSpec({ unit: 'u', specs: [] })).toBeUndefined()
})

test('keeps tests out of what a coder may write', () => {
  expect(codeFiles(['src/a.js', 'test/a.test.js', 'tests/__init__.py', 'conftest.py'])).toEqual([
    'src/a.js',
  ])
})
