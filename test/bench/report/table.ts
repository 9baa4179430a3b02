/** A Markdown table with padded columns, so that it reads well in a terminal, too. The first column is text, `right` names the others that are figures. */
export function markdownTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
): string {
  const widths = head.map((title, column) =>
    Math.max(3, title.length, ...rows.map((row) => (row[column] ?? '').length)),
  )
  const line = (cells: readonly string[]): string =>
    `| ${widths
      .map((width, column) => {
        const cell = cells[column] ?? ''
        return right.includes(column) ? cell.padStart(width) : cell.padEnd(width)
      })
      .join(' | ')} |`
  const rule = `|${widths
    .map((width, column) =>
      right.includes(column) ? `${'-'.repeat(width + 1)}:` : '-'.repeat(width + 2),
    )
    .join('|')}|`
  return [line(head), rule, ...rows.map(line)].join('\n')
}

/** A figure with about three digits that matter; `-` for none. */
export function figure(value: number | undefined, unit = ''): string {
  if (value === undefined || !Number.isFinite(value)) return '-'
  const size = Math.abs(value)
  const digits = size >= 100 || value === 0 ? 0 : size >= 10 ? 1 : 2
  return `${value.toFixed(digits)}${unit === '' ? '' : ` ${unit}`}`
}

/** Bytes as people read them, in powers of 1024. */
export function bytes(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return '-'
  if (value >= 1024 * 1024) return figure(value / 1024 / 1024, 'MiB')
  return value >= 1024 ? figure(value / 1024, 'KiB') : figure(value, 'B')
}
