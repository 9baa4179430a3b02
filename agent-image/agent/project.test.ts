import { expect, it } from 'vitest'
import { codeFiles, detectProject, findSpec, isTestPath, specPath } from './project.ts'

const detect = (files: Record<string, string>) =>
  detectProject(Object.keys(files), (path) => Promise.resolve(files[path]))

it.each([
  ['node', { 'package.json': '{}', 'tool.py': '' }],
  ['python', { 'pyproject.toml': '', 'x.js': '' }],
  ['node', { 'a.js': '', 'b.ts': '', 'c.py': '' }],
  ['python', { 'a.py': '' }],
  ['unknown', { 'README.md': '' }],
  ['unknown', { 'node_modules/x/index.js': '' }],
])('detects %s', async (want, files) => {
  expect((await detect(files as Record<string, string>)).language).toBe(want)
})

it('runs tests it can run, and names those it cannot', async () => {
  const project = await detect({
    'package.json': '{"scripts":{"test":"vitest","bad":1}}',
    'test/a.test.js': "import test from 'node:test'",
    'test/helper.js': 'export {}',
    'test/plain.js': "import test from 'node:test'",
    'src/b.test.ts': "import { it } from 'vitest'",
    'node_modules/x/x.test.js': '',
  })
  expect(project.testFiles).toEqual(['test/a.test.js', 'test/plain.js'])
  expect(project.foreignTests).toEqual(['src/b.test.ts'])
  expect(project.scripts).toEqual({ test: 'vitest' })
})

it('survives a broken package.json', async () => {
  expect((await detect({ 'package.json': '{' })).scripts).toEqual({})
  expect((await detect({ 'package.json': 'null' })).scripts).toEqual({})
})

it.each([
  ['test/a.test.js', true],
  ['src/a_test.py', true],
  ['tests/helper.js', true],
  ['src/contest.js', false],
  ['src/attest.py', false],
])('%s is a test: %s', (path, want) => {
  expect(isTestPath(path)).toBe(want)
})

it.each([
  [['src/a.js'], 'user-api', 'node', 'test/user-api.test.js'],
  [['src/a.ts'], 'user-api', 'node', 'test/user-api.test.ts'],
  [['src/a.py'], 'user-api', 'node', 'tests/test_user_api.py'],
  [['index.html', 'app.js'], 'u', 'node', 'test/u.test.js'],
  [['index.html'], 'u', 'node', undefined],
  [[], 'u', 'python', 'tests/test_u.py'],
  [['src/a.js', 'spec/a.test.mjs'], 'u', 'node', 'spec/a.test.mjs'],
] as const)('the spec for %j is found by all tasks of the unit', (files, unit, language, want) => {
  expect(specPath({ files, unit, request: 'r' }, { language, commonjs: false })).toBe(want)
})

it('finds the spec when a task does not name the files', () => {
  const assignment = { files: [], unit: 'u', request: 'r' }
  expect(
    findSpec(assignment, { language: 'node', commonjs: false, files: ['test/u.test.ts'] }),
  ).toBe('test/u.test.ts')
  expect(
    findSpec(assignment, { language: 'node', commonjs: false, files: ['tests/test_u.py'] }),
  ).toBe('tests/test_u.py')
  expect(findSpec(assignment, { language: 'node', commonjs: false, files: [] })).toBeUndefined()
})

it('keeps tests out of what a coder may write', () => {
  expect(codeFiles(['src/a.js', 'test/a.test.js'])).toEqual(['src/a.js'])
})

it('names specs so that they are ES modules in a CommonJS project too', async () => {
  const project = await detect({ 'package.json': '{"type":"commonjs"}' })
  expect(specPath({ files: ['src/a.js'], unit: 'u', request: 'r' }, project)).toBe(
    'test/u.test.mjs',
  )
})
