import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createScripts, loadScripts, promptSections } from './script.ts'

const user = '## Request\nMake a.js\n\n## Unit\nUnit: a\n\n## What failed\n- it\n\nDo it.'

describe('a rule', () => {
  test.each([
    ['the request', { request: /a\.js/ }, true],
    ['another request', { request: /b\.js/ }, false],
    ['text that stands in another section only', { request: /Unit: a/ }, false],
    ['the purpose', { request: /./, purpose: /tester/ }, true],
    ['another purpose', { request: /./, purpose: /coder/ }, false],
    ['the unit', { request: /./, unit: /Unit: a/ }, true],
    ['another unit', { request: /./, unit: /Unit: b/ }, false],
    ['a repair', { request: /./, failed: true }, true],
    ['a first try', { request: /./, failed: false }, false],
    ['the whole prompt', { request: /./, prompt: /Do it/ }, true],
  ])('that names %s', (_, when, want) => {
    const scripts = createScripts([{ when, answer: 'yes' }])
    expect(scripts.answer({ system: 'You are a tester.', user })).toBe(want ? 'yes' : undefined)
  })

  test('can be for the second time only', () => {
    const scripts = createScripts([
      { when: { request: /./, n: 2 }, answer: 'second' },
      { when: { request: /./ }, answer: 'other' },
    ])
    const ask = () => scripts.answer({ system: '', user })
    expect([ask(), ask(), ask()]).toEqual(['other', 'second', 'other'])
  })
})

test('sections are read by their titles, the first of a title counts', () => {
  const sections = promptSections('before\n## A\none\n\n## B\ntwo\n## A\nthree')
  expect([...sections]).toEqual([
    ['a', 'one\n\n'],
    ['b', 'two\n'],
  ])
})

describe('a folder of scripts', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'scripts-'))
  })
  afterEach(async () => {
    await rm(folder, { recursive: true })
  })

  test('is read in order', async () => {
    const rule = (answer: string) => `about: x\nrules:\n- when: {request: x}\n  answer: ${answer}\n`
    await writeFile(join(folder, 'b.yaml'), rule('two'))
    await writeFile(join(folder, 'a.yaml'), rule('one'))
    await writeFile(join(folder, 'notes.txt'), 'no script')
    expect((await loadScripts(folder)).map((rule) => rule.answer)).toEqual(['one', 'two'])
  })

  test.each([
    ['a broken pattern', 'about: x\nrules: [{when: {request: "("}, answer: y}]'],
    ['an unknown condition', 'about: x\nrules: [{when: {request: x, where: y}, answer: y}]'],
  ])('with %s is refused by name', async (_, text) => {
    await writeFile(join(folder, 'bad.yaml'), text)
    await expect(loadScripts(folder)).rejects.toThrow('bad.yaml is no script')
  })
})
