// Answers that are a sentence to a person in place of a file.
import type { CodeFacts } from '../code/facts.ts'

const apology =
  /\b(?:I(?:'|’| a)m (?:\w+ )?sorry|sorry,|I apologi[sz]e|my apologies|unfortunately,? I|as an? (?:AI|language|large language|artificial))\b/i
const inability =
  /\b(?:(?:AI|language) model|I (?:cannot|can not|can(?:'|’)t|could not|couldn(?:'|’)t|am unable|am not able|won(?:'|’)t|will not|do not have)|I(?:'|’)m (?:unable|not able)|unable to (?:help|assist|write|provide|create|generate|complete|fulfill?))\b/i
const documents = /\.(?:md|markdown|txt|rst|adoc|html?|csv|tex)$/i

/**
 * Whether a text is an apology or a sentence of a model in place of the file. Code that its parser takes is none, as
 * long as it holds more than comments; words in the middle of a text are none either.
 */
export function isProse(path: string, text: string, facts: CodeFacts | undefined): boolean {
  if (facts?.parsed.kind === 'fine' && !isOnlyComments(text, facts)) return false
  // Marks of comments and headings, and tags, may stand before the first word.
  const start = text
    .slice(0, 1000)
    .replace(/<[^<>\n]{0,200}>/g, ' ')
    .replace(/[#*/<>!"'`_-]+/g, (signs) => (/^['’]$/.test(signs) ? signs : ' '))
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 300)
  const sorry = apology.exec(start)
  if (sorry !== null && sorry.index <= 40 && inability.test(start)) return true
  if (
    /^I (?:cannot|can not|can(?:'|’)t|am unable to) (?:help|assist|write|provide|create|generate|do|fulfill?|complete)\b/i.test(
      start,
    )
  )
    return true
  if (documents.test(path)) return false
  if (facts?.parsed.kind === 'fine') return false
  // "Here is the updated file:", and then whatever.
  const first = text.trimStart().slice(0, 300).split('\n')[0] ?? ''
  return (
    /^(?:Sure|Certainly|Of course|Okay|Here(?:'|’)?s?|Below|This|The|To|You|In this)\b[^{}()[\];=<>|$\\]{0,250}[.:!]\s*$/.test(
      first,
    ) && first.trim().split(/\s+/).length >= 4
  )
}

function isOnlyComments(text: string, facts: CodeFacts): boolean {
  let left = ''
  let at = 0
  for (const comment of facts.comments) {
    left += text.slice(at, comment.start)
    at = comment.end
  }
  return (left + text.slice(at)).trim() === ''
}
