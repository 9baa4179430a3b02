// `guild try` on real checkouts with a real sandbox process: what it does when the work is Done.
import { execSync } from 'node:child_process'
import { existsSync, lstatSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { makeCheckout, type TestCheckout } from '../../test/support/checkout.ts'
import {
  aloneWithGit,
  answers,
  bad,
  coding,
  diffIn,
  fenced,
  good,
  manifest,
  patience,
  request,
  specText,
  tried,
} from '../../test/support/guild-try.ts'

aloneWithGit()

describe('Done', () => {
  test(
    'the whole chain leaves the shown diff in the work tree, and nothing else',
    patience,
    async () => {
      const checkout = makeCheckout({
        'package.json': manifest.replace('{', '{ "name": "@ada/shop",'),
        'a b.txt': 'x',
      })
      checkout.write({ 'notes.txt': 'mine\n' })
      const before = checkout.tree()
      const { code, result, stderr } = await tried(
        checkout,
        answers(fenced('src/slug.js', bad), fenced('src/slug.js', good)),
        ['--goal', request, '--files', 'src/slug.js'],
      )
      expect(stderr).toContain('code slug: try 2: repairing src/slug.js')
      expect(result).toMatchObject({
        verdict: 'Done',
        tries: [
          {
            kind: 'fresh',
            accepted: false,
            failures: [/* told below */ expect.any(String), expect.any(String)],
          },
          { kind: 'repair', accepted: true, failures: [] },
        ],
        files: ['README.md', 'src/slug.js', 'test/slug.test.js'],
      })
      expect(result?.tries[0]?.failures[0]).toMatch(
        /^test\/slug\.test\.js: joins: .*'a b' !== 'a-b'/,
      )
      expect(result?.evidence.map(({ passed, failed }) => [passed, failed])).toEqual([
        [2, 0],
        [2, 0],
      ])
      expect(result?.tokens).toBeGreaterThan(0)
      expect(result?.warnings.join('\n')).toMatch(
        /do not see changes .*notes\.txt[\s\S]*as a process of yours/,
      )
      expect(result?.failure).toBeUndefined()
      expect(code).toBe(0)
      expect(checkout.read('README.md')).toMatch(/^# @ada\/shop\n/)
      expect(diffIn(checkout, 'notes.txt')).toBe(result?.diff)
      expect(checkout.read('src/slug.js')).toBe(good)
      const after = checkout.tree()
      const changed = [...after].filter(([path, state]) => before.get(path) !== state)
      expect(changed.map(([path]) => path)).toEqual([
        'README.md',
        'src/',
        'src/slug.js',
        'test/',
        'test/slug.test.js',
      ])
      expect(checkout.git('status', '--porcelain')).toBe(
        '?? README.md\n?? notes.txt\n?? src/\n?? test/\n',
      )
    },
  )

  describe('the index of the person is left byte for byte as it was', () => {
    const index = ({ root }: TestCheckout): Buffer => readFileSync(join(root, '.git/index'))
    const project = { 'package.json': manifest, 'src/slug.js': bad, 'test/slug.test.js': specText }

    test.each<[string, Record<string, string>, (checkout: TestCheckout) => void]>([
      ['when nothing is staged', { 'package.json': manifest }, () => undefined],
      [
        'when something else is staged and changed again',
        { 'package.json': manifest, 'other.txt': 'one\n' },
        (checkout) => {
          checkout.write({ 'other.txt': 'two\n' })
          checkout.git('add', 'other.txt')
          checkout.write({ 'other.txt': 'three\n' })
        },
      ],
      [
        'when a file of the person is marked as to be added',
        { 'package.json': manifest },
        (checkout) => {
          checkout.write({ 'mine.txt': 'mine\n' })
          checkout.git('add', '--intent-to-add', 'mine.txt')
        },
      ],
      [
        'when the new files are ignored',
        { 'package.json': manifest, '.gitignore': 'src/\n' },
        () => undefined,
      ],
    ])('%s', patience, async (_, files, prepare) => {
      const checkout = makeCheckout(files)
      prepare(checkout)
      const before = index(checkout)
      const { result, stderr } = await tried(checkout, answers(fenced('src/slug.js', good)), [
        '--goal',
        request,
        '--files',
        'src/slug.js',
      ])
      expect(result?.verdict).toBe('Done')
      expect(index(checkout).equals(before)).toBe(true)
      expect(checkout.git('ls-files', 'src', 'test')).toBe('')
      expect(stderr).toContain('nothing is staged')
      // What it says next shows the whole change, whatever else there is.
      const next = /^next: (git -C \S+ add .*)$/m.exec(stderr)?.[1] ?? ''
      expect(execSync(next, { encoding: 'utf8', cwd: tmpdir() })).toContain(
        '+export function slugify',
      )
      const ignored = stderr.includes('git was told to ignore src/slug.js')
      expect(ignored).toBe('.gitignore' in files)
    })

    test('and git stash works afterwards', patience, async () => {
      const checkout = makeCheckout({ 'package.json': manifest, 'README.md': '# shop\n' })
      await tried(checkout, answers(fenced('src/slug.js', good)), [
        '--goal',
        request,
        '--files',
        'src/slug.js',
      ])
      checkout.git('stash', '--include-untracked')
      expect(checkout.git('status', '--porcelain')).toBe('')
      checkout.git('stash', 'pop')
      expect(checkout.read('src/slug.js')).toBe(good)
    })

    test('when only files that are there were changed, git diff shows it', patience, async () => {
      const checkout = makeCheckout(project)
      const before = index(checkout)
      const { stderr } = await tried(
        checkout,
        () => fenced('src/slug.js', good),
        coding('npm test'),
      )
      expect(index(checkout).equals(before)).toBe(true)
      expect(stderr).toMatch(/^next: git -C \S+ diff$/m)
    })
  })

  test('without --files the planner chooses them', patience, async () => {
    const checkout = makeCheckout({ 'package.json': manifest })
    const units = {
      a_units: [{ a_goal: request, b_files: ['src/slug.js'], c_done_when: request, d_after: 0 }],
      b_docs: false,
      c_deploy: false,
    }
    const rest = answers(fenced('src/slug.js', good))
    const { result, code } = await tried(
      checkout,
      (prompt, number) =>
        /split a request for software into units/i.test(prompt)
          ? JSON.stringify(units)
          : /say what must exist/i.test(prompt)
            ? '- src/slug.js exports slugify(text)'
            : rest(prompt, number),
      ['--goal', request],
    )
    expect(result).toMatchObject({ verdict: 'Done', files: ['src/slug.js', 'test/slug.test.js'] })
    expect(code).toBe(0)
  })

  test.each([
    ['a path', 'test/slug.test.js'],
    ['npm test', 'npm test'],
    ['node --test', "node --test 'test/**/*.js'"],
  ])(
    'tests that are named by %s decide, are shown and stay as they are',
    patience,
    async (_, command) => {
      const four = `${specText}test('keeps', () => { assert.equal(slugify('a'), 'a') })
test('last', () => { if (slugify('B') !== 'b') throw new Error('no') })\n`
      const files = { 'package.json': manifest, 'src/slug.js': bad, 'test/slug.test.js': four }
      const checkout = makeCheckout(files)
      const { result, code, asked } = await tried(
        checkout,
        () => fenced('src/slug.js', good),
        coding(command),
      )
      expect(result).toMatchObject({ verdict: 'Done', files: ['src/slug.js'] })
      expect(code).toBe(0)
      // Of tests of our own one is held back; a person's tests are all shown.
      expect(asked.join('\n')).toContain("test('last'")
      expect(checkout.read('test/slug.test.js')).toBe(four)
      expect(diffIn(checkout)).toBe(result?.diff)
    },
  )

  test('two test files of Python decide together', patience, async () => {
    const checkout = makeCheckout({
      'slug.py': 'def slugify(text):\n    return text\n',
      'tests/__init__.py': '',
      'tests/test_one.py':
        "import unittest\nfrom slug import slugify\n\nclass One(unittest.TestCase):\n    def test_lower(self):\n        self.assertEqual(slugify('A'), 'a')\n",
      'tests/test_two.py':
        "import unittest\nfrom slug import slugify\n\nclass Two(unittest.TestCase):\n    def test_join(self):\n        self.assertEqual(slugify('a b'), 'a-b')\n",
    })
    const half = 'def slugify(text):\n    return text.lower()\n'
    const whole = "def slugify(text):\n    return text.lower().replace(' ', '-')\n"
    let asked = 0
    const { result, code } = await tried(
      checkout,
      () => fenced('slug.py', asked++ === 0 ? half : whole),
      [
        '--goal',
        'Pass.',
        '--files',
        'slug.py',
        '--type',
        'coding',
        '--test',
        'python3 -m unittest discover',
      ],
    )
    expect(result).toMatchObject({
      verdict: 'Done',
      tries: [{ accepted: false }, { accepted: true }],
    })
    expect(result?.tries[0]?.failures.join()).toContain('test_join')
    expect(code).toBe(0)
    expect(checkout.read('slug.py')).toBe(whole)
  })

  test('--type testing leaves tests that fail before the code', patience, async () => {
    const checkout = makeCheckout({ 'package.json': manifest })
    const { result, code } = await tried(checkout, answers(''), [
      '--goal',
      request,
      '--files',
      'src/slug.js',
      '--type',
      'testing',
    ])
    expect(result).toMatchObject({
      verdict: 'Done',
      files: ['test/slug.test.js'],
      tries: [{ accepted: true }],
    })
    expect(code).toBe(0)
  })

  test.each([
    ['core.autocrlf', { 'core.autocrlf': 'true' }, {}, true],
    ['an attribute eol=crlf', {}, { '.gitattributes': '*.js text eol=crlf\n' }, true],
    ['a commit that holds them so', {}, { 'src/slug.js': bad.replaceAll('\n', '\r\n') }, true],
    [
      'a commit that holds them so, in spite of core.autocrlf',
      { 'core.autocrlf': 'true' },
      // It was written down by somebody with other settings.
      { '.gitattributes': '*.js -text\n', 'src/slug.js': bad.replaceAll('\n', '\r\n') },
      true,
    ],
    [
      'line feeds in spite of core.eol',
      { 'core.eol': 'crlf' },
      { '.gitattributes': '*.js text eol=lf\n' },
      false,
    ],
  ])(
    'line ends are those of %s, and git diff shows the change alone',
    patience,
    async (_, config, more, crlf) => {
      const files = { 'package.json': manifest, 'src/slug.js': bad, 'test/slug.test.js': specText }
      const checkout = makeCheckout({ ...files, ...more }, { config })
      checkout.git('rm', '--quiet', '--cached', '-r', '.')
      checkout.git('reset', '--quiet', '--hard')
      const { result } = await tried(
        checkout,
        () => fenced('src/slug.js', good),
        coding('test/slug.test.js'),
      )
      expect(result?.verdict).toBe('Done')
      expect(checkout.read('src/slug.js')).toBe(crlf ? good.replaceAll('\n', '\r\n') : good)
      expect(diffIn(checkout)).toBe(result?.diff)
      expect(checkout.git('status', '--porcelain')).toBe(' M src/slug.js\n')
    },
  )

  test('a clone without its history will do', patience, async () => {
    const origin = makeCheckout({ 'package.json': manifest, 'test/slug.test.js': specText })
    origin.write({ 'src/slug.js': bad })
    origin.commit()
    const clone = makeCheckout({})
    clone.git('fetch', '--quiet', '--depth=1', `file://${origin.root}`, 'main')
    clone.git('reset', '--quiet', '--hard', 'FETCH_HEAD')
    const { result } = await tried(
      clone,
      () => fenced('src/slug.js', good),
      coding('test/slug.test.js'),
    )
    expect(result).toMatchObject({ verdict: 'Done', files: ['src/slug.js'] })
    expect(diffIn(clone)).toBe(result?.diff)
  })

  test(
    'modes, links beside it, other changes and the hooks of the person are left alone',
    patience,
    async () => {
      const checkout = makeCheckout({
        'package.json': manifest,
        'src/slug.js': bad,
        'src/other.js': '-> slug.js',
        'test/slug.test.js': specText,
        'staged.txt': 'one\n',
      })
      checkout.git('update-index', '--chmod=+x', 'src/slug.js')
      checkout.git('commit', '--quiet', '-m', 'Run it')
      checkout.git('checkout', '--quiet', '--', 'src/slug.js')
      checkout.write({ 'staged.txt': 'two\n', 'ran.sh': '#!/bin/sh\ntouch "$PWD/hook-ran"\n' })
      checkout.git('add', 'staged.txt')
      const hook = join(checkout.root, 'ran.sh')
      checkout.git('config', 'core.fsmonitor', hook)
      checkout.git('config', 'core.hooksPath', checkout.root)
      const { result } = await tried(
        checkout,
        () => fenced('src/slug.js', good),
        coding('test/slug.test.js'),
      )
      expect(result?.verdict).toBe('Done')
      expect(lstatSync(join(checkout.root, 'src/slug.js')).mode & 0o111).not.toBe(0)
      expect(lstatSync(join(checkout.root, 'src/other.js')).isSymbolicLink()).toBe(true)
      expect(existsSync(join(checkout.root, 'hook-ran'))).toBe(false)
      checkout.git('config', 'core.fsmonitor', 'false')
      expect(checkout.git('diff', '--cached', '--name-only')).toBe('staged.txt\n')
      expect(checkout.git('diff', '--name-only')).toBe('src/slug.js\n')
    },
  )
})
