// Text whose words are data: cleaned and cut without a change to what stands in it as code.
import { literalsOf } from './literals.ts'
import { hasHiddenCharacters, plainText } from './plain-text.ts'

/**
 * A text whose words are data, such as a request: the content of quotes, ticks and calls stays
 * character by character. Hidden characters are removed around such literals and shown as escapes
 * in them. At most `max` long, as `cutText` says.
 */
export function faithfulText(text: string, max: number): string {
  return cutText(
    tidied(text, (prose) => plainText(prose, Infinity)),
    max,
  )
}

/**
 * The same on one line, with single blanks between the words and none at the ends. Blocks of code
 * lose their line breaks.
 */
export function faithfulLine(text: string, max: number): string {
  const line = tidied(
    text,
    (prose) => plainText(prose, Infinity).replace(/\s+/g, ' '),
    (literal) =>
      literal
        .split('\n')
        .map((part, index) => (index === 0 ? part : part.trimStart()))
        .join(' '),
  )
  return cutText(line.trim(), max)
}

/** Marks a text that was longer. */
const cutMark = ' (cut)'

/**
 * The beginning of a text that is longer than `max`, with a mark that it was cut: between two words
 * and never within a literal, because half a string is another string.
 */
export function cutText(text: string, max: number): string {
  if (text.length <= max) return text
  const room = max - cutMark.length
  if (room <= 0) return text.slice(0, max).toWellFormed()
  const literals = literalsOf(text)
  let end = literals.find((one) => one.start < room && one.end > room)?.start ?? room
  const before = literals.findLast((one) => one.end <= end)?.end ?? 0
  const blank = text.lastIndexOf(' ', end)
  if (end === room && blank >= Math.max(before, end - 60)) end = blank
  // Half of a surrogate pair is not a character.
  if (/[\uD800-\uDBFF]/.test(text[end - 1] ?? '')) end--
  return `${text.slice(0, end).trimEnd()}${cutMark}`.trimStart()
}

function tidied(
  text: string,
  prose: (part: string) => string,
  /** For texts that must be one line: changes literals; blocks count as prose then. */
  flat?: (literal: string) => string,
): string {
  const parts: string[] = []
  let from = 0
  for (const { kind, start, end } of literalsOf(text)) {
    if (flat !== undefined && kind === 'block') continue
    const literal = shown(text.slice(start, end))
    parts.push(prose(text.slice(from, start)), flat === undefined ? literal : flat(literal))
    from = end
  }
  return [...parts, prose(text.slice(from))].join('')
}

/** A literal with its hidden characters as escapes, which most languages know. */
function shown(literal: string): string {
  if (!hasHiddenCharacters(literal) && literal.isWellFormed()) return literal
  return literal.replace(/[\s\S]/gu, (sign) => {
    if (!hasHiddenCharacters(sign) && sign.isWellFormed()) return sign
    const code = sign.codePointAt(0) ?? 0
    return code > 0xff_ff ? `\\u{${code.toString(16)}}` : `\\u${code.toString(16).padStart(4, '0')}`
  })
}
