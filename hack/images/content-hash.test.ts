import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { contentHash, fileInputs, listFiles } from './content-hash.ts'

describe('contentHash', () => {
  const base = [
    { name: 'a', content: 'one' },
    { name: 'b', content: 'two' },
  ]

  test('is 64 hex digits and the same for the same inputs in another order', () => {
    const want = contentHash(base)
    expect(want).toMatch(/^[0-9a-f]{64}$/)
    expect(contentHash(base.toReversed())).toBe(want)
  })

  test('does not tell text from the same bytes', () => {
    const bytes = base.map(({ name, content }) => ({ name, content: Buffer.from(content) }))
    expect(contentHash(bytes)).toBe(contentHash(base))
  })

  test.each([
    ['a changed content', [{ name: 'a', content: 'One' }, base[1]]],
    ['a renamed file', [{ name: 'c', content: 'one' }, base[1]]],
    ['a missing file', [base[0]]],
    [
      'swapped contents',
      [
        { name: 'a', content: 'two' },
        { name: 'b', content: 'one' },
      ],
    ],
    ['a letter moved from the content to the name', [{ name: 'ao', content: 'ne' }, base[1]]],
  ])('changes with %s', (_, inputs) => {
    const given = inputs.filter((input) => input !== undefined)
    expect(contentHash(given)).not.toBe(contentHash(base))
  })
})

describe('files', () => {
  let root = ''
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'hash-'))
  })
  afterEach(() => rm(root, { recursive: true }))

  test('are listed sorted, from all depths, without links and without what is not kept', async () => {
    await mkdir(join(root, 'deep/er'), { recursive: true })
    for (const path of ['z.ts', 'deep/er/a.ts', 'deep/b.test.ts']) {
      await writeFile(join(root, path), path)
    }
    await symlink('z.ts', join(root, 'link.ts'))
    expect(await listFiles(root, (path) => !path.endsWith('.test.ts'))).toEqual([
      'deep/er/a.ts',
      'z.ts',
    ])
  })

  test('of a directory that is not there are none', async () => {
    expect(await listFiles(join(root, 'nowhere'))).toEqual([])
  })

  test('that are named and missing are an error', async () => {
    await expect(fileInputs(root, ['gone'])).rejects.toThrow('ENOENT')
  })
})
