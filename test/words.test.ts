// docs/words.md names what is there, and one name of a type means one thing.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { code, factsOf, factsOfText, inside, isTest, read, root } from './support/sources.ts'

/** The types that programs and tools export; those of tests have their own names for doubles of them. */
const exported = code
  .filter((file) => !isTest(file) && !file.endsWith('.d.ts') && !inside(file, 'test'))
  .flatMap((file) => typesOf(factsOf(file)).map((name) => ({ name, file })))

function typesOf({ exports }: ReturnType<typeof factsOf>): readonly string[] {
  // A name that is a constant, too, is one name.
  return [...new Set(exports.filter(({ isType }) => isType).map(({ name }) => name))]
}

interface WordRow {
  readonly word: string
  readonly meaning: string
  readonly where: string
}

/** The rows of the first table of a document, and what is wrong with the form of each. */
function rowsOf(text: string): {
  readonly rows: readonly WordRow[]
  readonly bad: readonly string[]
} {
  const lines = text.split('\n').filter((line) => line.trim().startsWith('|'))
  const cells = lines
    .slice(2)
    .map((line) => ({ line, parts: line.split('|').map((cell) => cell.trim()) }))
  const rows = cells.map(({ parts: [, word = '', meaning = '', where = ''] }) => ({
    word,
    meaning,
    where,
  }))
  const bad = cells.filter(({ parts }) => {
    const where = parts[3] ?? ''
    const bare = where.replaceAll(/`[^`]*`/g, '')
    const isWhole = parts.length === 5 && parts.slice(1, 4).every((cell) => cell !== '')
    return !isWhole || quoted(where).length === 0 || /\/|\b[A-Z]/.test(bare)
  })
  return { rows, bad: bad.map(({ line }) => line) }
}

function quoted(text: string): readonly string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name)
}

const { rows: words, bad } = rowsOf(read('docs/words.md'))

test('every row of the table of words has a word, a meaning and places in code quotes', () => {
  expect(words.length).toBeGreaterThan(20)
  expect(bad).toEqual([])
})

test.each([
  ['| zork | a thing | `core/tasks` |', false],
  ['|zork|a thing|`core/tasks`|', false],
  ['| zork | a thing | `core/tasks` (its parts), `core/base` (`Clock`) |', false],
  ['| zork | a thing | core/tasks (TaskView) |', true],
  ['| zork | a thing | `core/tasks` (TaskView) |', true],
  ['| zork | a thing | `core/base`, core/tasks |', true],
  ['| zork | a thing | in the core |', true],
  ['| zork | a thing | |', true],
  ['| zork | | `core/tasks` |', true],
  ['|zork|a thing', true],
])('the row %s has a fault: %j', (row, want) => {
  const found = rowsOf(`| word | meaning | where |\n|---|---|---|\n${row}\n`)
  expect(found.rows.length).toBe(1)
  expect(found.bad.length > 0).toBe(want)
})

test('every file and folder of the table of words is there', () => {
  const missing = words.flatMap(({ word, where }) =>
    quoted(where)
      .filter((name) => !isTypeName(name))
      .filter((name) => !existsSync(join(root, name)))
      .map((name) => `${word}: ${name}`),
  )
  expect(missing).toEqual([])
})

test('every type that the table of words names is exported from the room it names', () => {
  const missing = words.flatMap(({ word, meaning, where }) => {
    const places = quoted(where).filter((name) => !isTypeName(name))
    return quoted(`${meaning} ${where}`)
      .filter(isTypeName)
      .filter((name) => !exported.some((one) => one.name === name && isIn(one.file, places)))
      .map((name) => `${word}: ${name} in ${places.join(', ')}`)
  })
  expect(missing).toEqual([])
})

test('the table of words has one row for each word, in whatever case it is written', () => {
  const all = words.flatMap(({ word }) => word.toLowerCase().split(/\s*,\s*/))
  expect(all.filter((word, index) => all.indexOf(word) !== index)).toEqual([])
})

test('no two exported types of programs and tools have the same name', () => {
  expect(exported.length).toBeGreaterThan(300)
  const shared = [...Map.groupBy(exported, ({ name }) => name)]
    .filter(([, types]) => types.length > 1)
    .map(([name, types]) => `${name}: ${types.map(({ file }) => file).join(' and ')}`)
  expect(shared).toEqual([])
})

test.each([
  ['export interface Hub {}', ['Hub']],
  ['export type Hub = string', ['Hub']],
  ['export class Hub {}', ['Hub']],
  ['export abstract class Hub {}', ['Hub']],
  ['export enum Hub {}', ['Hub']],
  ['interface Hub {}\nexport type { Hub }', ['Hub']],
  ['class Inner {}\nexport { Inner as Hub }', ['Hub']],
  ['export const Hub = z.object({})\nexport type Hub = z.infer<typeof Hub>', ['Hub']],
  ["export type { Hub } from './hub.ts'", []],
  ["import type { Hub } from './hub.ts'\nexport type { Hub }", []],
  ['interface Hub {}', []],
  ['export const hub = 1', []],
])('%s exports the types %j', (text, want) => {
  expect(typesOf(factsOfText('core/tasks/new.ts', text))).toEqual(want)
})

function isTypeName(name: string): boolean {
  return /^[A-Z]\w+$/.test(name)
}

function isIn(file: string, places: readonly string[]): boolean {
  return places.some((place) => inside(file, place))
}
