import { expect, test } from 'vitest'
import { codePathsOf, isAboutRoutes, isAboutSecurity, mentionsOf, missingFrom } from './mentions.ts'
import { sentencesOf } from './sentences.ts'

const words = (text: string, kind: string) =>
  mentionsOf(text)
    .filter((mention) => mention.kind === kind)
    .map((mention) => mention.text)

test.each([
  [
    'path',
    'Put it into src/slug.js and `lib/wrap.py`, not in Node.js.',
    ['lib/wrap.py', 'src/slug.js'],
  ],
  [
    'identifier',
    'Export `slugify`, parseDate, max_width and wrap(text, width).',
    ['parseDate', 'max_width', 'wrap'],
  ],
  ['identifier', 'So `wrap("a b", 3)` works.', ['wrap']],
  ['string', 'So `wrap("a b", 3)` gives "a\\nb".', ['a b', 'a\\nb']],
  ['number', '1. At most 40 characters, version 2.5, not h264 or v3.', ['40', '2.5']],
  ['number', 'The README explains 99 things.', []],
] as const)('finds each %s in: %s', (kind, text, want) => {
  expect(words(text, kind)).toEqual(want)
})

test('says what no text mentions, whatever its case and separators', () => {
  const mentions = mentionsOf('Export maxWidth and `other_name` from src/a.js, at most 40 and 7.')
  const missing = missingFrom(mentions, ['MAX_WIDTH is in src/a.js', 'up to 400, then 7'])
  expect(missing.map((mention) => mention.text)).toEqual(['other_name', '40'])
})

test('splits into sentences and list items', () => {
  expect(sentencesOf('One thing. Another one!\n- third e.g. this\n- `fourth` is. Done.')).toEqual([
    'One thing.',
    'Another one!',
    '- third e.g. this',
    '- `fourth` is.',
    'Done.',
  ])
})

test('names code files only', () => {
  expect(codePathsOf('src/a.js, docs/b.md, data/c.json and ../d.js')).toEqual(['src/a.js'])
})

test.each([
  ['Build a REST API for user management with JWT authentication', true, true],
  ['Add authorization to the endpoints', true, true],
  ['Hash every password with scrypt', true, false],
  ['Serve GET /health', false, true],
  ['Count the tokens of a text, with the name of its author', false, false],
  ['Write a parser for an HTTP date', false, false],
])('%s: about security %s, about routes %s', (text, security, routes) => {
  expect([isAboutSecurity(text), isAboutRoutes(text)]).toEqual([security, routes])
})
