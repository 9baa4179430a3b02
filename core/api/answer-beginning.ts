// What is shown of an answer that cannot be used: a server or a model may have said in it why.
import { printedLine } from './plain-text.ts'

/** Characters of an answer that are shown; enough for a sentence or two. */
export const mostBeginning = 240

/** How an answer begins, on one line of plain text, with `…` where there is more of it. Empty when it says nothing. */
export function beginningOf(answer: string): string {
  // Far longer than what is shown, so that blanks and orders to a terminal cannot fill it.
  const line = printedLine(answer.slice(0, 20 * mostBeginning), mostBeginning + 1)
  return line.length <= mostBeginning ? line : `${line.slice(0, mostBeginning - 1).toWellFormed()}…`
}

/** A sentence, or a part of one, about an answer, with how that answer begins when it says something. */
export function withBeginning(sentence: string, began: string | undefined): string {
  if (began === undefined || began === '') return sentence
  return /[.!?]$/.test(sentence)
    ? `${sentence} It began: "${began}"`
    : `${sentence}; it began: "${began}"`
}
