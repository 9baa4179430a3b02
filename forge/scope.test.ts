import { describe, expect, test } from 'vitest'
import type { Action } from '../core/api/agent-types.ts'
import { allowedChange, allowedChanges, readChanges, type PathChange, type Scope } from './scope.ts'

const files = ['src/a.js', 'test/a.test.js', 'docs/use.md']
const scope = (action: Action, more: Partial<Scope> = {}): Scope => ({
  action,
  files,
  wasThere: (path) => path === 'test/old.test.js' || path === 'src/a.js',
  changedBefore: new Set(['src/a.js', 'src/b.js', 'test/b.test.js']),
  ...more,
})

const none = '000000'
const added = (path: string, newMode = '100644'): PathChange => ({ path, oldMode: none, newMode })
const modified = (path: string, oldMode = '100644', newMode = oldMode): PathChange => ({
  path,
  oldMode,
  newMode,
})
const deleted = (path: string, oldMode = '100644'): PathChange => ({ path, oldMode, newMode: none })

describe('what a task may change', () => {
  test.for<readonly [Action, string, PathChange, string | undefined]>([
    ['code', 'its file, new', added('src/a.js'), undefined],
    ['code', 'its file, new and executable', added('src/a.js', '100755'), undefined],
    ['code', 'its file, there', modified('src/a.js'), undefined],
    ['code', 'its file, deleted', deleted('src/a.js'), undefined],
    ['code', 'a document that it names', modified('docs/use.md'), undefined],
    ['code', 'a test that it names', modified('test/a.test.js'), 'is a test'],
    ['code', 'a test that it names, deleted', deleted('test/a.test.js'), 'is a test'],
    ['code', 'another file', added('src/b.js'), 'is not among the files'],
    ['code', 'a workflow', added('.github/workflows/x.yml'), 'is not among the files'],
    ['code', 'a twin of its file in capitals', added('src/A.js'), 'is not among the files'],
    ['code', 'a file below its file', added('src/a.js/x'), 'is not among the files'],
    ['code', 'another file, deleted', deleted('src/b.js'), 'is deleted'],
    ['code', 'a name that is not UTF-8', added('src/caf\uFFFD.js'), 'not UTF-8'],
    ['fix', 'its file', modified('src/a.js'), undefined],
    [
      'fix',
      'a file that the request changed, while it has files',
      modified('src/b.js'),
      'is not among',
    ],
    ['spec', 'a new test of any name', added('test/slug-2.test.js'), undefined],
    ['spec', 'a new Python test', added('tests/test_slug.py'), undefined],
    ['spec', 'a new test beside the code', added('src/__tests__/a.jsx'), undefined],
    ['spec', 'a new test as other runners call it', added('src/a.spec.ts'), undefined],
    ['spec', 'the test that it names', added('test/a.test.js'), undefined],
    ['spec', 'a test that the request made before', modified('test/new.test.js'), undefined],
    ['spec', 'a test of the person', modified('test/old.test.js'), 'was there before'],
    ['spec', 'a test of the person, deleted', deleted('test/old.test.js'), 'is deleted'],
    ['spec', 'the test that it names, deleted', deleted('test/a.test.js'), 'is deleted'],
    ['spec', 'code', added('src/c.js'), 'is not the name of a test'],
    ['spec', 'the manifest', added('package.json'), 'is not the name of a test'],
    ['spec', 'a link named like a test', added('test/x.test.js', '120000'), 'is a symbolic link'],
    ['document', 'README.md, new', added('README.md'), undefined],
    ['document', 'readme.rst, there', modified('readme.rst'), undefined],
    ['document', 'README without an ending', modified('README'), undefined],
    ['document', 'the file that it names', added('docs/use.md'), undefined],
    ['document', 'another document', added('docs/other.md'), 'is not among the files'],
    ['document', 'code', modified('src/b.js'), 'is not among the files'],
    ['document', 'README.md, deleted', deleted('README.md'), 'is deleted'],
    ['document', 'a README that is a script', modified('readme.sh.js'), 'is not among the files'],
    ['branch', 'a file of the task', modified('src/a.js'), 'a branch task changes nothing'],
    ['verify', 'a file of the task', added('src/a.js'), 'a verify task changes nothing'],
    ['review', 'a file of the task', deleted('src/a.js'), 'a review task changes nothing'],
    ['finish', 'README.md', modified('README.md'), 'a finish task changes nothing'],
    ['deploy', 'a file of the task', modified('src/a.js'), 'a deploy task changes nothing'],
  ])('%s: %s', ([action, , change, want]) => {
    const why = allowedChange(change, scope(action))
    if (want === undefined) expect(why).toBeUndefined()
    else expect(why).toContain(want)
  })
})

test.for<readonly [string, PathChange, string]>([
  ['a link', added('src/a.js', '120000'), 'is a symbolic link'],
  ['a link in the place of a file', modified('src/a.js', '100644', '120000'), 'is a symbolic link'],
  ['a link that leads elsewhere now', modified('src/a.js', '120000'), 'is a symbolic link'],
  ['a file in the place of a link', modified('src/a.js', '120000', '100644'), 'has mode 120000'],
  ['a submodule', added('src/a.js', '160000'), 'is a submodule'],
  ['a submodule at another commit', modified('src/a.js', '160000'), 'is a submodule'],
  [
    'a file in the place of a submodule',
    modified('src/a.js', '160000', '100644'),
    'has mode 160000',
  ],
  ['the right to be run', modified('src/a.js', '100644', '100755'), 'makes it 100755'],
  ['the right to be run taken away', modified('src/a.js', '100755', '100644'), 'makes it 100644'],
  ['a folder as an entry', added('src/a.js', '040000'), 'has mode 040000'],
])('no task makes %s, not even of its own file', ([, change, want]) => {
  for (const action of ['code', 'fix', 'spec', 'document'] as const) {
    const names = scope(action, { files: ['src/a.js'], wasThere: () => false })
    expect(allowedChange(change, names)).toContain(want)
  }
})

test.for<readonly [string, PathChange, boolean]>([
  ['a file that the request changed', modified('src/b.js'), true],
  ['a test that the request wrote', modified('test/b.test.js'), false],
  ['a file of the person', modified('src/other.js'), false],
  ['a new file', added('src/b.js'), false],
  ['a file that the request changed, deleted', deleted('src/b.js'), false],
])('a fix without files may write %s: %s', ([, change, want]) => {
  expect(allowedChange(change, scope('fix', { files: [] })) === undefined).toBe(want)
  // Tests among its files are none that it could write, so it has none either.
  expect(allowedChange(change, scope('fix', { files: ['test/a.test.js'] })) === undefined).toBe(
    want,
  )
})

test('the sentence names the path and what the task may write', () => {
  expect(allowedChanges([added('src/a.js'), added('.env')], scope('code'))).toBe(
    '.env is not among the files of the task: src/a.js, test/a.test.js, docs/use.md.',
  )
  expect(allowedChanges([added('x')], scope('code', { files: [] }))).toBe(
    'x is changed, and the task names no files.',
  )
  expect(allowedChanges([added('a\u001b[2J\nb')], scope('code'))).toMatch(/^a\[2J b is not among/)
})

test('a spec task adds one file', () => {
  const two = [added('test/a.test.js'), added('test/b.test.js')]
  expect(allowedChanges(two, scope('spec'))).toBe(
    'A spec task adds one test file, and the commit has 2: test/a.test.js, test/b.test.js.',
  )
  expect(allowedChanges([], scope('spec'))).toBeUndefined()
})

test('git’s own list is read whole, with names of every kind, or not at all', () => {
  const id = 'a'.repeat(40)
  const text = `:100644 100755 ${id} ${id} M\0a b\tc\nd\0:000000 120000 ${id} ${id} A\0ü\0`
  expect(readChanges(text)).toEqual([
    { path: 'a b\tc\nd', oldMode: '100644', newMode: '100755' },
    { path: 'ü', oldMode: none, newMode: '120000' },
  ])
  expect(readChanges('')).toEqual([])
  expect(() => readChanges(`warning\0x\0`)).toThrow('not a change')
})
