import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { firstDifference, staleFiles, writeGenerated, generatedFiles } from './generated.ts'

const repository = fileURLToPath(new URL('../..', import.meta.url))
let root = ''

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'guildhall-gen-'))
})
afterEach(async () => {
  await rm(root, { recursive: true })
})

describe('the checked-in generated files', () => {
  test('are what the sources give now; otherwise run: npm run gen', async () => {
    expect(await staleFiles(repository, generatedFiles())).toEqual([])
  })
})

describe('writeGenerated', () => {
  test('writes what is missing or different, and only that', async () => {
    await writeFile(join(root, 'same'), 'a\n')
    await writeFile(join(root, 'other'), 'a\n')
    const files = [
      { path: 'same', text: 'a\n' },
      { path: 'other', text: 'b\n' },
      { path: 'deep/missing', text: 'c\n' },
    ]

    expect(await writeGenerated(root, files)).toEqual(['other', 'deep/missing'])
    expect(await readFile(join(root, 'other'), 'utf8')).toBe('b\n')
    expect(await staleFiles(root, files)).toEqual([])
  })
})

describe('firstDifference', () => {
  test.each<[string, string | undefined, string, string | undefined]>([
    ['no file', undefined, 'a', 'missing'],
    ['equal texts', 'a\nb', 'a\nb', undefined],
    ['another line', 'a\nb', 'a\nc', 'line 2 is "b", would be "c"'],
    ['more lines than wanted', 'a\nb', 'a', 'line 2 is "b", would be nothing'],
    ['fewer lines than wanted', 'a', 'a\nb', 'line 2 is nothing, would be "b"'],
  ])('tells of %s', (_, have, want, difference) => {
    expect(firstDifference(have, want)).toBe(difference)
  })
})
