import { describe, expect, test } from 'vitest'
import { pathPattern } from '../api/schema.ts'
import { codePathsOf } from './mentions.ts'
import { unusablePaths } from './path-words.ts'
import { safePath } from './paths.ts'

describe('a path that a person names is taken whole', () => {
  test.each<readonly [what: string, request: string, want: readonly string[]]>([
    ['letters with marks', 'Add src/größe.js.', ['src/größe.js']],
    [
      'at the beginning of a folder',
      'Fix src/überblick/liste.js: it must sort.',
      ['src/überblick/liste.js'],
    ],
    ['Chinese', '修正 src/工具/日期.js 中的 format()', ['src/工具/日期.js']],
    ['Chinese words beside it', '请修改src/工具/日期.js中的format()函数', ['src/工具/日期.js']],
    ['Cyrillic', 'Добавь src/утилиты/дата.py, пожалуйста', ['src/утилиты/дата.py']],
    ['Hindi', 'src/हिन्दी/सूची.js में', ['src/हिन्दी/सूची.js']],
    [
      'parameters of routes',
      'Change src/routes/[slug]/page.js so that',
      ['src/routes/[slug]/page.js'],
    ],
    [
      'optional and other parameters',
      'pages/[[...all]].tsx and pages/[...rest].tsx',
      ['pages/[[...all]].tsx', 'pages/[...rest].tsx'],
    ],
    ['groups of routes', 'Change app/(shop)/cart/page.js', ['app/(shop)/cart/page.js']],
    [
      'in brackets of the sentence',
      'the list (see src/list.js) and [src/a.js](src/b.js)',
      ['src/list.js', 'src/a.js', 'src/b.js'],
    ],
    [
      'dollars and tildes',
      'Fix src/$types/index.js and src/a~b.js',
      ['src/$types/index.js', 'src/a~b.js'],
    ],
    [
      'scopes and plus signs',
      'packages/@acme/core/index.js, src/routes/+page.server.js',
      ['packages/@acme/core/index.js', 'src/routes/+page.server.js'],
    ],
    [
      'blanks in quotes',
      'Fix "lib/a b.js" and `My Project/src/cart.js`',
      ['lib/a b.js', 'My Project/src/cart.js'],
    ],
    ['a list without blanks', 'src/a.js,src/b.js', ['src/a.js', 'src/b.js']],
    ['a line number', 'src/a.js:12 throws', ['src/a.js']],
    ['the sentence ends', 'It is in ./src/a.js!', ['src/a.js']],
  ])('%s', (_, request, want) => {
    expect(codePathsOf(request)).toEqual(want)
  })
})

describe('or not at all', () => {
  test.each([
    'Change C:\\work\\shop\\src\\cart.js',
    'See https://example.com/src/a.js and git@host.org:team/a.js',
    'Add ../other/a.js',
    'Add /etc/cron/a.js',
    'Add ~/a.js and $HOME/a.js',
    'Add src/😀.js',
    'Add src/a%20b.js',
    'Add src/*.js',
    'Add src/.git/a.js and src/.GIT/a.js',
    'Add src/\u0430pp.js',
    'Add src\u2215a.js and src\uff0fa.js',
    'Call basename("src/a.js") on it.',
    'We use Node.js and next.js.',
  ])('%s', (request) => {
    expect(codePathsOf(request)).toEqual([])
  })

  test('and it is told', () => {
    const request = 'Change src/a%20b.js, ../x.js and src/😀.js, but src/ok.js and *.js are fine.'
    expect(unusablePaths(request)).toEqual(['src/a%20b.js', '../x.js', 'src/😀.js'])
  })
})

test.each<readonly [request: string, files: readonly string[], want: readonly string[]]>([
  [
    'Fix My Project/src/cart.js',
    ['My Project/src/cart.js', 'src/cart.js'],
    ['My Project/src/cart.js'],
  ],
  ['Change C:\\work\\shop\\src\\cart.js', ['src/cart.js', 'cart.js'], ['src/cart.js']],
  ['Change /home/me/shop/src/cart.js', ['src/cart.js'], ['src/cart.js']],
  ['修改工具/日期.js的', ['工具/日期.js'], ['工具/日期.js']],
  ['Fix a b/c d.js now', ['a b/c d.js', 'd.js'], ['a b/c d.js']],
  ['Fix src/data.js', ['a.js', 'data.js'], ['src/data.js']],
  ['Fix src/a(1).js', ['src/a(1).js'], ['src/a(1).js']],
])('files of the repository come first, the longest: %s', (request, files, want) => {
  expect(codePathsOf(request, files)).toEqual(want)
})

describe('a path that may be written', () => {
  test.each([
    'src/größe.js',
    'app/(shop)/[id]/page.js',
    'src/$types/a,b=c~d.js',
    '日本/東京.py',
    'ไทย/คำ.js',
    '.github/workflows/ci.yml',
    '.gitignore',
    '.gitattributes',
    '.git-tools/a.js',
    'a/.gi',
    'a b/c.js',
  ])('is %s', (path) => {
    expect(pathPattern.test(path)).toBe(true)
    expect(safePath(path)).toBe(path)
  })

  test.each([
    '..',
    'a/../b',
    './a',
    '/a',
    'a//b',
    'a/',
    'a\\b',
    'a\nb',
    'a\u0000',
    'a:b',
    '.git',
    'a/.git/b',
    '.GIT/x',
    '.Git',
    'a\u202eb',
    'a*',
    'a?',
    'a"b',
    'a|b',
    '😀.js',
    '\u2024\u2024/a',
  ])('is not %j, for the API already', (path) => {
    expect(pathPattern.test(path)).toBe(false)
  })

  test.each([
    '.git./config',
    '.git /config',
    'git~1/config',
    'e\u0301.js',
    '\uff53.js',
    'ﬁ.js',
    'a\u3164.js',
    'a\ufe0f.js',
    'src/\u0430pp.js',
    '-rf.js',
    '~/a.js',
    '$HOME/a.js',
    'a./b.js',
    'a /b.js',
    '$',
    '()/a.js',
    'node_modules/a.js',
    'x'.repeat(201),
  ])('is not %j for the planner either', (path) => {
    expect(safePath(path)).toBeUndefined()
  })
})
