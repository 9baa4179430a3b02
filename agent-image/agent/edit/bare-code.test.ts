// Code without a fence is taken when it is the whole answer and what was asked for; anything else is refused as before.
import { expect, it } from 'vitest'
import { factsOf } from '../code/read-code.ts'
import { bareText, isAskedFor } from './bare-code.ts'

const asked = 'Add slugify(text) and the class Slug.'
const taken = (answer: string, path: string): string | undefined => {
  const text = bareText(answer, path)
  return text !== undefined && isAskedFor(factsOf(path, text), asked) ? text : undefined
}

const js = 'export function slugify(text) {\n  return text\n}\n'
const py = 'import re\n\ndef slugify(text):\n    return text\n'
it.each<[string, string, string, string]>([
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
  ['with other line ends', 'src/slug.js', js.replaceAll('\n', '\r\n'), js],
])('%s is taken', (_what, path, answer, want) => {
  expect(taken(answer, path)).toBe(want)
})

it.each<[string, string, string]>([
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
