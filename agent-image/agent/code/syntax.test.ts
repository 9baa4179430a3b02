import { tmpdir } from 'node:os'
import { expect, it } from 'vitest'
import { hereSandbox } from '../../testing/here-sandbox.ts'
import { assets } from '../../testing/processes.ts'
import { rightFiles, wrongFiles } from '../../testing/syntax-table.ts'
import { type Syntax, syntaxOf, textSyntax } from './syntax.ts'

const signal = AbortSignal.timeout(120_000)
const where = { sandbox: hereSandbox, assets, folder: tmpdir() }

async function syntaxOfOne(path: string, text: string): Promise<Syntax | undefined> {
  return (await syntaxOf(new Map([[path, text]]), where, { signal })).get(path)
}

it('has enough of both kinds to be believed', () => {
  expect(rightFiles.length).toBeGreaterThanOrEqual(60)
  expect(wrongFiles.length).toBeGreaterThanOrEqual(40)
})

it.each(rightFiles)('does not refuse a right %s: %j', async (path, text) => {
  expect((await syntaxOfOne(path, text))?.kind).not.toBe('wrong')
})

it.each(wrongFiles)('refuses a broken %s: %j', async (path, text) => {
  expect(await syntaxOfOne(path, text)).toMatchObject({
    kind: 'wrong',
    message: expect.stringMatching(/./),
  })
})

it.each([
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

it.each(['a.toml', 'a.go', 'Makefile', 'a.scss', 'a.rs', 'notes.txt'])(
  'says that it cannot judge %s',
  (path) => {
    expect(textSyntax(path, 'x')).toMatchObject({
      kind: 'unjudged',
      why: expect.stringMatching(/reads/),
    })
  },
)

it.each([
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
