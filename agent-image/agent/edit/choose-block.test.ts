import { expect, test } from 'vitest'
import type { FencedBlock } from '../../../core/api/agent-protocol.ts'
import { factsOf } from '../code/read-code.ts'
import { bareText, chooseBlock, cleanPath, isAskedFor } from './choose-block.ts'

const block = (path: string | undefined, text: string, language?: string): FencedBlock => ({
  ...(path === undefined ? {} : { path }),
  ...(language === undefined ? {} : { language }),
  text,
})

test.each<[string, FencedBlock[], string | undefined]>([
  ['the block of that name', [block('src/a.js', 'one'), block('src/b.js', 'two')], 'one\n'],
  [
    'the last of two blocks of that name',
    [block('src/a.js', 'one'), block('src/a.js', 'two')],
    'two\n',
  ],
  [
    'a block with a name in stars and with a leading ./',
    [block('**./src/a.js**:', 'one')],
    'one\n',
  ],
  ['a block with the example’s folder before the name', [block('path/to/a.js', 'one')], 'one\n'],
  ['a block of the same file name in another folder', [block('lib/a.js', 'one')], 'one\n'],
  ['the only block without a name', [block(undefined, 'one', 'js')], 'one\n'],
  [
    'the longest block of the language',
    [
      block(undefined, 'npm i', 'sh'),
      block(undefined, 'x', 'js'),
      block(undefined, 'longer', 'javascript'),
    ],
    'longer\n',
  ],
  [
    'a nameless block when a sentence stands before the fence',
    [block('Here is the file', 'one', 'js')],
    'one\n',
  ],
  [
    'the block whose first comment is the name',
    [
      block(undefined, '// src/a.js\none', 'js'),
      block(undefined, '// test/a.test.js\nmuch longer', 'js'),
    ],
    '// src/a.js\none\n',
  ],
  [
    'the block that a sentence names',
    [
      block('Here is **src/a.js**:', 'one', 'js'),
      block('And the tests, test/a.test.js:', 'longer', 'js'),
    ],
    'one\n',
  ],
  ['the block of a new file', [block('Filename: src/a.js (new)', 'one')], 'one\n'],
  ['the block of a path of Windows', [block('src\\a.js', 'one')], 'one\n'],
  [
    'code before a longer test, where no block has a name',
    [
      block(undefined, 'export const a = 1', 'js'),
      block(undefined, "import { test } from 'node:test'\ntest('a', () => {})", 'js'),
    ],
    'export const a = 1\n',
  ],
  [
    'no block whose first comment names another file',
    [block(undefined, '// src/other.js\nexport const a = 1', 'js')],
    undefined,
  ],
  [
    'a block whose first comment is a sentence',
    [block(undefined, '// Makes slugs. See b.js too.\none', 'js')],
    '// Makes slugs. See b.js too.\none\n',
  ],
  ['a block without its byte order mark', [block('src/a.js', '\uFEFFone')], 'one\n'],
  ['a block without two of them', [block(undefined, '\uFEFF\uFEFFone\n', 'js')], 'one\n'],
  ['a block with marks within', [block('src/a.js', 'one\uFEFF')], 'one\uFEFF\n'],
  ['no block that is for another file', [block('src/b.js', 'two')], undefined],
  ['no block of another language', [block(undefined, 'print()', 'python')], undefined],
  ['no empty block', [block('src/a.js', ' \n')], undefined],
  ['nothing of nothing', [], undefined],
])('chooses %s', (_what, blocks, want) => {
  const chosen = chooseBlock(blocks, 'src/a.js')
  expect(chosen.kind === 'text' ? chosen.text : undefined).toBe(want)
})

test.each([
  ['`src/a.js`', 'src/a.js'],
  ['File: src/a.js', 'src/a.js'],
  ['### src/a.js', 'src/a.js'],
  ['a sentence with blanks', undefined],
  ['x'.repeat(251), undefined],
  ['', undefined],
])('reads %s as %s', (written, want) => {
  expect(cleanPath(written)).toBe(want)
})

test.each([
  ['my source/the slug.js', 'my source/the slug.js'],
  ['my source/the slug.js', '**./my source/the slug.js**:'],
  ['quelle/überschrift.js', 'Here is `quelle/überschrift.js`:'],
  ["src/it's $HOME.js", "src/it's $HOME.js"],
  ['源/标题.js', 'The file 源/标题.js, complete:'],
])('takes %s for named by: %s', (wanted, line) => {
  expect(chooseBlock([block(line, 'one', 'js')], wanted)).toEqual({ kind: 'text', text: 'one\n' })
})

test.each([
  ['the slug.js', 'my source/the slug.js'],
  ['über.js', 'src/über.js'],
  ['src/a b.js', 'src/a b.jsx'],
])('does not take %s for named by: %s', (wanted, line) => {
  const other = block(wanted, 'right', 'js')
  expect(chooseBlock([other, block(line, 'wrong', 'js')], wanted)).toEqual({
    kind: 'text',
    text: 'right\n',
  })
})

const asked = 'Add slugify(text) and the class Slug.'
const taken = (answer: string, path: string): string | undefined => {
  const text = bareText(answer, path)
  return text !== undefined && isAskedFor(factsOf(path, text), asked) ? text : undefined
}

const js = 'export function slugify(text) {\n  return text\n}\n'
const py = 'import re\n\ndef slugify(text):\n    return text\n'
test.each<[string, string, string, string]>([
  ['an ES module', 'src/slug.js', js, js],
  [
    'CommonJS',
    'slug.cjs',
    'exports.slugify = (text) => text',
    'exports.slugify = (text) => text\n',
  ],
  [
    'TypeScript',
    'a.ts',
    'export class Slug { a: number = 1 }\n\n\n',
    'export class Slug { a: number = 1 }\n',
  ],
  ['Python', 'slug.py', py, py],
  ['below the name of the file', 'src/slug.js', `src/slug.js\n${js}`, js],
  ['below the name in bold', 'src/slug.js', `**src/slug.js**:\n\n${js}`, js],
  ['behind thoughts', 'slug.py', `<think>so…</think>\n\n${py}`, py],
  ['behind thoughts of which only the end is seen', 'src/slug.js', `Hm.\n</think>\n${js}`, js],
  [
    'behind thoughts with a draft in a fence',
    'src/slug.js',
    `Hm:\n\`\`\`js\nexport const slugify = 1\n\`\`\`\nNo.\n</think>\n${js}`,
    js,
  ],
  [
    'with the mark of thoughts in a string',
    'src/slug.js',
    `${js}export const end = '</think>'\n`,
    `${js}export const end = '</think>'\n`,
  ],
  ['with other line ends', 'src/slug.js', js.replaceAll('\n', '\r\n'), js],
])('%s is taken', (_what, path, answer, want) => {
  expect(taken(answer, path)).toBe(want)
})

test.each<[string, string, string]>([
  ['a sentence before it', 'src/slug.js', `Here is the file you asked for:\n${js}`],
  ['a sentence behind it', 'src/slug.js', `${js}\nThis function makes slugs of texts.\n`],
  ['a sentence alone', 'slug.py', 'slugify\n'],
  ['code for something else', 'src/slug.js', 'export const other = 1\n'],
  ['half a file', 'src/slug.js', js.slice(0, -3)],
  ['another language', 'slug.py', js],
  ['a use of it', 'src/slug.js', "import { slugify } from './slug.js'\nslugify('a')\n"],
  ['a fence that does not close', 'src/slug.js', `\`\`\`js\n${js}`],
  ['a file that is no code', 'a.yaml', 'slugify: 1\n'],
])('%s is not', (_what, path, answer) => {
  expect(taken(answer, path)).toBeUndefined()
})
