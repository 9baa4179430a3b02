import { columnsOf, lengthOf, span, type Line, type Span } from '../../core/view/text.ts'

/** A line of a tree: what stands before the columns, and its cells. */
export interface Row {
  readonly lead: Line
  readonly cells: readonly Span[]
}

/** Pads every cell to its column. The first column takes in the lead, so that deeper rows stay in line. */
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
