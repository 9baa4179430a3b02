// Text of models and projects, made fit for objects, logs, terminals and sentences.

/**
 * Characters that are invisible or change how the text around them is shown: controls, direction
 * marks, zero-width spaces, tags. Tab, line feed, form feed, return and the joiners that scripts
 * need are not among them.
 */
const hidden =
  /(?![\t\n\f\r])\p{Cc}|[\u061C\u200B\u200E\u200F\u202A-\u202E\u2060-\u2064\u2066-\u206F\uFEFF\u{E0000}-\u{E007F}]/u
const everyHidden = new RegExp(hidden.source, 'gu')

/** Whether a text holds characters that a reader cannot see. */
export function hasHiddenCharacters(text: string): boolean {
  return hidden.test(text)
}

/**
 * The text without hidden characters, at most `max` long. Guarantees: no half of a surrogate pair
 * is left.
 */
export function plainText(text: string, max: number): string {
  return text.replace(everyHidden, '').slice(0, max).toWellFormed()
}

/** The same on one line, with single blanks and none at the ends. */
export function plainLine(text: string, max: number): string {
  return plainText(text.replace(everyHidden, '').replace(/\s+/g, ' ').trim(), max).trimEnd()
}

/** A hidden character as its code, `\u{1b}`, which JavaScript reads as the character itself. */
const escaped = (character: string): string => `\\u{${character.codePointAt(0)?.toString(16)}}`

/**
 * The characters that a terminal could obey or that are invisible: controls except tab and line
 * feed, and every format character except the joiners that scripts need and the visible number
 * signs of Arabic and Kaithi.
 */
const everyUnseen =
  /(?![\t\n])\p{Cc}|(?!\u200C|\u200D|[\u0600-\u0605\u06DD\u070F\u0890\u0891\u08E2\u{110BD}\u{110CD}])\p{Cf}|[\p{Zl}\p{Zp}]/gu

/**
 * The text as it may stand on a terminal: each character that would give it an order or hide
 * something is shown as its code.
 * Guarantees: tabs and line feeds stay; doing it twice changes nothing.
 */
export function visibleText(text: string): string {
  return text.replace(everyUnseen, escaped)
}

/**
 * The same for a JSON text, which stays the same JSON, because such characters stand in its strings
 * only.
 */
export function visibleJson(json: string): string {
  return json.replace(everyUnseen, (character) =>
    Array.from({ length: character.length }, (_, at) => character.charCodeAt(at))
      .map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`)
      .join(''),
  )
}

/** Colours and styles of a terminal, which carry no meaning. */
// oxlint-disable-next-line no-control-regex -- controls are what is looked for
const everyColour = /(?:\u001B\[|\u009B)[\d;:]*m/gu
/**
 * Controls except tab and line ends, characters that turn the direction of others, and letters that
 * are tags.
 */
const everyTrick =
  /(?!\r\n)(?![\t\n])\p{Cc}|[\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069\u{E0000}-\u{E007F}]/gu

/**
 * The text as a model may read it: colours are removed, other controls and changes of direction are
 * shown as their code, so that source text keeps its meaning.
 * Guarantees: tabs and line ends stay; doing it twice changes nothing.
 */
export function promptText(text: string): string {
  return text.replace(everyColour, '').replace(everyTrick, escaped)
}

/**
 * Sequences that give a terminal orders: colours, moves, titles. Each is of one line, so that no
 * text between two of them is lost.
 */
const everyOrder =
  // oxlint-disable-next-line no-control-regex -- controls are what is looked for
  /(?:\u001B\[|\u009B)[0-?]*[ -/]*[@-~]|(?:\u001B[\]PX^_]|[\u0090\u0098\u009D-\u009F])[^\p{Cc}]{0,500}(?:\u0007|\u001B\\|\u009C)|\u001B[ -/]*[0-~]/gu

/**
 * The output of a program on one line: without orders to a terminal and without hidden characters,
 * at most `max` long.
 */
export function printedLine(text: string, max: number): string {
  return plainLine(text.replace(everyOrder, ''), max)
}

/** The same on several lines: tabs and line feeds stay, and a return ends a line, too. */
export function printedText(text: string, max: number): string {
  return plainText(text.replace(everyOrder, '').replace(/\r\n?|\f/g, '\n'), max)
}

/**
 * Characters of an unusable answer that are shown, in which a server or a model may have said the
 * reason; enough for a sentence or two.
 */
export const mostBeginning = 240

/**
 * The beginning of an answer, on one line of plain text, with `…` where there is more of it. Empty
 * when it has no visible text.
 */
export function beginningOf(answer: string): string {
  // Far longer than the shown part, so that blanks and orders to a terminal cannot fill it.
  const line = printedLine(answer.slice(0, 20 * mostBeginning), mostBeginning + 1)
  return line.length <= mostBeginning ? line : `${line.slice(0, mostBeginning - 1).toWellFormed()}…`
}

/**
 * A sentence, or a part of one, about an answer, with the beginning of that answer when there is
 * one.
 */
export function withBeginning(sentence: string, began: string | undefined): string {
  if (began === undefined || began === '') return sentence
  return /[.!?]$/.test(sentence)
    ? `${sentence} It began: "${began}"`
    : `${sentence}; it began: "${began}"`
}

/** `1 commit`, `2 commits`, `2 tries`. */
export const counted = (value: number, word: string, plural = `${word}s`): string =>
  `${value} ${value === 1 ? word : plural}`
