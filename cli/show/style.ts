import {
  type Line,
  type Paint,
  type Span,
  columnsOf,
  lengthOf,
  shown,
  span,
} from '../../core/view/text.ts'
import { visibleText } from '../../core/api/plain-text.ts'

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
const painted = (text: string, paint: Paint): string =>
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

/** Blanks at the end are not text, so cutting them off needs no ellipsis. */
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

/** A line of a tree: the branch and icon before the columns, and its cells. */
export interface Row {
  readonly lead: Line
  readonly cells: readonly Span[]
}

/**
 * Pads every cell to its column. The first column takes in the lead, so that deeper rows stay in
 * line.
 */
export function align(rows: readonly Row[]): readonly Line[] {
  const lead = Math.max(0, ...rows.map((row) => (row.cells.length > 0 ? lengthOf(row.lead) : 0)))
  const widthOf = (at: number) =>
    Math.max(0, ...rows.map((row) => columnsOf(row.cells[at]?.text ?? '').length))
  return rows.map((row) => [
    ...row.lead,
    ...row.cells.flatMap((cell, at) => {
      const width = widthOf(at)
      if (width === 0) return []
      const inset = at === 0 ? lead - lengthOf(row.lead) : 0
      return [cell, span(' '.repeat(width - columnsOf(cell.text).length + inset + 2))]
    }),
  ])
}

/** One column of a table: its heading and its cell for a row. */
export interface TableColumn<Row> {
  readonly heading: string
  readonly cell: (row: Row) => string
}

/** A table as kubectl prints them: upper-case headings, columns three blanks apart. */
export function table<Row>(
  rows: readonly Row[],
  columns: readonly TableColumn<Row>[],
  style: Style,
): readonly string[] {
  const cells = rows.map((row) => columns.map((column) => span(column.cell(row)).text))
  const grid = [columns.map((column) => column.heading), ...cells]
  const widths = columns.map((_, at) =>
    Math.max(...grid.map((line) => columnsOf(line[at] ?? '').length)),
  )
  return grid.map((line, index) =>
    draw(
      line.map((text, at): Line[number] =>
        span(text.padEnd((widths[at] ?? 0) + 3), index === 0 ? 'dim' : undefined),
      ),
      style,
    ),
  )
}

/** How a line of a hunk begins, and its look; the first that fits counts. */
const looks: readonly (readonly [RegExp, Paint])[] = [
  [/^@@ /, 'cyan'],
  [/^\+/, 'green'],
  [/^-/, 'red'],
]

/**
 * What `git diff` said, for a person: with every character to be seen, and coloured as git does.
 * Guarantees: no text of a file gives the terminal an order; the last line ends as in `text`.
 */
export function renderDiff(text: string, color: boolean): string {
  let inHeader = false
  return text
    .split('\n')
    .map((raw) => {
      const line = visibleText(raw)
      if (!color) return line
      if (line.startsWith('diff --')) inHeader = true
      else if (line.startsWith('@@ ')) inHeader = false
      if (inHeader) return painted(line, 'bold')
      const stat = /^( .* \|\s+\d+ )(\+*)(-*)$/.exec(line)
      if (stat !== null) {
        const [, head = '', added = '', removed = ''] = stat
        return head + painted(added, 'green') + painted(removed, 'red')
      }
      const look = looks.find(([begin]) => begin.test(line))?.[1]
      return look === undefined ? line : painted(line, look)
    })
    .join('\n')
}
