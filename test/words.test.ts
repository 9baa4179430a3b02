// docs/words.md names what is there, and one name of a type means one thing.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from '@babel/parser'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '..')
const read = (file: string): string => readFileSync(join(root, file), 'utf8')

const rooms = ['core', 'operator', 'forge', 'agent-image', 'cli', 'rehearsal']
const sources = execFileSync('git', ['ls-files', '-co', '--exclude-standard', ...rooms], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => /(?<!\.test|\.d)\.ts$/.test(file) && existsSync(join(root, file)))

interface ExportedType {
  readonly name: string
  readonly file: string
}

const exported: readonly ExportedType[] = sources.flatMap((file) =>
  exportedTypes(read(file)).map((name) => ({ name, file })),
)

/** The interfaces, type aliases and classes that a source text exports. */
function exportedTypes(text: string): readonly string[] {
  const { body } = parse(text, {
    sourceType: 'module',
    plugins: ['typescript', 'explicitResourceManagement'],
  }).program
  return body.flatMap((statement) => {
    if (statement.type !== 'ExportNamedDeclaration') return []
    const { declaration } = statement
    const isType =
      declaration?.type === 'TSInterfaceDeclaration' ||
      declaration?.type === 'TSTypeAliasDeclaration' ||
      declaration?.type === 'ClassDeclaration'
    return isType && declaration.id ? [declaration.id.name] : []
  })
}

interface WordRow {
  readonly word: string
  readonly meaning: string
  readonly where: string
}

/** The rows of the table in docs/words.md. */
const words: readonly WordRow[] = read('docs/words.md')
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| word |'))
  .map((line) => {
    const [, word = '', meaning = '', where = ''] = line.split('|').map((cell) => cell.trim())
    return { word, meaning, where }
  })

const quoted = (text: string): readonly string[] =>
  [...text.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name)

test('every file and folder of the table of words is there', () => {
  expect(words.length).toBeGreaterThan(20)
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

test('the table of words has one row for each word', () => {
  const all = words.flatMap(({ word }) => word.split(', '))
  expect(all.filter((word, index) => all.indexOf(word) !== index)).toEqual([])
})

test('no two exported types of core and operator have the same name', () => {
  const inside = exported.filter(({ file }) => isIn(file, ['core', 'operator']))
  const shared = [...Map.groupBy(inside, ({ name }) => name)]
    .filter(([, types]) => types.length > 1)
    .map(([name, types]) => `${name}: ${types.map(({ file }) => file).join(' and ')}`)
  expect(shared).toEqual([])
})

function isTypeName(name: string): boolean {
  return /^[A-Z]\w+$/.test(name)
}

function isIn(file: string, places: readonly string[]): boolean {
  return places.some((place) => file === place || file.startsWith(`${place}/`))
}
