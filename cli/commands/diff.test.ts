import { execFileSync } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { ownColours } from '../show/style.ts'
import { printDiff } from './diff.ts'

const { signal } = new AbortController()

/** A repository with a commit that wrote these bytes. */
function repository(bytes: Uint8Array): string {
  const cwd = mkdtempSync(join(tmpdir(), 'guild-diff-'))
  onTestFinished(() => rm(cwd, { recursive: true, force: true }))
  const git = (...args: readonly string[]) =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], { cwd })
  git('init', '-q', '-b', 'main')
  git('commit', '-q', '--allow-empty', '-m', '1')
  writeFileSync(join(cwd, 'notes.txt'), bytes)
  git('add', '.')
  git('commit', '-qm', '2')
  return cwd
}

/** What reaches stdout of a terminal of this kind. */
async function printed(bytes: Uint8Array, kind: { screen: boolean; color: boolean }) {
  const chunks: Buffer[] = []
  const terminal = {
    out: (text: string) => void chunks.push(Buffer.from(text)),
    bytes: (some: Uint8Array) => void chunks.push(Buffer.from(some)),
    screen: kind.screen,
    style: () => ({ color: kind.color, ascii: false }),
  }
  await printDiff(repository(bytes), ['HEAD~1', 'HEAD'], terminal, signal)
  return Buffer.concat(chunks)
}

test.each([
  [
    'a title and a cleared screen',
    'x \u001B]0;T\u0007\u001B[2J y',
    '+x \\u{1b}]0;T\\u{7}\\u{1b}[2J y',
  ],
  [
    'colours that say that all is well',
    '\u001B[32mAll tests passed\u001B[0m',
    '+\\u{1b}[32mAll tests passed\\u{1b}[0m',
  ],
  ['one-byte orders', 'a\u009B2Jb', '+a\\u{9b}2Jb'],
  [
    'text that is turned',
    "if (a !== '\u202E') // \u2066x",
    "+if (a !== '\\u{202e}') // \\u{2066}x",
  ],
  ['what nobody sees', 'a\u200Bb\u{E0041}', '+a\\u{200b}b\\u{e0041}'],
  ['a line that is written over', 'bad\rgood', '+bad\\u{d}good'],
  ['a backspace and a delete', 'ab\u0008c\u007F', '+ab\\u{8}c\\u{7f}'],
])('a screen shows %s of a file as text', async (_, text, want) => {
  for (const color of [true, false]) {
    const shown = (await printed(Buffer.from(`${text}\n`), { screen: true, color })).toString()
    // Only colours of ours are left.
    expect(
      shown
        .split(ownColours)
        .filter((_part, at) => at % 2 === 0)
        .join(''),
    ).not.toMatch(/(?![\t\n])\p{Cc}/u)
    expect(stripVTControlCharacters(shown).split('\n')).toContain(want)
  }
})

test('a pipe gets the file byte for byte', async () => {
  const bytes = Buffer.from([0x68, 0xe9, 0x1b, 0x5b, 0x32, 0x4a, 0x0d, 0x0a, 0xff, 0xfe, 0x0a])
  const shown = await printed(bytes, { screen: false, color: false })
  expect(shown.includes(bytes.subarray(0, 8))).toBe(true)
  expect(shown.includes(bytes.subarray(8))).toBe(true)
})

test('a variable of a hook that calls us leads to no other repository', async () => {
  const before = process.env
  onTestFinished(() => {
    process.env = before
  })
  const cwd = repository(Buffer.from('one\n'))
  process.env = { ...before, GIT_DIR: '/nowhere', GIT_WORK_TREE: '/nowhere' }
  let shown = ''
  const terminal = {
    out: () => undefined,
    bytes: (some: Uint8Array) => void (shown += Buffer.from(some).toString()),
    screen: false,
    style: () => ({ color: false, ascii: false }),
  }
  await printDiff(cwd, ['HEAD~1', 'HEAD'], terminal, signal)
  expect(shown).toContain('+one')
})

test('colours are those of git', async () => {
  const shown = (await printed(Buffer.from('one\n'), { screen: true, color: true })).toString()
  expect(shown).toContain('\u001B[1mdiff --git a/notes.txt b/notes.txt\u001B[0m')
  expect(shown).toContain('\u001B[1m+++ b/notes.txt\u001B[0m')
  expect(shown).toContain('\u001B[36m@@ -0,0 +1 @@\u001B[0m')
  expect(shown).toContain('\u001B[32m+one\u001B[0m')
})

test('a diff with nothing in it says so to its caller', async () => {
  const cwd = repository(Buffer.from('one\n'))
  for (const screen of [true, false]) {
    const ignore = () => undefined
    const style = () => ({ color: screen, ascii: false })
    const terminal = { out: ignore, bytes: ignore, screen, style }
    expect(await printDiff(cwd, ['HEAD', 'HEAD'], terminal, signal)).toBe(false)
    expect(await printDiff(cwd, ['--stat', 'HEAD~1', 'HEAD'], terminal, signal)).toBe(true)
  }
})
