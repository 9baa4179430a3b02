// What files offer to others, found by pattern: for prompts and documentation, where a missed symbol does no harm.
import { languageOf } from '../project.ts'

/** One exported thing and its signature as it stands in the file. */
export interface Symbol {
  readonly name: string
  readonly signature: string
}

const nodePatterns = [
  /^export\s+(?:default\s+)?(?:async\s+)?function\*?\s+(?<name>\w+)\s*\([^)]*\)(?:\s*:\s*[^{]+)?/gm,
  /^export\s+(?:abstract\s+)?class\s+(?<name>\w+)[^{]*/gm,
  /^export\s+(?:const|let|var)\s+(?<name>\w+)\s*=\s*(?:async\s*)?\([^)]*\)\s*=>/gm,
  /^export\s+(?:const|let|var|interface|type|enum)\s+(?<name>\w+)/gm,
  /^(?:module\.)?exports\.(?<name>\w+)\s*=/gm,
]
const pythonPatterns = [
  /^(?:async\s+)?def\s+(?<name>[a-zA-Z]\w*)\s*\([^)]*\)(?:\s*->\s*[^:]+)?/gm,
  /^class\s+(?<name>[a-zA-Z]\w*)[^:]*/gm,
  /^(?<name>[A-Z][A-Z0-9_]+)\s*(?::[^=]+)?=/gm,
]

/** Exported functions, classes and constants, in order of appearance. */
export function symbolsOf(path: string, text: string): readonly Symbol[] {
  const language = languageOf(path)
  if (language === 'unknown') return []
  const found = new Map<string, { at: number; signature: string }>()
  for (const pattern of language === 'node' ? nodePatterns : pythonPatterns)
    for (const match of text.matchAll(pattern)) {
      const name = match.groups?.['name'] ?? ''
      if (found.has(name)) continue
      const signature = match[0]
        .replace(/\s+/g, ' ')
        .replace(/\s*(=>|=)$/, '')
        .trim()
        .slice(0, 160)
      found.set(name, { at: match.index, signature })
    }
  if (language === 'node')
    for (const match of text.matchAll(/^(?:export|module\.exports\s*=)\s*\{([^}]*)\}/gm))
      for (const part of (match[1] ?? '').split(',')) {
        const name = exportedName(part)
        if (/^\w+$/.test(name) && !found.has(name))
          found.set(name, { at: match.index, signature: name })
      }
  return [...found]
    .toSorted((a, b) => a[1].at - b[1].at)
    .map(([name, { signature }]) => ({ name, signature }))
}

/** `a`, `a as b` and `b: a` offer a name each. */
function exportedName(part: string): string {
  const [before = ''] = part.split(':')
  return (
    before
      .trim()
      .split(/\s+as\s+/)
      .at(-1) ?? ''
  )
}
