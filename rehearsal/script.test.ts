import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ruleFault } from './faults.ts'
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

describe('a fault of a rule', () => {
  const strikes = (fault: object, questions: number) => {
    const rule = ruleFault.parse({ kind: 'no-done', ...fault })
    const scripts = createScripts([{ when: { request: /./ }, answer: 'yes', fault: rule }])
    return Array.from({ length: questions }, () => {
      const found = scripts.find({ system: '', user })
      expect(found?.answer).toBe('yes')
      return found?.strike?.kind
    })
  }

  test.each([
    ['once', {}, ['no-done', undefined, undefined]],
    ['as often as it says', { times: 2 }, ['no-done', 'no-done', undefined]],
    ['after those it spares', { skip: 1 }, [undefined, 'no-done', undefined]],
  ])('strikes its answers %s', (_, fault, want) => {
    expect(strikes(fault, 3)).toEqual(want)
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
    [
      'a broken pattern',
      'about: x\nrules: [{when: {request: x}, answer: y}, {when: {request: "("}, answer: y}]',
      'rule 2, when.request: is not a regular expression',
    ],
    [
      'an unknown condition',
      'about: x\nrules: [{when: {request: x, where: y}, answer: y}]',
      'rule 1, when.where: there is no such field',
    ],
    ['no answer', 'about: x\nrules: [{when: {request: x}}]', 'rule 1, answer: '],
    [
      'an unknown fault',
      'about: x\nrules: [{when: {request: x}, answer: y, fault: {kind: z}}]',
      'rule 1, fault.kind: ',
    ],
    [
      'a fault of a pull',
      'about: x\nrules: [{when: {request: x}, answer: y, fault: {kind: pull-cut}}]',
      'rule 1, fault.kind: ',
    ],
    ['no rules', 'about: x\nrules: []', 'rules: '],
    ['nothing in it', '', 'expected object'],
    ['broken YAML', 'about: "x', 'it is no YAML: Missing closing'],
  ])('with %s is refused in a sentence', async (_, text, want) => {
    await writeFile(join(folder, 'bad.yaml'), text)
    const refused = loadScripts(folder)
    await expect(refused).rejects.toThrow('bad.yaml is not a script: ')
    await expect(refused).rejects.toThrow(want)
  })

  test('is refused with every problem of every file, and when there is none', async () => {
    await expect(loadScripts(folder)).rejects.toThrow('no file ends with .yaml')
    await writeFile(join(folder, 'a.yaml'), 'rules: [{}]')
    await writeFile(join(folder, 'b.yaml'), 'about: x')
    const error = await loadScripts(folder).catch((reason: unknown) => String(reason))
    for (const want of [
      'a.yaml is not a script: about',
      'rule 1, when',
      'rule 1, answer',
      'b.yaml',
    ])
      expect(error).toContain(want)
  })
})
