import { literalsOf } from '../api/literals.ts'

/** One sentence of a text, as it stands there. */
export interface Sentence {
  readonly text: string
  readonly at: number
  /** It begins a paragraph or an item of a list. */
  readonly opens: boolean
}

const abbreviation =
  /(?<![\p{L}\p{N}])(?:e\.g|i\.e|etc|vs|cf|z\.B|d\.h|bzw|ca|Nr|no|p\.ex|approx)\.$/iu

/** The sentences of a text. Every line of a list is one, and no sentence ends within a literal. */
export function sentencesOf(text: string): string[] {
  return sentencesWithPlaces(text).map((sentence) => sentence.text)
}

/** The same with where they stand. */
export function sentencesWithPlaces(text: string): Sentence[] {
  const sentences: Sentence[] = []
  const literals = literalsOf(text)
  let next = 0
  let from = 0
  let lineStart = 0
  let opens = true
  const add = (end: number, isBlock = false) => {
    const [start, stop] = isBlock ? [from, end] : withoutBlanks(text, from, end)
    from = end
    if (start >= stop) return
    const part = text.slice(start, stop)
    opens ||= /^(?:[-*+•]|\d{1,3}[.)])[ \t]/.test(part.slice(0, 8))
    sentences.push({ text: part, at: start, opens })
    opens = false
  }
  let at = 0
  while (at < text.length) {
    const literal = literals[next]
    if (literal !== undefined && at >= literal.start) {
      const isBlock = literal.kind === 'block'
      if (isBlock) add(literal.start)
      at = literal.end
      next++
      if (isBlock) add(at, true)
      continue
    }
    const sign = text[at] ?? ''
    at++
    if (sign === '\n') {
      if (text.slice(lineStart, at).trim() === '') opens = true
      add(at)
      lineStart = at
    } else if ('。！？；'.includes(sign)) add(at)
    else if ('.!?;'.includes(sign) && /\s/.test(text[at] ?? '')) {
      if (!abbreviation.test(text.slice(Math.max(0, at - 8), at))) add(at)
    }
  }
  add(text.length)
  return sentences
}

function withoutBlanks(text: string, from: number, to: number): [number, number] {
  let start = from
  let end = to
  while (start < end && /\s/.test(text[start] ?? '')) start++
  while (end > start && /\s/.test(text[end - 1] ?? '')) end--
  return [start, end]
}

/** Whether a sentence asks for documentation. */
export function isAboutDocuments(sentence: string): boolean {
  return /\breadme\b|\bdocumentation\b|\bdocument(?:s|ed)?\b|\bchangelog\b/i.test(sentence)
}
