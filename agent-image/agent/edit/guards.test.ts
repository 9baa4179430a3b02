import { expect, test } from 'vitest'
import { expectLinear } from '../../../test/support/growth.ts'
import { chooseBlock, cleanPath } from './choose-block.ts'
import { findSecret, type Proposal, refuse } from './guards.ts'
import { findOmission } from './omission.ts'

const long = Array.from({ length: 40 }, (_, index) => `export const x${index} = ${index}`).join(
  '\n',
)
// Put together here, so that this file itself does not look like it holds secrets.
const kind = 'PRIVATE'
const prefix = 'AKIA'
const proposal: Proposal = {
  path: 'src/a.js',
  text: 'export const a = 1\n',
  before: undefined,
  allowed: ['src/a.js'],
  requested: 'Make a.',
  mayShrink: false,
}

test.each<[string, Partial<Proposal>, string | undefined]>([
  ['a plain file', {}, undefined],
  ['a path of another task', { path: 'src/b.js' }, 'Scope'],
  ['a test', { path: 'test/a.test.js' }, 'Scope'],
  [
    'a comment for the rest of the code',
    { text: 'const a = 1\n// ... rest of the code ...\n' },
    'Omission',
  ],
  [
    'a comment that all stays as it is',
    { text: '# existing functions remain unchanged\n' },
    'Omission',
  ],
  ['three dots alone', { text: 'function a() {\n  ...\n}\n' }, 'Omission'],
  ['a place for code', { text: '// your code here\n' }, 'Omission'],
  [
    'a dotted comment that was there before',
    { text: '// ...\nconst a = 2\n', before: '// ...\nconst a = 1\n' },
    undefined,
  ],
  ['a spread', { text: 'const a = [\n  ...b,\n]\n' }, undefined],
  ['a comment about other code', { text: '// the other file calls this function\n' }, undefined],
  ['a file that lost most of its text', { text: 'export const x0 = 0\n', before: long }, 'Shrink'],
  [
    'the same where things are to be removed',
    { text: 'export const x0 = 0\n', before: long, mayShrink: true },
    undefined,
  ],
  ['a file that lost a little', { text: long.slice(0, -200), before: long }, undefined],
  ['conflict markers', { text: '<<<<<<< HEAD\na\n=======\nb\n>>>>>>> x\n' }, 'ConflictMarker'],
  ['a variable called unchanged', { text: 'if (same) return unchanged\n' }, undefined],
  ['a diff', { text: '@@ -1,2 +1,2 @@\n-a\n+b\n' }, 'Diff'],
  [
    'a diff that is asked for',
    { path: 'a.patch', allowed: ['a.patch'], text: '@@ -1,2 +1,2 @@\n-a\n+b\n' },
    undefined,
  ],
  ['letters in another direction', { text: 'const a = 1 // \u202Ex\n' }, 'Hidden'],
  [
    'the same where they were before',
    { text: 'const a = 2 // \u202Ex\n', before: '// \u202E\n' },
    undefined,
  ],
  ['a private key', { text: `const k = '-----BEGIN RSA ${kind} KEY-----'\n` }, 'Secret'],
  ['a cloud key', { text: `const k = '${prefix}ABCDEFGHIJKLMNOP'\n` }, 'Secret'],
  ['Python in a JavaScript file', { text: 'def a():\n    return 1\n' }, 'Language'],
  [
    'JavaScript in a Python file',
    { path: 'a.py', allowed: ['a.py'], text: 'const a = 1\nfunction b() {}\n' },
    'Language',
  ],
  ['the example', { text: 'export function gatherPlums() {}\n' }, 'Example'],
  [
    'the example’s word where it is asked for',
    { text: 'export function gatherPlums() {}\n', requested: 'Write gatherPlums.' },
    undefined,
  ],
  ['a huge file', { text: 'x'.repeat(200_000) }, 'TooLarge'],
])('%s', (_what, more, want) => {
  expect(refuse({ ...proposal, ...more })?.code).toBe(want)
})

const more = {
  'comments on one line': (n: number) => '// existing file '.repeat(n / 17),
  'links on one line': (n: number) => "'https://example.com/other/file/1', ".repeat(n / 36),
  'beginnings of secrets': (n: number) => 'eyJaaaaaaaaaaaaaaaaaaaaaa-'.repeat(n / 26),
} as const

for (const path of ['a.md', 'a.go', 'a.css'])
  expectLinear(
    `refuse of ${path}`,
    (text) =>
      refuse({ path, text, before: undefined, allowed: [path], requested: '', mayShrink: true }),
    more,
  )
expectLinear('findOmission', (text) => findOmission(text), more)
expectLinear('findSecret', (text) => findSecret(text), more)
expectLinear('cleanPath', (text) => cleanPath(text), more)
expectLinear('chooseBlock', (text) => chooseBlock([{ text, path: text }, { text }], 'a.md'), more)
