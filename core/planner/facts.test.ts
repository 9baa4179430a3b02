import { expect, test } from 'vitest'
import { factsInWords, readFacts, type RepositoryReader } from './facts.ts'

function readerOf(files: Readonly<Record<string, string>>): RepositoryReader {
  return {
    readTree: async () => ({
      files: Object.entries(files).map(([path, text]) => ({ path, bytes: text.length })),
      truncated: false,
    }),
    readFile: async (path) => files[path] ?? '',
  }
}
const { signal } = new AbortController()

test('facts of a Node project: language, manifest, exported names, and nothing from tests', async () => {
  const facts = await readFacts(
    readerOf({
      'README.md': '# Tools\n',
      'package.json': '{"name":"tools","type":"module","scripts":{"test":"node --test"}}',
      'src/a.js': 'export function one() {}\nexport const TWO = 2\nexport { three as four }\n',
      'src/old.cjs': 'module.exports = { five, six: 1 }\nexports.seven = 7\n',
      'test/a.test.js': 'export const hidden = 1\n',
    }),
    'anything',
    { signal },
  )
  expect(facts.language).toBe('node')
  expect(facts.languageAssumed).toBe(false)
  expect(facts.symbols).toEqual([
    { file: 'src/a.js', names: ['one', 'TWO', 'four'] },
    { file: 'src/old.cjs', names: ['seven', 'five', 'six'] },
  ])
  const words = factsInWords(facts)
  expect(words).toContain('package.json: name tools, ES modules, test: node --test')
  expect(words).toContain('src/a.js exports one, TWO, four')
})

test('facts of a Python project', async () => {
  const facts = await readFacts(
    readerOf({
      'pyproject.toml': '[project]\nname = "tools"\n',
      'tools/a.py': 'LIMIT = 3\ndef one(x):\n    def inner(): pass\nclass Two: pass\n_hidden = 1\n',
    }),
    'anything',
    { signal },
  )
  expect(facts.language).toBe('python')
  expect(facts.manifest).toBe('pyproject.toml: name tools')
  expect(facts.symbols).toEqual([{ file: 'tools/a.py', names: ['one', 'Two', 'LIMIT'] }])
})

test.each([
  ['Write it in Python.', 'python', false],
  ['A Node library.', 'node', false],
  ['A library.', 'node', true],
] as const)(
  'an empty repository has the language of the request: %s',
  async (text, want, assumed) => {
    const facts = await readFacts(readerOf({ 'README.md': '' }), text, { signal })
    expect([facts.language, facts.languageAssumed]).toEqual([want, assumed])
  },
)

test('a manifest that cannot be read is said, not thrown', async () => {
  const facts = await readFacts(readerOf({ 'package.json': '{' }), 'x', { signal })
  expect(facts.manifest).toBe('package.json (cannot be read)')
})

test.each<[string, Record<string, string>, RegExp[]]>([
  ['nothing but node:test', { 'package.json': '{}', 'test/a.test.js': '' }, []],
  ['a framework without tests', { 'package.json': '{"devDependencies":{"vitest":"2"}}' }, []],
  [
    'vitest',
    {
      'package.json': '{"devDependencies": {"vitest": "2"}}',
      'src/a.test.ts': '',
      'src/b.spec.ts': '',
    },
    [/names vitest, which is not installed in the agents: of 2 test files/],
  ],
  [
    'jest and components',
    { 'package.json': '{"devDependencies":{"jest":"29"}}', 'a.test.js': '', 'App.test.tsx': '' },
    [/names jest.* of 1 test file /, /1 test file cannot be run.*App\.test\.tsx/],
  ],
  [
    'Go',
    { 'a_test.go': '', 'b_test.go': '' },
    [/2 test files cannot be run.*a_test\.go, b_test\.go/],
  ],
])('what cannot be judged is said before the work: %s', async (_what, files, want) => {
  const { unjudged = [] } = await readFacts(readerOf(files), 'anything', { signal })
  expect(unjudged).toHaveLength(want.length)
  for (const [at, pattern] of want.entries()) expect(unjudged[at]).toMatch(pattern)
})
