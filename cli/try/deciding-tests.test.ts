import { expect, test } from 'vitest'
import { type CommitFiles, decidingTests } from './deciding-tests.ts'

/** A commit whose files hold one test each, but for the manifest. */
const commit = (files: readonly string[], scripts: object = {}): CommitFiles => ({
  files: ['package.json', ...files],
  read: async (paths) =>
    new Map(
      paths.map((path) => [
        path,
        path === 'package.json' ? JSON.stringify({ scripts }) : "test('x', () => {})",
      ]),
    ),
})

const node = ['src/a.js', 'test/a.test.js', 'test/b.test.mjs', 'test/deep/c.test.ts', 'odd.js']
const python = [
  'app/a.py',
  'tests/__init__.py',
  'tests/test_a.py',
  'tests/sub/test_b.py',
  'a_test.py',
]

test.each([
  ['test/a.test.js', node, ['test/a.test.js']],
  ['./test/a.test.js test/b.test.mjs', node, ['test/a.test.js', 'test/b.test.mjs']],
  ['odd.js', node, ['odd.js']],
  ["'test/a.test.js'", node, ['test/a.test.js']],
  ['test/deep', node, ['test/deep/c.test.ts']],
  ['node --test', node, ['test/a.test.js', 'test/b.test.mjs', 'test/deep/c.test.ts']],
  ['node --test test/a.test.js', node, ['test/a.test.js']],
  ['node --test "test/**/*.test.{js,ts}"', node, ['test/a.test.js', 'test/deep/c.test.ts']],
  ['node --test test/', node, ['test/a.test.js', 'test/b.test.mjs', 'test/deep/c.test.ts']],
  ['python3 -m unittest', python, ['tests/sub/test_b.py', 'tests/test_a.py']],
  ['python -m unittest -v discover', python, ['tests/sub/test_b.py', 'tests/test_a.py']],
  ['python3 -m unittest discover -s tests/sub', python, ['tests/sub/test_b.py']],
  ['python3 -m unittest discover -s . -p "*_test.py"', python, ['a_test.py']],
  ['python3 -m unittest tests.test_a', python, ['tests/test_a.py']],
  ['python3 -m unittest tests/test_a.py', python, ['tests/test_a.py']],
  ['pytest', python, ['a_test.py', 'tests/sub/test_b.py', 'tests/test_a.py']],
  ['pytest -q tests/sub', python, ['tests/sub/test_b.py']],
  ['python3 -m pytest tests/test_a.py', python, ['tests/test_a.py']],
])('%s names the test files it would run', async (command, files, want) => {
  expect((await decidingTests(command, commit(files))).files).toEqual(want)
})

test.each([
  ['npm test', 'node --test', ['test/a.test.js', 'test/b.test.mjs', 'test/deep/c.test.ts']],
  ['npm run -s test', 'node --test test/a.test.js', ['test/a.test.js']],
  ['npm t --silent', 'node --test "test/*.mjs"', ['test/b.test.mjs']],
])('%s is read by its script %s', async (command, script, want) => {
  const found = await decidingTests(command, commit(node, { test: script }))
  expect(found).toEqual({ files: want, warnings: [] })
})

test('what npm would run besides is said', async () => {
  const scripts = { pretest: 'tsc', test: 'node --test' }
  const { warnings } = await decidingTests('npm test', commit(node, scripts))
  expect(warnings).toEqual(['npm test also runs the script pretest; it is not run here.'])
})

test.each([
  ['', /it is empty/],
  ['make test', /make is no file of the commit/],
  ['go test ./...', /go is no file of the commit/],
  ['npx vitest run', /npx is no file/],
  ['CI=1 npm test', /CI=1 would need a shell/],
  ['npm test && rm -rf x', /&& would need a shell/],
  ['node --test test/$X', /\$X would need a shell/],
  ["node --test 'test/a", /quotation mark/],
  ['node test/a.test.js', /followed by --test/],
  ['node --test --watch', /--watch .* cannot be done here/],
  ['npm run build', /only npm test/],
  ['npm test -- --grep x', /only npm test/],
  ['python3 test.py', /only -m unittest and -m pytest/],
  ['pytest tests/test_a.py::test_x', /single test/],
  ['pytest -k slow', /-k .* cannot be done here/],
  ['python3 -m unittest tests.test_a.Case.test_x', /single tests cannot be chosen/],
  ['test/gone.test.js', /test\/gone\.test\.js is no file of the commit/],
  ['../other/test.js', /leads outside of the repository/],
  ['/etc/passwd', /leads outside of the repository/],
  ['node --test "none/**"', /no file of the commit is like/],
  ['src', /there are no test files in src/],
  ['README.md', /no runner here can load README\.md/],
])('%s is a mistake of usage that says what is possible', async (command, want) => {
  const files = [...node, ...python, 'README.md']
  const decided = decidingTests(command, commit(files, { test: 'node --test' }))
  await expect(decided).rejects.toThrow(want)
  await expect(decided).rejects.toThrow(/possible are paths of test files, node --test/)
  await expect(decided).rejects.toMatchObject({ exitCode: 2 })
})

test.each([
  ['vitest run', /its script is "vitest run"/],
  ['node --test && node lint.js', /would need a shell/],
  [undefined, /no script called test/],
])('npm test with the script %s cannot decide', async (script, want) => {
  const scripts = script === undefined ? {} : { test: script }
  await expect(decidingTests('npm test', commit(node, scripts))).rejects.toThrow(want)
})

test.each([
  ['', /package\.json is empty/],
  ['[]', /package\.json holds a list/],
  ['{\n"scripts": {},\n}', /package\.json is no JSON: line 3/],
  ['<<<<<<< HEAD\n{}', /merge conflict in line 1/],
])('npm test cannot decide with the package.json %j, which is named', async (text, want) => {
  const spoilt: CommitFiles = {
    files: ['package.json', 'test/a.test.js'],
    read: () => Promise.resolve(new Map([['package.json', text]])),
  }
  await expect(decidingTests('npm test', spoilt)).rejects.toThrow(want)
})
