import { expect, it } from 'vitest'
import { fileReader } from './units.ts'

const facts = {
  language: 'node' as const,
  files: ['src/a.js'],
  symbols: [],
  truncated: false,
  languageAssumed: false,
  manifest: '',
  readme: '',
}

it.each(['src/count-tests.js', 'lib/test-utils.js', 'src/spec.js', 'src/specs/loader.js'])(
  'takes %s for code when the request names it, and for tests when only a model does',
  (path) => {
    const request = `Add ${path} that exports slugify(text).`
    expect(fileReader(request, facts)(path)).toEqual({ kind: 'file', path })
    expect(fileReader('Add src/b.js that exports slugify(text).', facts)(path)).toEqual({
      kind: 'others',
    })
  },
)

it.each(['test/slug.test.js', 'src/slug.spec.js', 'test-slug.js'])(
  'takes %s for tests even when the request names it',
  (path) => {
    expect(fileReader(`Add ${path} for slugify.`, facts)(path)).toEqual({ kind: 'others' })
  },
)
