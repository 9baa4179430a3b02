// Specs in CommonJS stay so; specs that mix both become ES modules, in which no name is declared
// twice.
import { describe, expect, test } from 'vitest'
import { factsOf } from '../code/read-code.ts'
import { specProblems } from './spec-gate.ts'
import { importsOf, repairImports } from './spec-imports.ts'
import { stubsFor } from './spec-stubs.ts'
import { holdBack } from './spec-text.ts'

const files = ['lib/slug.js']
const kindOf = (): 'commonjs' => 'commonjs'

describe('in CommonJS', () => {
  const repaired = (text: string): string =>
    repairImports('test/x.test.js', text, files, { kind: 'commonjs', kindOf })

  test.each([
    "const { a } = require('../lib/slug')\n",
    "var it = require('node:test').it\n",
    "const fs = require('fs'), { a } = require('../lib/slug')\n",
    "const { a } = require(require('path').join(__dirname, '../lib/slug'))\n",
    "it2(() => { require('../lib/slug').a() })\n",
  ])('%j stays', (text) => {
    expect(repaired(text)).toBe(text)
  })

  test.each<[string, string, string]>([
    [
      'a loose assert is made strict',
      "const a = require('assert').deepEqual\n",
      "const a = require('node:assert/strict').deepEqual\n",
    ],
    [
      'what leads nowhere is found by name',
      "f(() => require('./slug'))\n",
      "f(() => require('../lib/slug.js'))\n",
    ],
    [
      'what was forgotten comes behind the directive',
      "// x\n'use strict'\nit('a', () => assert(1))\n",
      "// x\n'use strict'\nconst { it } = require('node:test')\nconst assert = require('node:assert/strict')\nit('a', () => assert(1))\n",
    ],
    [
      'an import becomes a require',
      "import t, { it as u } from 'node:test'\nimport * as s from '../lib/slug'\nt(u, s)\n",
      "const t = require('node:test')\nconst { it: u } = require('node:test')\nconst s = require('../lib/slug.js')\nt(u, s)\n",
    ],
  ])('%s', (_what, text, want) => {
    expect(repaired(text)).toBe(want)
  })

  test('require is no concern, but other frameworks are', () => {
    const text = "const { test } = require('node:test')\nconst assert = require('assert')\n"
    const good = `${text}test('a', () => { assert.equal(require('../lib/slug').a, 1) })\n`
    expect(specProblems('test/x.test.js', good, undefined, 'commonjs')).toEqual([])
    expect(specProblems('test/x.test.js', good).join()).toMatch(/not require/)
    const mocha = `${good}require('chai')\n`
    expect(specProblems('test/x.test.js', mocha, undefined, 'commonjs').join()).toMatch(/framework/)
  })

  test.each<[string, string]>([
    ['a function', "require('../lib/slug')('a')\n"],
    ['a class', "const Slug = require('../lib/slug')\nnew Slug()\n"],
    ['a function in a hook', "let s\nbefore(() => { s = require('../lib/slug') })\ns()\n"],
  ])('a whole module is stubbed as %s', (_what, text) => {
    const { names } = importsOf('test/x.test.js', text, files)
    const stubs = stubsFor(names, new Map(), 'returns', { kindOf })
    expect(stubs.get('lib/slug.js')).toContain('module.exports = function')
  })

  test('data needs no stub', () => {
    const text = "const { a, b } = require('../data')\n"
    const { names, unknown } = importsOf('test/x.test.js', text, ['data.json'])
    expect(unknown).toEqual([])
    expect([...stubsFor(names, new Map([['data.json', '{}']]), 'throws')]).toEqual([])
  })

  test('the last of four tests is held back', () => {
    const tests = ['one', 'two', 'three', 'four']
      .map((name) => `test('makes ${name}', () => { assert.equal(a(), 1) })\n`)
      .join('')
    const text = `const { test } = require('node:test')\nconst assert = require('node:assert')\n${tests}`
    const { hidden, visible } = holdBack('test/x.test.cjs', text)
    expect([...hidden]).toEqual(['makes four'])
    expect(visible).toContain("require('node:assert')")
  })
})

describe('a mix becomes an ES module that declares each name once', () => {
  test.each<[string, string]>([
    ['strict read from assert', "const assert = require('assert').strict\nassert(1)\n"],
    ['each by var', "var describe = require('node:test').describe\ndescribe('a', f)\n"],
    [
      'several in one declaration',
      "const test = require('node:test'), assert = require('assert')\ntest('a', () => assert(1))\n",
    ],
    [
      'names of one file taken twice',
      "const { a } = require('../lib/slug')\nconst { b } = require('../lib/slug')\nf(a, b)\n",
    ],
    ['var twice', "var s = require('../lib/slug')\nvar s = require('../lib/slug')\nf(s)\n"],
    ['a helper of that name', 'const test = (f) => f()\nfunction assert() {}\ntest(assert)\n'],
    ['data', "const data = require('../data')\nf(data)\n"],
  ])('%s', (_what, text) => {
    const known = ['data.json']
    const mixed = `import fs from 'node:fs'\n${text}fs()\n`
    const spec = repairImports('test/x.test.mjs', mixed, files, { kindOf, known })
    expect(factsOf('test/x.test.mjs', spec).parsed).toEqual({ kind: 'fine' })
    for (const { specifier } of factsOf('test/x.test.mjs', spec).imports)
      expect(specifier).toMatch(/^(?:node:)?\w+|\.js(?:on)?$/)
  })
})
