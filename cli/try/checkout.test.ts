// Which checkouts are worked on, and what stands in the way of writing a file there.
import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { CliError } from '../failure.ts'
import { gitAlone, makeCheckout, type TestCheckout } from '../../test/support/checkout.ts'
import { obstacleAt, openCheckout } from './checkout.ts'

const { signal } = new AbortController()
beforeAll(() => {
  for (const [name, value] of Object.entries(gitAlone)) vi.stubEnv(name, value)
})
afterAll(() => void vi.unstubAllEnvs())

const quietly = (checkout: TestCheckout, ...args: string[]): void => {
  try {
    checkout.git(...args)
  } catch {
    // It stops at a conflict, as it should.
  }
}

/** Two branches that changed the same line. */
function torn(): TestCheckout {
  const checkout = makeCheckout({ 'a.txt': 'one\n' })
  checkout.git('switch', '--quiet', '-c', 'other')
  checkout.write({ 'a.txt': 'two\n' })
  checkout.commit()
  checkout.git('switch', '--quiet', 'main')
  checkout.write({ 'a.txt': 'three\n' })
  checkout.commit()
  return checkout
}

test.each<[string, () => string, RegExp, number]>([
  ['no directory', () => '/nowhere/at/all', /there is no directory/, 2],
  ['a file', () => join(makeCheckout({ a: 'x' }).root, 'a'), /is not a directory/, 2],
  [
    'no repository',
    () => {
      const { root } = makeCheckout({ a: 'x' })
      execFileSync('rm', ['-rf', join(root, '.git')])
      return root
    },
    /is not a git repository/,
    2,
  ],
  ['a bare repository', () => makeCheckout({}, { bare: true }).root, /has no work tree/, 2],
  ['a git directory', () => join(makeCheckout({ a: 'x' }).root, '.git'), /has no work tree/, 2],
  [
    'a folder inside',
    () => join(makeCheckout({ 'src/a': 'x' }).root, 'src'),
    /is a folder inside/,
    2,
  ],
  [
    'a submodule',
    () => {
      const inner = makeCheckout({ a: 'x' })
      const outer = makeCheckout({ b: 'x' })
      const add = ['submodule', '--quiet', 'add', inner.root, 'inner']
      outer.git('-c', 'protocol.file.allow=always', ...add)
      return join(outer.root, 'inner')
    },
    /is a submodule of/,
    2,
  ],
  ['no commit', () => makeCheckout({}).root, /has no commit yet/, 2],
  [
    'a merge',
    () => {
      const checkout = torn()
      quietly(checkout, 'merge', 'other')
      return checkout.root
    },
    /in the middle of a merge/,
    1,
  ],
  [
    'a rebase',
    () => {
      const checkout = torn()
      quietly(checkout, 'rebase', 'other')
      return checkout.root
    },
    /in the middle of a rebase/,
    1,
  ],
  [
    'a cherry-pick',
    () => {
      const checkout = torn()
      quietly(checkout, 'cherry-pick', 'other')
      return checkout.root
    },
    /in the middle of a cherry-pick/,
    1,
  ],
  [
    'conflicts of a stash',
    () => {
      const checkout = torn()
      checkout.write({ 'a.txt': 'four\n' })
      checkout.git('stash', '--quiet')
      checkout.write({ 'a.txt': 'five\n' })
      checkout.commit()
      quietly(checkout, 'stash', 'pop')
      return checkout.root
    },
    /unresolved conflicts/,
    1,
  ],
  [
    'another git at work',
    () => {
      const { root } = makeCheckout({ a: 'x' })
      writeFileSync(join(root, '.git/index.lock'), '')
      return root
    },
    /another git works in/,
    1,
  ],
])('%s is refused with a sentence and the next command', async (_, make, want, exitCode) => {
  const opened = openCheckout(make(), { signal })
  await expect(opened).rejects.toThrow(want)
  await expect(opened).rejects.toMatchObject({ exitCode, next: expect.stringMatching(/./) })
  const { next = '' } = await opened.then(
    () => ({ next: '' }),
    (error: CliError) => error,
  )
  // Typed where the person stands, it must not make a commit in the repository there.
  for (const git of next.match(/(?:^|&& |(?:or|then): )git (?!clone )\S+ \S+/g) ?? [])
    expect(git).toMatch(/git -C \//)
})

test('what git finds of another repository in the environment does not count', async () => {
  const [mine, other] = [makeCheckout({ a: 'x' }), makeCheckout({ b: 'x' })]
  vi.stubEnv('GIT_DIR', join(other.root, '.git'))
  vi.stubEnv('GIT_INDEX_FILE', join(other.root, '.git/index'))
  const opened = await openCheckout(mine.root, { signal }).finally(() => {
    vi.stubEnv('GIT_DIR', undefined)
    vi.stubEnv('GIT_INDEX_FILE', undefined)
  })
  expect([...opened.listing.keys()]).toEqual(['a'])
})

test('a worktree that is linked and a HEAD that is detached are fine', async () => {
  const checkout = makeCheckout({ a: 'x' })
  const linked = `${checkout.root}-linked`
  checkout.git('worktree', 'add', '--quiet', '--detach', linked)
  const opened = await openCheckout(linked, { signal })
  expect(opened.head).toBe(checkout.git('rev-parse', 'HEAD').trim())
  checkout.git('worktree', 'remove', linked)
})

const plain = { 'src/a.js': 'a\n', 'lib/b.js': 'b\n', '.gitignore': 'dist/\n' }

test.each<[string, (checkout: TestCheckout) => void, string, RegExp]>([
  [
    'changed',
    (c) => c.write({ 'src/a.js': 'x\n' }),
    'src/a.js',
    /has changes that are in no commit/,
  ],
  [
    'staged and changed back',
    (c) => {
      c.write({ 'src/a.js': 'x\n' })
      c.git('add', '.')
      c.write({ 'src/a.js': 'a\n' })
    },
    'src/a.js',
    /has changes/,
  ],
  ['removed', (c) => execFileSync('rm', [join(c.root, 'src/a.js')]), 'src/a.js', /has changes/],
  [
    'new and in no commit',
    (c) => c.write({ 'src/n.js': 'x' }),
    'src/n.js',
    /is there and in no commit/,
  ],
  ['ignored', (c) => c.write({ 'dist/n.js': 'x' }), 'dist/n.js', /is there and in no commit/],
  ['a folder', (c) => mkdirSync(join(c.root, 'new.js')), 'new.js', /is there and in no commit/],
  [
    'behind a link',
    (c) => symlinkSync('/tmp', join(c.root, 'out')),
    'out/n.js',
    /behind out, which is a symbolic link/,
  ],
  [
    'behind a link in place of a folder',
    (c) => {
      execFileSync('mv', [join(c.root, 'lib'), join(c.root, 'lib2')])
      symlinkSync('lib2', join(c.root, 'lib'))
    },
    'lib/b.js',
    /behind lib, which is a symbolic link/,
  ],
  ['behind a file', () => undefined, 'src/a.js/b.js', /behind src\/a\.js, which is a file/],
  ['a name that differs in case', () => undefined, 'src/A.js', /only in case/],
  [
    'assumed unchanged',
    (c) => c.git('update-index', '--assume-unchanged', 'src/a.js'),
    'src/a.js',
    /told not to look/,
  ],
  [
    'left out of a sparse checkout',
    (c) => {
      c.git('update-index', '--skip-worktree', 'src/a.js')
      execFileSync('rm', [join(c.root, 'src/a.js')])
    },
    'src/a.js',
    /not checked out/,
  ],
  [
    'kept by a filter',
    (c) => {
      c.write({ '.gitattributes': 'src/*.js filter=vault\n' })
      c.git('config', 'filter.vault.clean', 'cat')
    },
    'src/new.js',
    /by the filter vault/,
  ],
])('a file that is %s is not written', async (_, spoil, path, want) => {
  const checkout = makeCheckout(plain)
  spoil(checkout)
  const opened = await openCheckout(checkout.root, { signal })
  const before = checkout.state()
  const found = await obstacleAt(opened, path, { signal })
  expect(found?.why).toMatch(want)
  // To commit, stash or move helps where there is something of the person's, and only there.
  const saves = /changes that are in no commit|is there and in no commit/.test(found?.why ?? '')
  expect(found?.next.includes('commit, stash or move')).toBe(saves)
  expect(checkout.state()).toEqual(before)
})

test.each(['src/a.js', 'src/new.js', 'deep/er/new.js', 'dist/new.js', 'a [b]*.js'])(
  'nothing stands in the way of %s',
  async (path) => {
    const checkout = makeCheckout(plain)
    checkout.write({ 'mine.txt': 'x' })
    const opened = await openCheckout(checkout.root, { signal })
    expect(await obstacleAt(opened, path, { signal })).toBeUndefined()
    expect(opened.changed).toEqual(['mine.txt'])
  },
)
