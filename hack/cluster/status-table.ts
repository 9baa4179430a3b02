import type { ComponentStatus } from './provider.ts'

/** The state of a cluster as a table for people. */
export function statusTable(components: readonly ComponentStatus[]): string {
  const rows = [
    ['COMPONENT', 'STATE', 'DETAIL'],
    ...components.map(({ component, state, detail }) => [component, state, detail]),
  ]
  const width = (column: number): number => Math.max(...rows.map((row) => row[column]?.length ?? 0))
  const widths = [width(0), width(1)]
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('   ')
        .trimEnd(),
    )
    .join('\n')
}
