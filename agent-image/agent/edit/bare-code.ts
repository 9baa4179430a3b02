// Answers that are nothing but the file: code without a fence around it.
import type { CodeFacts } from '../code/facts.ts'
import { isCode } from '../code/read-code.ts'
import { cleanPath } from './choose-block.ts'
import { mentions } from './mentions.ts'

/**
 * The text of an answer without fences as the file it was asked for: without thoughts before it and without a first line that
 * is the file's name. Undefined for an answer with a fence, and for files that no parser here reads.
 */
export function bareText(answer: string, path: string): string | undefined {
  if (!isCode(path) || /^\s*(?:`{3}|~{3})/m.test(answer)) return undefined
  const thoughts = /^[\s\S]*<\/think(?:ing)?>/.exec(answer)?.[0].length ?? 0
  const text = answer
    .slice(thoughts)
    .replace(/\r\n/g, '\n')
    .replace(/^\uFEFF|^(?:[ \t]*\n)+/g, '')
  const [first = '', ...rest] = text.split('\n')
  // A name such as src/a.js is code, too: a division.
  const bare = cleanPath(first) === path ? rest.join('\n').replace(/^(?:[ \t]*\n)+/, '') : text
  return bare.trim() === '' ? undefined : `${bare.trimEnd()}\n`
}

/** Whether such a text is the file that was asked for: its parser takes all of it, and it defines what the request names. */
export function isAskedFor(facts: CodeFacts, asked: string): boolean {
  if (facts.parsed.kind !== 'fine') return false
  return facts.exports.some(
    ({ name, kind }) =>
      name !== 'default' && name !== '*' && kind !== 'reexport' && mentions(asked, name),
  )
}
