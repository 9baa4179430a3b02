// Lines of text before anything draws them, and figures as people read them. A terminal and a page
// draw the same lines.
import { visibleText } from '../api/plain-text.ts'

/**
 * The look of a piece of a line; the code that draws it chooses the colours of a screen or a page.
 */
export type Paint = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'blue' | 'magenta' | 'cyan'

/** A piece of a line with one look. */
export interface Span {
  readonly text: string
  readonly paint?: Paint | undefined
}

/** A line before it is drawn: cutting and padding count characters, not escape codes. */
export type Line = readonly Span[]

/**
 * A piece of a line. Its text is made visible here, so that a width is measured on the text that is
 * seen.
 */
export const span = (text: string, paint?: Paint): Span => ({ text: shown(text), paint })

/**
 * Titles and activities come from models: controls become blanks, and characters that hide or turn
 * text are shown as codes.
 */
export const shown = (text: string): string => visibleText(text.replaceAll(/\p{Cc}+/gu, ' '))

/** The columns of a text, one character each: Guildhall prints no wide characters of its own. */
export const columnsOf = (text: string): readonly string[] => Array.from(text)

/** How many columns a line takes. */
export const lengthOf = (line: Line): number =>
  line.reduce((sum, part) => sum + columnsOf(part.text).length, 0)

/** Text cut to `width` columns, with an ellipsis where something is missing. */
export function shorten(text: string, width: number): string {
  const characters = columnsOf(text)
  return characters.length <= width ? text : `${characters.slice(0, width - 1).join('')}…`
}

/** Milliseconds as people read them in a table: `12s`, `3m05s`, `2h07m`, `4d`. Never negative. */
export function duration(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000))
  if (seconds < 60) return `${seconds}s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${pad(seconds % 60)}s`
  if (seconds < 86_400)
    return `${Math.floor(seconds / 3600)}h${pad(Math.floor(seconds / 60) % 60)}m`
  return `${Math.floor(seconds / 86_400)}d`
}

/**
 * From one RFC 3339 time to another, or to `now` (milliseconds since 1970) when there is no end.
 */
export function between(start: string, end: string | undefined, now: number): string {
  return duration((end === undefined ? now : Date.parse(end)) - Date.parse(start))
}

/** A count as people read it: `950`, `41.3k`, `1.2M`. */
export function amount(value: number): string {
  if (value < 1000) return String(value)
  if (value < 1_000_000) return `${(value / 1000).toFixed(1)}k`
  return `${(value / 1_000_000).toFixed(1)}M`
}

/** The part of a commit id that people compare. */
export const shortCommit = (commit: string): string => commit.slice(0, 8)

function pad(value: number): string {
  return String(value).padStart(2, '0')
}
