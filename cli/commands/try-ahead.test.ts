// Kind: what stands in the way of a file is found before a model is asked, and what nobody asked
// for stops no work.
import { describe, expect, test } from 'vitest'
import { makeCheckout } from '../../test/support/checkout.ts'
import {
  aloneWithGit,
  answers,
  bad,
  fenced,
  good,
  manifest,
  patience,
  request,
  specText,
  tried,
} from '../../test/support/guild-try.ts'

aloneWithGit()

const latin = Buffer.from('caf\u00e9\n', 'latin1')
const project = { 'package.json': manifest, 'src/slug.js': bad, 'test/slug.test.js': specText }

describe('costs no question', () => {
  test.each<[string, Record<string, string | Buffer>, Record<string, string>, string, RegExp]>([
    [
      'a README in Latin-1 of a request about documents',
      { 'README.md': latin },
      {},
      'Add src/new.js that exports one(). Describe it in the README.',
      /README\.md is not written in UTF-8/,
    ],
    [
      'a document that is there and in no commit',
      {},
      { 'docs/guide.md': 'mine' },
      'Add src/new.js that exports one(). Document it in docs/guide.md.',
      /docs\/guide\.md is there and in no commit/,
    ],
    [
      'code in Latin-1',
      { 'src/words.js': latin },
      {},
      'Make src/words.js lower the case.',
      /src\/words\.js is not written in UTF-8/,
    ],
    [
      'code in UTF-16',
      { 'src/words.js': Buffer.from('\ufeffexport const a = 1', 'utf16le') },
      {},
      'Make src/words.js lower the case.',
      /src\/words\.js is written in UTF-16/,
    ],
    [
      'a document that is too large',
      { 'README.md': 'x'.repeat(300_000) },
      {},
      'Add src/new.js that exports one(). Describe it in the README.',
      /README\.md is larger than 256 KiB/,
    ],
    [
      'a new file of the name of a folder',
      { 'src/new.js/index.js': bad },
      {},
      'Add src/new.js that exports one().',
      /src\/new\.js is a folder/,
    ],
  ])('%s', patience, async (_, files, changes, goal, want) => {
    const checkout = makeCheckout({ ...project, ...files })
    checkout.write(changes)
    const before = checkout.state()
    const { code, result, asked } = await tried(checkout, () => '', ['--goal', goal])
    expect(result).toMatchObject({ verdict: 'Refused', failure: { reason: 'Unsupported' } })
    expect(result?.failure?.message).toMatch(want)
    expect([code, asked]).toEqual([1, []])
    expect(checkout.state()).toEqual(before)
  })
})

describe('a document that nobody asked for stops no work, and is left as it is', () => {
  test.each<[string, Record<string, string | Buffer>, Record<string, string>, RegExp]>([
    [
      'changes in no commit',
      { 'README.md': '# Words\n' },
      { 'README.md': '# mine\n' },
      /Nothing is added to a document: README\.md has changes/,
    ],
    ['a file in no commit', {}, { 'README.md': '# mine\n' }, /document: README\.md is there/],
    ['Latin-1', { 'README.md': latin }, {}, /document: README\.md is not written in UTF-8/],
  ])('%s', patience, async (_, files, changes, want) => {
    const { 'test/slug.test.js': _test, ...rest } = project
    const checkout = makeCheckout({ ...rest, ...files })
    checkout.write(changes)
    const args = ['--goal', request, '--files', 'src/slug.js']
    const { code, result } = await tried(checkout, answers(fenced('src/slug.js', good)), args)
    expect(result?.verdict).toBe('Done')
    expect(result?.files).not.toContain('README.md')
    expect(result?.warnings.join('\n')).toMatch(want)
    expect(code).toBe(0)
  })
})
