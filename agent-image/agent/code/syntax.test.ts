import { tmpdir } from 'node:os'
import { describe, expect, test } from 'vitest'
import { hereSandbox } from '../../../test/support/agent/here-sandbox.ts'
import { programs } from '../../../test/support/agent/processes.ts'
import { rightFiles, wrongFiles } from '../../../test/support/agent/syntax-table.ts'
import { type Syntax, syntaxOf, textSyntax } from './syntax.ts'

const signal = AbortSignal.timeout(120_000)
const where = { sandbox: hereSandbox, programs, folder: tmpdir() }

async function syntaxOfOne(path: string, text: string): Promise<Syntax | undefined> {
  return (await syntaxOf(new Map([[path, text]]), where, { signal })).get(path)
}

test('has enough of both kinds to be believed', () => {
  expect(rightFiles.length).toBeGreaterThanOrEqual(60)
  expect(wrongFiles.length).toBeGreaterThanOrEqual(40)
})

test.each(rightFiles)('does not refuse a right %s: %j', async (path, text) => {
  expect((await syntaxOfOne(path, text))?.kind).not.toBe('wrong')
})

test.each(wrongFiles)('refuses a broken %s: %j', async (path, text) => {
  expect(await syntaxOfOne(path, text)).toMatchObject({
    kind: 'wrong',
    message: expect.stringMatching(/./),
  })
})

test.each([
  ['a.js', 'a\n\nb c\n', 3],
  ['a.json', '{\n  "a": 1\n  "b": 2\n}\n', 3],
  ['a.yaml', 'a: 1\nb: [\nc: 2\n', 3],
  ['a.css', 'a { }\n\nb { color red; }\n', 3],
  ['a.html', '<p>\n</p>\n<a href="x', 3],
  ['a.sql', 'SELECT 1;\n\nSELEC 2;\n', 3],
  ['a.py', 'a = 1\n\nb = = 2\n', 3],
  ['a.sh', '#!/bin/bash\n\nfi\n', 3],
])('names the line of what is wrong in %s', async (path, text, line) => {
  expect(await syntaxOfOne(path, text)).toMatchObject({ kind: 'wrong', line })
})

test.each(['a.toml', 'a.go', 'Makefile', 'a.scss', 'a.rs', 'notes.txt'])(
  'says that it cannot judge %s',
  (path) => {
    expect(textSyntax(path, 'x')).toMatchObject({
      kind: 'unjudged',
      why: expect.stringMatching(/reads/),
    })
  },
)

test.each([
  ['brackets', 'a.js', '['.repeat(100_000)],
  ['objects', 'a.json', '{"a":'.repeat(40_000)],
  ['flows', 'a.yaml', '[{a: '.repeat(20_000)],
  ['elements', 'a.html', `<html>${'<div><i>'.repeat(20_000)}`],
  ['blocks', 'a.css', 'a{'.repeat(50_000)],
  ['brackets of SQL', 'a.sql', `SELECT ${'('.repeat(50_000)}1`],
  ['a text of 1 MiB', 'a.js', 'a\n'.repeat(500_000)],
])('survives %s without end', (_what, path, text) => {
  expect(textSyntax(path, text).kind).not.toBe('fine')
})

describe('an ES module in a project of CommonJS', () => {
  test.each<[string, string, number, RegExp]>([
    ['src/a.js', 'export function slugify(text) {\n  return text\n}\n', 1, /exports\.name = …/],
    ['src/a.js', "const x = 1\nimport fs from 'node:fs'\nexports.x = fs\n", 2, /require\('…'\)/],
    ['a.js', 'const a = 1\nexport { a }\n', 2, /no package\.json says "type": "module"/],
    ['a.js', 'exports.here = import.meta.dirname\n', 1, /has to be CommonJS/],
    ['lib/a.cjs', 'export default 1\n', 1, /as the ending \.cjs says/],
    ['a.js', 'exports.a = await f()\n', 1, /async function/],
  ])('%s: %j is told in the words of the project', (path, text, line, says) => {
    const found = textSyntax(path, text, 'commonjs')
    expect(found).toMatchObject({ kind: 'wrong', line })
    const message = found.kind === 'wrong' ? found.message : ''
    expect(message).toMatch(says)
    expect(message).not.toMatch(/sourceType/)
  })

  test.each<[string, string]>([
    ['a.js', 'exports.a = (\n'],
    ['a.js', 'export function f( {\n'],
    ['a.js', 'exports.a = 1 1\n'],
  ])('and another mistake keeps the words of the parser: %s %j', (path, text) => {
    const found = textSyntax(path, text, 'commonjs')
    expect(found.kind === 'wrong' ? found.message : '').not.toMatch(/CommonJS/)
    expect(found.kind).toBe('wrong')
  })
})
