// What is shown of an answer that cannot be used: a server or a model may have said in it why.

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

/** What a reader must see of what is hidden: its code, as `\u{1b}`, which JavaScript reads as the character itself. */
const escaped = (character: string): string => `\\u{${character.codePointAt(0)?.toString(16)}}`

/**
 * All that a terminal could obey and all that shows nothing: controls but for tab and line feed, and every format character
 * but for the joiners that scripts need and the number signs of Arabic and Kaithi, which are seen.
 */
const everyUnseen =
  /(?![\t\n])\p{Cc}|(?!\u200C|\u200D|[\u0600-\u0605\u06DD\u070F\u0890\u0891\u08E2\u{110BD}\u{110CD}])\p{Cf}|[\p{Zl}\p{Zp}]/gu

/**
 * The text as it may stand on a terminal: whatever would give it an order or hide something is shown as its code.
 * Guarantees: tabs and line feeds stay; doing it twice changes nothing.
 */
export function visibleText(text: string): string {
  return text.replace(everyUnseen, escaped)
}

/** The same for a JSON text, which stays the same JSON: there, such characters stand in strings only. */
export function visibleJson(json: string): string {
  return json.replace(everyUnseen, (character) =>
    Array.from({ length: character.length }, (_, at) => character.charCodeAt(at))
      .map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`)
      .join(''),
  )
}

/** Colours and styles of a terminal: they say nothing. */
// oxlint-disable-next-line no-control-regex -- controls are what is looked for
const everyColour = /(?:\u001B\[|\u009B)[\d;:]*m/gu
/** Controls but for tab and line ends, characters that turn the direction of others, and letters that are tags. */
const everyTrick =
  /(?!\r\n)(?![\t\n])\p{Cc}|[\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069\u{E0000}-\u{E007F}]/gu

/**
 * The text as a model may read it: colours go, other controls and changes of direction are shown as their code, so that
 * source text keeps its meaning.
 * Guarantees: tabs and line ends stay; doing it twice changes nothing.
 */
export function promptText(text: string): string {
  return text.replace(everyColour, '').replace(everyTrick, escaped)
}

/** Sequences that give a terminal orders: colours, moves, titles. Of one line each, so that no text between is lost. */
const everyOrder =
  // oxlint-disable-next-line no-control-regex -- controls are what is looked for
  /(?:\u001B\[|\u009B)[0-?]*[ -/]*[@-~]|(?:\u001B[\]PX^_]|[\u0090\u0098\u009D-\u009F])[^\p{Cc}]{0,500}(?:\u0007|\u001B\\|\u009C)|\u001B[ -/]*[0-~]/gu

/** What a program printed, on one line: without orders to a terminal and without hidden characters, at most `max` long. */
export function printedLine(text: string, max: number): string {
  return plainLine(text.replace(everyOrder, ''), max)
}

/** The same on several lines: tabs and line feeds stay, and a return ends a line, too. */
export function printedText(text: string, max: number): string {
  return plainText(text.replace(everyOrder, '').replace(/\r\n?|\f/g, '\n'), max)
}

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

/** `1 commit`, `2 commits`, `2 tries`. */
export const counted = (value: number, word: string, plural = `${word}s`): string =>
  `${value} ${value === 1 ? word : plural}`
