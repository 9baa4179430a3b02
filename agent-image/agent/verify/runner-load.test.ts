// Loading modules: what a module does when somebody imports it, without a test.
import { expect, test } from 'vitest'
import { runner, signal, useRunner } from '../../../test/support/agent/runner-fixture.ts'

useRunner()

const limits = { testMs: 700, silenceMs: 4000, fileMs: 6000, commandMs: 60_000, loadMs: 4000 }

const cases: readonly [path: string, text: string, outcome: string, message?: RegExp][] = [
  ['a/plain.js', 'export const a = 1\n', 'loaded'],
  ['a/common.cjs', 'module.exports = { a: 1 }\n', 'loaded'],
  ['a/typed.ts', 'export enum E { A = 1 }\nexport const a: number = E.A\n', 'loaded'],
  ['a/imports.js', "import { a } from './plain.js'\nexport const b = a\n", 'loaded'],
  ['a/server.js', "import { createServer } from 'node:http'\ncreateServer().listen(0)\n", 'loaded'],
  ['a/interval.js', 'setInterval(() => {}, 50)\n', 'loaded'],
  ['a/exits.js', "console.error('usage: …')\nprocess.exit(2)\n", 'loaded'],
  ['a/code.js', 'process.exitCode = 1\n', 'loaded'],
  [
    'a/main.js',
    "import { pathToFileURL } from 'node:url'\nif (import.meta.url === pathToFileURL(process.argv[1]).href) throw new Error('ran')\nif (process.argv.length > 2) throw new Error('arguments')\n",
    'loaded',
  ],
  ['a/no-database.js', "import { connect } from 'node:net'\nconnect(1, '127.0.0.1')\n", 'loaded'],
  [
    'a/throws.js',
    "export const a = 1\nthrow new TypeError('no key')\n",
    'failed',
    /^TypeError: no key$/,
  ],
  ['a/undefined.js', 'export const a = b\n', 'failed', /^ReferenceError: b is not defined$/],
  ['a/missing.js', "import './nowhere.js'\n", 'failed', /Cannot find module/],
  ['a/name.js', "import { nothing } from './plain.js'\n", 'failed', /nothing/],
  ['a/syntax.js', 'export const a = )\n', 'failed', /SyntaxError/],
  [
    'a/later.js',
    "setTimeout(() => { throw new Error('later') }, 100)\n",
    'failed',
    /^Error: later$/,
  ],
  [
    'a/rejects.js',
    "Promise.reject(new Error('nobody waits'))\n",
    'failed',
    /^Error: nobody waits$/,
  ],
  ['a/apology.ts', 'I am sorry, as a language model I cannot write that.\n', 'failed', /Syntax/],
  ['a/for-ever.js', 'for (;;);\n', 'failed', /did not end within 4 seconds/],
  [
    'a/package.js',
    "import 'express'\n",
    'unloadable',
    /^it needs express, which is not installed$/,
  ],
  ['a/browser.js', "document.title = 'x'\n", 'unloadable', /“document”, which only browsers have/],
  [
    'a/element.js',
    'class A extends HTMLElement {}\ncustomElements.define("a-b", A)\n',
    'unloadable',
    /HTMLElement/,
  ],
  ['a/storage.js', 'export const a = window.localStorage\n', 'unloadable', /“window”/],
  ['a/view.jsx', 'export const a = <b/>\n', 'unloadable', /\.jsx/],
  ['a/view.tsx', 'export const a = <b/>\n', 'unloadable', /\.tsx/],
  ['a/style.css', 'a {}\n', 'unloadable', /\.css/],
  ['p/plain.py', 'A = 1\n', 'loaded'],
  ['p/exits.py', 'import sys\nsys.exit(2)\n', 'loaded'],
  ['p/ends.py', 'import os\nos._exit(1)\n', 'loaded'],
  [
    'p/guarded.py',
    "import sys\nif __name__ == '__main__' or len(sys.argv) > 1:\n    raise OSError\n",
    'loaded',
  ],
  ['p/throws.py', 'A = 1\nraise TypeError("no key")\n', 'failed', /^TypeError: no key$/],
  ['p/name.py', 'from plain import nothing\n', 'failed', /nothing/],
  ['p/syntax.py', 'def f(:\n', 'failed', /^SyntaxError/],
  ['p/package.py', 'import flask\n', 'unloadable', /^it needs flask, which is not installed$/],
  ['src/app/__init__.py', 'from .store import get\n', 'loaded'],
  [
    'src/app/store.py',
    'from app import missing_name\ndef get():\n    pass\n',
    'failed',
    /missing_name/,
  ],
]

test('says of each module whether it loads', async () => {
  const changes = new Map(cases.map(([path, text]) => [path, text]))
  const fixed = new Map([...changes, ['src/app/store.py', 'def get():\n    pass\n']])
  const paths = cases.map(([path]) => path).filter((path) => path !== 'src/app/store.py')
  const results = await runner(limits).load(paths, fixed, { signal })
  const broken = await runner(limits).load(['src/app/store.py'], changes, { signal })
  const all = [...results, ...broken]
  expect(all.map(({ path, outcome }) => [path, outcome])).toEqual(
    cases.map(([path, , outcome]) => [path, outcome]),
  )
  for (const [index, [, , outcome, message = /^$/]] of cases.entries()) {
    expect(all[index]?.message).toMatch(message)
    if (outcome === 'loaded') expect(all[index]?.frame).toBeUndefined()
  }
  const frame = (path: string) => all.find((one) => one.path === path)?.frame
  expect(frame('a/throws.js')).toEqual({ file: 'a/throws.js', line: 2 })
  expect(frame('a/syntax.js')).toEqual({ file: 'a/syntax.js', line: 1 })
  expect(frame('p/throws.py')).toEqual({ file: 'p/throws.py', line: 2 })
}, 180_000)
