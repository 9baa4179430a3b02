import { draw, type Style } from './style.ts'
import { columnsOf, span, type Line } from '../../core/view/text.ts'

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
