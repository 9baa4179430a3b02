import { describe, expect, test } from 'vitest'
import { contentState, entryState, filesOf, parseListing } from './tree-listing.ts'

const id = 'a'.repeat(40)
const listing = parseListing(
  Buffer.concat(
    [
      `100644 blob ${id}      12\tREADME.md`,
      `100755 blob ${id}       3\tbin/run`,
      `100644 blob ${id} 312000\tsrc/big.js`,
      `120000 blob ${id}       9\tdocs`,
      `120000 blob ${id}       9\tsrc/link.js`,
      `160000 commit ${id}       -\tvendor/lib`,
      `100644 blob ${id}       1\tsrc/größe [1].js`,
    ]
      .map((line) => Buffer.from(`${line}\0`))
      .concat([Buffer.from(`100644 blob ${id}       1\tcaf`), Buffer.from([0xe9, 0])]),
  ),
)

test('lists regular files, and passes over names that nobody can write down', () => {
  expect(filesOf(listing)).toEqual(['README.md', 'bin/run', 'src/big.js', 'src/größe [1].js'])
})

describe('what may be written', () => {
  test.each(['src/new.js', 'docs2/a.md', 'vendor/other/a.js', 'READMES.md'])(
    '%s is free',
    (path) => {
      expect(entryState(listing, path)).toEqual({ kind: 'absent' })
    },
  )

  test.each(['README.md', 'bin/run', 'src/größe [1].js'])('%s is a file', (path) => {
    expect(entryState(listing, path)).toEqual({ kind: 'blob', oid: id })
  })

  test.each([
    ['src/link.js', 'src/link.js is a symbolic link'],
    ['docs', 'docs is a symbolic link'],
    ['docs/usage.md', 'would lie behind docs, which is a symbolic link'],
    ['vendor/lib', 'is a submodule'],
    ['vendor/lib/a.js', 'would lie behind vendor/lib, which is a submodule'],
    ['README.md/a', 'would lie behind README.md, which is a file'],
    ['src', 'is a folder'],
    ['src/big.js', 'is larger than 256 KiB'],
    ['readme.md', 'would differ from README.md only in case'],
    ['SRC/LINK.js', 'would differ from src/link.js only in case'],
  ])('%s is refused by name', (path, want) => {
    const state = entryState(listing, path)
    expect(state.kind === 'unreadable' && state.why).toContain(want)
  })

  test('and not what is no text', () => {
    expect(contentState('a.js', Buffer.from([0xff, 0x61]))).toEqual({
      kind: 'unreadable',
      what: 'is not written in UTF-8 (Latin-1, perhaps)',
      why: 'a.js is not written in UTF-8 (Latin-1, perhaps), so it is not rewritten.',
    })
    expect(contentState('a.js', Buffer.from('é\r\n'))).toEqual({ kind: 'text', text: 'é\n' })
  })
})
