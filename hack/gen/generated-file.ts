import { stringify } from 'yaml'

/** A file that `npm run gen` writes. */
export interface GeneratedFile {
  /** Relative to the repository. */
  readonly path: string
  readonly text: string
}

/** YAML for kubectl and Helm. They read YAML 1.1, where an unquoted `no` or `y` is a boolean. */
export function yaml(value: unknown): string {
  return stringify(value, { version: '1.1', lineWidth: 0, aliasDuplicateObjects: false })
}

/** A span of code; text with backticks gets a longer fence. */
export function code(text: string): string {
  const fence = text.includes('`') ? '``' : '`'
  return `${fence}${text}${fence}`
}

/** A table. Cells are made safe: pipes are escaped, line breaks become spaces. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

function line(cells: readonly string[]): string {
  return `| ${cells.map(cell).join(' | ')} |`
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll(/\s*\n\s*/g, ' ')
}
