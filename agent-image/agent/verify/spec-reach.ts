// Files of the unit that a spec reaches without an import of its own: through an index, through the program around them, or
// by starting them.
import { basename } from 'node:path'
import type { CodeReader } from '../code/read-code.ts'
import { type Mains, resolveImport, specifierFor } from '../code/modules.ts'
import { mentions } from '../edit/mentions.ts'
import { languageOf } from '../project.ts'
import { type ImportedNames, importsOf } from './spec-imports.ts'

/** Most files that are read on the way. */
const mostFiles = 60

/**
 * What the files in between take from those of `wanted` that the spec does not import itself, by file; only files that
 * the spec's imports lead to are in it. `read` gives the texts of those files that are there.
 */
export async function reachedBy(
  imported: ImportedNames,
  wanted: readonly string[],
  known: readonly string[],
  {
    read,
    reader,
    mains,
    signal,
  }: {
    readonly read: (paths: readonly string[]) => Promise<ReadonlyMap<string, string>>
    readonly reader: CodeReader
    readonly mains: Mains
    readonly signal: AbortSignal
  },
): Promise<ImportedNames> {
  const reached = new Map<string, ReadonlySet<string>>()
  const asked = new Set<string>()
  let next = wanted.every((file) => imported.has(file)) ? [] : [...imported.keys()]
  while (next.length > 0 && asked.size < mostFiles) {
    for (const path of next) asked.add(path)
    const texts = await read(next)
    const facts = await reader.read(texts, { signal })
    next = []
    for (const [path, text] of texts) {
      const own = facts.get(path)
      if (own?.parsed.kind !== 'fine') continue
      for (const [file, names] of importsOf(path, text, known, own, mains).names) {
        if (wanted.includes(file) && !imported.has(file))
          reached.set(file, new Set([...(reached.get(file) ?? []), ...names]))
        if (!asked.has(file) && !next.includes(file)) next.push(file)
      }
    }
  }
  return reached
}

/**
 * Whether an import of a spec, or for Python a dotted name behind one, leads to what is to be tested. A spec that imports
 * none of the unit's files reaches them through others, whose names are then as good as theirs.
 */
export function unitOf(
  spec: string,
  files: readonly string[],
  {
    known,
    mains,
    imported,
  }: { readonly known: readonly string[]; readonly mains: Mains; readonly imported: ImportedNames },
): (module: string) => boolean {
  const direct = files.filter((file) => imported.has(file))
  const units = direct.length > 0 ? direct : [...imported.keys()]
  if (languageOf(spec) === 'python') {
    const names = units.map((file) => specifierFor(spec, file, known))
    return (module) => names.some((name) => module === name || module.startsWith(`${name}.`))
  }
  const set = new Set(known)
  return (module) => {
    const target = resolveImport(spec, module, set, 'static', mains)
    return target !== undefined && 'file' in target && units.includes(target.file)
  }
}

/** Whether a text names a file in quotes, as a test of a command does. */
export function namesFile(text: string, file: string): boolean {
  const module = file.replace(/(?:\/__main__)?\.py$/, '').replaceAll('/', '.')
  if (languageOf(file) === 'python' && /'-m'|"-m"/.test(text) && mentions(text, module)) return true
  const name = basename(file)
  for (let at = text.indexOf(name); at !== -1; at = text.indexOf(name, at + 1))
    if (/['"`/]/.test(text[at - 1] ?? '') && /['"` ]/.test(text[at + name.length] ?? ''))
      return true
  return false
}
