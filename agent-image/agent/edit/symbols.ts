// What files offer to others, for prompts and documentation.
import type { CodeFacts } from '../code/facts.ts'
import { factsOf } from '../code/read-code.ts'

/** One exported thing and its signature as it stands in the file. */
export interface Symbol {
  readonly name: string
  readonly signature: string
}

/**
 * Exported functions, classes and constants, in order of appearance. A Python file needs `facts`; what cannot be
 * parsed offers nothing.
 */
export function symbolsOf(
  path: string,
  text: string,
  facts: CodeFacts = factsOf(path, text),
): readonly Symbol[] {
  return facts.exports
    .filter(({ name, kind }) => {
      if (name === '*') return false
      if (facts.language === 'node') return true
      // Imports of a Python module are names of it, too, but only a package offers them.
      if (kind === 'reexport') return path.endsWith('__init__.py') && !name.startsWith('_')
      const isConstant = kind === 'constant'
      return !name.startsWith('_') && (!isConstant || /^[A-Z][A-Z0-9_]+$/.test(name))
    })
    .map(({ name, signature }) => ({ name, signature }))
}
