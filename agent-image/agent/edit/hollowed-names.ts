// What a file still offers, and what no longer does anything in a new version.
import type { CodeFacts } from '../code/facts.ts'
import { mentions } from './mentions.ts'

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
