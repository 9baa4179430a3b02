// What a file offered to others, and no longer offers, or no longer does, in a new version.
import type { CodeFacts, ExportFact } from '../code/facts.ts'
import { mentions } from './mentions.ts'

/**
 * Names that other files can use, that `before` has and `after` lacks. A name that `asked`, the words of the task, mentions
 * may go. Empty where the files cannot be compared: one that cannot be parsed, or one that makes its names when it runs.
 */
export function lostNames(before: CodeFacts, after: CodeFacts, asked: string): readonly string[] {
  if (before.parsed.kind !== 'fine' || after.parsed.kind !== 'fine') return []
  const now = new Set(after.exports.map(({ name }) => name))
  if (now.has('*') || (after.markers.commonjs && now.has('default'))) return []
  const isPublic = ({ name, kind }: ExportFact): boolean =>
    before.language === 'node'
      ? name !== '*'
      : /^(?:function|class)$/.test(kind) && !name.startsWith('_')
  return before.exports
    .filter((one) => isPublic(one) && !now.has(one.name) && !mentions(asked, one.name))
    .map(({ name }) => name)
}

/**
 * Functions and methods that did something in `before` and do nothing in `after` but throw or give nothing back. One whose
 * own name `asked` mentions may do so. Empty where the files cannot be compared.
 */
export function hollowedNames(
  before: CodeFacts,
  after: CodeFacts,
  asked: string,
): readonly string[] {
  if (before.parsed.kind !== 'fine' || after.parsed.kind !== 'fine') return []
  const solid = new Set(before.bodies.filter(({ hollow }) => !hollow).map(({ name }) => name))
  const own = (name: string): string =>
    name.slice(name.lastIndexOf('.') + 1).replace(/^[gs]et /, '')
  return after.bodies
    .filter(({ name, hollow }) => hollow && solid.has(name) && !mentions(asked, own(name)))
    .map(({ name }) => name)
}
