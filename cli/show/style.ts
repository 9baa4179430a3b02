import {
  columnsOf,
  lengthOf,
  shown,
  type Line,
  type Paint,
  type Span,
} from '../../core/view/text.ts'

/** How lines are drawn. */
export interface Style {
  /** ANSI colours. */
  readonly color: boolean
  /** Plain ASCII instead of icons and box drawing. */
  readonly ascii: boolean
  /** Columns; longer lines are cut. Without it nothing is cut. */
  readonly width?: number | undefined
}

const codes = {
  bold: 1,
  dim: 2,
  red: 31,
  green: 32,
  yellow: 33,
  blue: 34,
  magenta: 35,
  cyan: 36,
} as const satisfies Record<Paint, number>

/** The colour codes that `draw` makes, as a group: `split` gives them at the odd places. */
// oxlint-disable-next-line no-control-regex -- controls are what is looked for
export const ownColours = /(\u001B\[(?:[0-2]|3[1-6])m)/

/**
 * Draws a line: replaced by ASCII, cut to the width and painted as the style says.
 * Guarantees: nothing of the text moves the cursor, changes colours or stays unseen.
 */
export function draw(line: Line, style: Style): string {
  const plain = line.map((part) => {
    const text = shown(part.text)
    return { ...part, text: style.ascii ? toAscii(text) : text }
  })
  const cut = style.width === undefined ? plain : cutTo(plain, style.width, style.ascii)
  return cut
    .map(({ text, paint }) => (style.color && paint !== undefined ? painted(text, paint) : text))
    .join('')
    .trimEnd()
}

/** Text with a look; nothing stays nothing. Caveat: the text is one that was made visible. */
export const painted = (text: string, paint: Paint): string =>
  text === '' ? '' : `\u001b[${codes[paint]}m${text}\u001b[0m`

function cutTo(whole: Line, width: number, ascii: boolean): Line {
  const line = withoutEndingBlanks(whole)
  if (lengthOf(line) <= width) return line
  const mark = ascii ? '~' : '…'
  const out: Span[] = []
  let left = width - 1
  for (const part of line) {
    const characters = columnsOf(part.text)
    if (characters.length > left) {
      out.push({ ...part, text: characters.slice(0, left).join('') + mark })
      break
    }
    out.push(part)
    left -= characters.length
  }
  return out
}

/** Blanks at the end are no text that could be missing. */
function withoutEndingBlanks(line: Line): Line {
  const last = line.findLastIndex((part) => part.text.trim() !== '')
  return line
    .slice(0, last + 1)
    .map((part, at) => (at === last ? { ...part, text: part.text.trimEnd() } : part))
}

const asciiOf: Readonly<Record<string, string>> = {
  '◷': '.',
  '●': '*',
  '✔': '+',
  '○': '-',
  '✖': 'x',
  '⚠': '!',
  '├': '|',
  '└': '`',
  '│': '|',
  '─': '-',
  '→': '>',
  '…': '~',
  '·': '-',
}

function toAscii(text: string): string {
  return columnsOf(text)
    .map((character) => asciiOf[character] ?? character)
    .join('')
}
