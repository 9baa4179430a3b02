import { describe, expect, test } from 'vitest'
import { proseProblem, regionEnd, regionStart, withRegion } from './document.ts'
import { deterministicFindings, splitDiff } from './review.ts'

const diff = (path: string, added: string[]): string =>
  `diff --git a/${path} b/${path}\nindex 1..2 100644\n--- a/${path}\n+++ b/${path}\n@@ -1 +1,${added.length} @@\n context\n${added.map((line) => `+${line}`).join('\n')}\n`

describe('findings without a model', () => {
  test.each([
    [
      'nothing in a plain change',
      diff('a.js', ['const m = /x/.exec(y)', 'export const a = 1']),
      [],
    ],
    [
      'text run as code',
      diff('a.js', ['eval(input)']),
      ['medium: a.js: runs text as code: eval(input)'],
    ],
    [
      'another program',
      diff('a.py', ['os.system(x)']),
      ['medium: a.py: starts other programs: os.system(x)'],
    ],
    ['a thing to do', diff('a.js', ['// TODO: later']), ['low: a.js: // TODO: later']],
    [
      'code left out',
      diff('a.js', ['// ... rest of the code']),
      ['medium: a.js: leaves code out: // ... rest of the code'],
    ],
    [
      'a deleted test',
      'diff --git a/a.test.js b/a.test.js\ndeleted file mode 100644\n--- a/a.test.js\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n',
      ['high: a.test.js: a test file was deleted'],
    ],
    ['dangerous words in a test are fine', diff('a.test.js', ['eval(input)']), []],
    [
      'a large change',
      diff(
        'a.js',
        Array.from({ length: 700 }, () => 'x()'),
      ),
      ['large: 700 lines were added'],
    ],
  ])('%s', (_what, text, want) => {
    expect(deterministicFindings(splitDiff(text))).toEqual(want)
  })
})

const facts = [
  {
    path: 'src/slug.js',
    symbols: [{ name: 'slugify', signature: 'export function slugify(text, { limit })' }],
  },
]
const project = { files: ['src/slug.js', 'README.md'], scripts: { test: 'node --test' } }

test.each([
  ['Call `slugify(text)` from `src/slug.js` with `limit`.', undefined],
  ['It gives `hello-world` and `a b`.', undefined],
  ['Call `slugifyAll`.', /`slugifyAll`, which does not exist/],
  ['See `lib/other.js`.', /lib\/other.js/],
  ['```js\nx\n```', /code blocks/],
  ['', /empty/],
  ['word '.repeat(300), /more than 200/],
])('prose %j', (text, want) => {
  const problem = proseProblem(text, facts, project)
  if (want === undefined) expect(problem).toBeUndefined()
  else expect(problem).toMatch(want)
})

test('touches nothing but its region of the README', () => {
  const first = withRegion('# Title\n\nMine.\n', 'one')
  expect(first).toBe(`# Title\n\nMine.\n\n${regionStart}\none\n${regionEnd}\n`)
  expect(withRegion(`${first}\nAfter.\n`, 'two')).toBe(
    `# Title\n\nMine.\n\n${regionStart}\ntwo\n${regionEnd}\n\nAfter.\n`,
  )
})
