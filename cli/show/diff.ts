import { visibleText } from '../../core/api/plain-text.ts'
import { painted } from './style.ts'
import { type Paint } from '../../core/view/text.ts'

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
