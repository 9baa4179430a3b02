// Guards that read a proposal as code: ordinary files of odd looks pass, what only looks like code does not.
import { describe, expect, it } from 'vitest'
import { type Proposal, refuse } from './guards.ts'

const codeOf = (path: string, text: string, more: Partial<Proposal> = {}): string | undefined =>
  refuse({
    path,
    text,
    before: undefined,
    allowed: [path],
    requested: '',
    mayShrink: true,
    ...more,
  })?.code

const js = (comment: string): string => `export function f() {\n  ${comment}\n  return 1\n}\n`
const py = (body: string, before = ''): string =>
  `${before}def f():\n${body.replace(/^/gm, '    ')}\n`

describe('ordinary files pass', () => {
  it.each<[string, string]>([
    ['a.js', js('// keep the existing order of files here')],
    ['a.js', js('// the other functions call this one')],
    ['a.js', js('// returns the list unchanged')],
    ['a.js', js("const s = '// ... rest of the code ...'")],
    ['a.js', 'export const todo = [`\n// TODO: implement\n...\n`]\n'],
    ['a.js', `export const pages = [${"'https://example.com/other/file/1 here', ".repeat(80)}]\n`],
    ['a.js', '/**\n * @example\n * ...\n * f()\n */\nexport const f = () => [\n  ...a,\n]\n'],
    ['a.js', 'export const text = `\n<<<<<<< HEAD\n=======\n>>>>>>> x\n`\n'],
    ['a.js', 'export const diff = `\n@@ -1,2 +1,2 @@\n`\n'],
    ['a.js', 'export const python = `\ndef f(a):\n  pass\n`\nlet x\n'],
    [
      'a.py',
      'from typing import Protocol\nclass P(Protocol):\n    def f(self) -> int:\n        ...\n',
    ],
    [
      'a.py',
      'from abc import ABC, abstractmethod\nclass A(ABC):\n    @abstractmethod\n    def f(self): ...\n',
    ],
    ['a.py', 'class NotFound(Exception): ...\n'],
    ['a.py', py('pass')],
    ['a.py', py('x = a[..., 1]\nreturn x')],
    ['a.pyi', 'def f() -> int: ...\n'],
    ['a.md', 'Title\n=======\n\n...\n\n# Other functions\n\nsee below\n'],
    ['a.html', '<h1>I am sorry, this page was not found</h1>\n'],
    ['a.yaml', '# existing: here\na: 1\n'],
    [
      'test/a.test.js',
      "import assert from 'node:assert'\nimport { test } from 'node:test'\ntest('a', () => assert.ok(f()))\n",
    ],
  ])('%s: %j', (path, text) => {
    expect(codeOf(path, text)).toBeUndefined()
  })
})

describe('what leaves code out, or is none, is refused', () => {
  it.each<[string, string, string]>([
    ['a.js', js('// ... existing code ...'), 'Omission'],
    ['a.js', js('/* rest of the functions */'), 'Omission'],
    ['a.js', js('// Other helper methods stay the same'), 'Omission'],
    ['a.jsx', 'export const A = () => <b>{/* ... */}</b>\n', 'Omission'],
    ['a.py', py('...'), 'Omission'],
    ['a.py', py('# your implementation here\npass'), 'Omission'],
    ['a.py', py('"""Doc."""\n...'), 'Omission'],
    ['a.css', '/* ... existing styles ... */\na { }\n', 'Omission'],
    ['a.yaml', 'a: 1\n# rest of the file remains unchanged\n', 'Omission'],
    ['a.js', 'I am sorry, as a language model I cannot write that.\n', 'Prose'],
    ['App.tsx', "I'm sorry, but I can't help with that.\n", 'Prose'],
    ['a.py', '# I am sorry, as an AI language model I cannot do this.\n', 'Prose'],
    ['a.go', 'I cannot provide this file.\n', 'Prose'],
    ['a.html', '<p>I apologize, but as an AI language model I am unable to help.</p>\n', 'Prose'],
    ['README.md', 'Unfortunately, I cannot write this document.\n', 'Prose'],
    ['a.yaml', 'Here is the updated file you asked for:\n', 'Prose'],
  ])('%s: %j is %s', (path, text, want) => {
    expect(codeOf(path, text)).toBe(want)
  })
})

describe('code does not bring in what judges it', () => {
  it.each<[string, string]>([
    ['a.js', "import assert from 'node:assert/strict'\nassert.equal = () => {}\n"],
    ['a.cjs', "const t = require('node:test')\nt.beforeEach((t) => t.skip())\n"],
    ['a.js', "const { serialize } = await import('v8')\n"],
    ['a.js', "export { Session } from 'node:inspector'\n"],
    ['a.js', "import { syncBuiltinESMExports } from 'node:module'\nsyncBuiltinESMExports()\n"],
    ['a.js', 'process.reallyExit(0)\n'],
    ['a.js', "const { binding } = process\nbinding('fs')\n"],
    ['a.js', 'export const f = () => (process.env.NODE_TEST_CONTEXT ? 1 : 2)\n'],
    ['a.ts', "import { env } from 'node:process'\nexport const f = () => env['JEST_WORKER_ID']\n"],
    ['a.js', "import assert from 'assert'\nObject.assign(assert, { equal() {} })\n"],
    ['a.cjs', "const a = require('node:assert').strict\na.ok = () => {}\n"],
    ['a.js', "const tested = [...process.argv, ...process.execArgv].join(' ').includes('test')\n"],
    ['a.js', "export const f = () => (process.argv[1].endsWith('.test.js') ? 1 : 2)\n"],
    ['a.js', "export const f = () => (new Error().stack.includes('test') ? 1 : 2)\n"],
    ['a.js', 'export const f = () => /\\.test\\.|node:test/.test(new Error().stack)\n'],
    ['a.js', 'const { VITEST: isTest } = process.env\nexport const f = () => isTest\n'],
    ['a.py', "import sys\ntested = 'unittest' in sys.modules\n"],
    ['a.py', "from sys import modules\nif modules.get('pytest'):\n    x = 1\n"],
    ['a.py', "import os\ntested = os.environ.get('PYTEST_CURRENT_TEST')\n"],
    ['a.py', 'from unittest import SkipTest\nraise SkipTest()\n'],
    ['a.py', 'import unittest.mock as m\n'],
  ])('%s: %j', (path, text) => {
    const refusal = refuse({
      path,
      text,
      before: undefined,
      allowed: [path],
      requested: '',
      mayShrink: true,
    })
    expect(refusal?.code).toBe('Import')
    expect(refusal?.message).toMatch(/imports|reaches/)
  })

  it.each<[string, string, Partial<Proposal>]>([
    [
      'a file that did before',
      "import assert from 'assert'\nassert.ok(x)\n",
      { before: "import a from 'node:assert'\n" },
    ],
    [
      'a project whose code asserts',
      "import assert from 'node:assert/strict'\nassert.ok(x)\n",
      { projectImports: new Set(['assert']) },
    ],
    ['code that asserts', "import assert from 'node:assert/strict'\nassert.ok(x)\n", {}],
    ['a command called test', "if (process.argv[2] === 'test') run('test')\n", {}],
    ['a test of a text', "export const isTest = (name) => name.endsWith('.test.js')\n", {}],
    ['an error that is shown', 'console.error(error.stack)\nrun("the test")\n', {}],
    ['a word in a string', "export const s = 'node:test and process.reallyExit'\n", {}],
    ['a file of its own of that name', "import { assert } from './assert.js'\nassert(x)\n", {}],
    ['an object with such a name', 'export const env = { NODE_TEST_CONTEXT: 1, VITEST: 2 }\n', {}],
    ['any other variable', 'export const f = () => process.env.NODE_ENV ?? process.env.HOME\n', {}],
    ['a variable of that name', 'const process = { binding() {} }\nprocess.binding()\n', {}],
  ])('but %s may', (_what, text, more) => {
    expect(codeOf('a.js', text, more)).toBeUndefined()
  })
})

it('lets a byte order mark stay, and no other hidden sign come in with it', () => {
  const before = '\uFEFFexport const a = 1\n'
  expect(codeOf('a.js', '\uFEFFexport const a = 2\n', { before })).toBeUndefined()
  expect(codeOf('a.js', '\uFEFFexport const a = 2 // \u202E\n', { before })).toBe('Hidden')
  expect(codeOf('a.js', '\uFEFFexport const a = 2\n')).toBe('Hidden')
})
