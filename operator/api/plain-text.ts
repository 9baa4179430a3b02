// Text of models and projects, made fit for objects, logs and terminals.

/**
 * Characters that show nothing or change how the text around them is shown: controls, direction marks, zero-width
 * spaces, tags. Tab, line feed, form feed and return are none of them, and neither are the joiners that scripts need.
 */
const hidden =
  /(?![\t\n\f\r])\p{Cc}|[\u061C\u200B\u200E\u200F\u202A-\u202E\u2060-\u2064\u2066-\u206F\uFEFF\u{E0000}-\u{E007F}]/u
const everyHidden = new RegExp(hidden.source, 'gu')

/** Whether a text holds characters that a reader cannot see. */
export function hasHiddenCharacters(text: string): boolean {
  return hidden.test(text)
}

/** The text without hidden characters, at most `max` long. Guarantees: no half of a surrogate pair is left. */
export function plainText(text: string, max: number): string {
  return text.replace(everyHidden, '').slice(0, max).toWellFormed()
}

/** The same on one line, with single blanks and none at the ends. */
export function plainLine(text: string, max: number): string {
  return plainText(text.replace(everyHidden, '').replace(/\s+/g, ' ').trim(), max).trimEnd()
}
