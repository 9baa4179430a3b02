// Imports of spec tests: put right where the harness knows better, which of the project's names
// they need, and which files of the unit they reach through other files.
import { basename } from 'node:path'
import type { CodeFacts, ImportFact, ImportedName } from '../code/facts.ts'
import { type Mains, type ModuleKind, resolveImport, specifierFor } from '../code/modules.ts'
import { type CodeReader, factsOf } from '../code/read-code.ts'
import { mentions } from '../edit/asked-words.ts'
import { type Project, languageOf } from '../project/project.ts'
import type { Workspace } from '../workspace/workspace.ts'
import { type TextEdit, applied, repairCommonjs, repairModule } from './spec-imports-node.ts'

/**
 * The names that a spec imports from the project, by file. `default.x` is the name x that is read
 * from a default import, which for a CommonJS file is a name of the file.
 */
export type ImportedNames = ReadonlyMap<string, ReadonlySet<string>>

interface RepairOptions {
  /** Facts of the text; a Python file needs them. */
  readonly facts?: CodeFacts
  /** All files of the project; an import that leads to one of them is left as it is. */
  readonly known?: readonly string[]
  /** The kind of module as which Node loads a file; ES module where it is not given. */
  readonly kindOf?: (file: string) => ModuleKind
  /** The kind of module as which Node loads the spec; by its ending where it is not given. */
  readonly kind?: ModuleKind
  /** `main` of the project's packages, by folder. */
  readonly mains?: Mains
}

/**
 * The text with imports put right: the test framework imported once; imports that lead nowhere and
 * mean one of `files` by name written as the path that leads there; names of CommonJS files taken
 * in a way that works for all of them. What the spec takes by `require` stays so in CommonJS, and
 * becomes an import in an ES module. A text that cannot be parsed, and a Python text without facts,
 * come back as they are.
 */
export function repairImports(
  spec: string,
  text: string,
  files: readonly string[],
  options: RepairOptions = {},
): string {
  const facts = options.facts ?? factsOf(spec, text)
  if (facts.parsed.kind !== 'fine') return text
  const known = [...new Set([...files, ...(options.known ?? [])])]
  if (facts.language === 'python') return repairPython(spec, text, files, known, facts)
  const kind = options.kind ?? (/\.c[jt]s$/.test(spec) ? 'commonjs' : 'module')
  const { kindOf = () => 'module' as const, mains = new Map<string, string>() } = options
  const repair = kind === 'commonjs' ? repairCommonjs : repairModule
  return repair({ spec, text, files, known, facts, kindOf, mains })
}

function repairPython(
  spec: string,
  text: string,
  files: readonly string[],
  known: readonly string[],
  facts: CodeFacts,
): string {
  const set = new Set(known)
  const stem = (file: string): string => specifierFor(spec, file, known).split('.').at(-1) ?? ''
  const edits: TextEdit[] = []
  for (const one of facts.imports) {
    if (one.builtin || resolveImport(spec, one.specifier, set) !== undefined) continue
    const last = one.specifier.split('.').at(-1) ?? ''
    const meant = files.find((file) => last !== '' && stem(file) === last)
    if (meant === undefined) continue
    const right = specifierFor(spec, meant, known)
    const [name] = one.names
    const isModule =
      name?.imported === '*' &&
      one.at.start > one.start &&
      !/^from\b/.test(text.slice(one.start, one.start + 5))
    if (!isModule) {
      edits.push({ ...one.at, text: right })
    } else if (one.statement) {
      const parent = right.split('.').slice(0, -1).join('.')
      const alias = name.local === one.specifier ? '' : ` as ${name.local}`
      const written =
        parent === '' ? `import ${right}${alias}` : `from ${parent} import ${last}${alias}`
      edits.push({ start: one.start, end: one.end, text: written })
    }
  }
  const body = applied(text, edits)
  const isThere = facts.imports.some((one) => one.specifier.split('.')[0] === 'unittest')
  if (isThere || !facts.undeclared.has('unittest')) return body
  // Imports from the future must stay the first.
  const future = facts.imports.findLast((one) => one.specifier === '__future__')
  if (future === undefined) return `import unittest\n${body}`
  const end = body.indexOf('\n', body.indexOf('__future__'))
  return `${body.slice(0, end + 1)}import unittest\n${body.slice(end + 1)}`
}

/**
 * Project files that a spec imports from, with the names; `unknown` lists imports that lead nowhere
 * we know. Imports of types only are left out, as nothing has to be there for them. A Python file
 * needs `facts`.
 */
export function importsOf(
  spec: string,
  text: string,
  known: readonly string[],
  facts: CodeFacts = factsOf(spec, text),
  mains: Mains = new Map(),
): { readonly names: ImportedNames; readonly unknown: readonly string[] } {
  const names = new Map<string, Set<string>>()
  const unknown: string[] = []
  const set = new Set(known)
  const add = (file: string, imported: readonly string[]): void => {
    const own = names.get(file) ?? new Set()
    for (const name of imported) own.add(name)
    names.set(file, own)
  }
  for (const one of facts.imports) {
    if (one.typeOnly) continue
    const target = resolveImport(spec, one.specifier, set, one.how, mains)
    if (target === undefined) {
      const isOurs = languageOf(spec) !== 'python' && !one.builtin && !one.specifier.startsWith('#')
      if (isOurs && !one.specifier.startsWith('data:')) unknown.push(one.specifier)
      continue
    }
    const wanted = one.names.filter((name) => !name.typeOnly)
    if (languageOf(spec) === 'python') pythonNames(one, target, wanted)
    else if ('file' in target)
      add(
        target.file,
        one.how === 'require' ? requiredNames(wanted) : wanted.flatMap((name) => nodeNames(name)),
      )
  }
  return { names, unknown }

  function pythonNames(
    one: ImportFact,
    target: NonNullable<ReturnType<typeof resolveImport>>,
    wanted: readonly ImportedName[],
  ): void {
    if ('file' in target) add(target.file, [])
    for (const name of wanted) {
      if (name.imported === '*') {
        if ('file' in target) add(target.file, name.members)
        continue
      }
      const dot = one.specifier.endsWith('.') ? '' : '.'
      const child = resolveImport(spec, `${one.specifier}${dot}${name.imported}`, set)
      // A module of its own is not a name of the package around it.
      if (child !== undefined && 'file' in child) add(child.file, name.members)
      else if (child === undefined && 'file' in target) add(target.file, [name.imported])
    }
  }
}

function nodeNames({ imported, members }: ImportedName): readonly string[] {
  if (imported === '*') return members.filter((name) => name !== 'default')
  if (imported === 'default') return ['default', ...members.map((name) => `default.${name}`)]
  return [imported]
}

/** `require` gives the whole of a module: without a name the module may be called or read from. */
function requiredNames(names: readonly ImportedName[]): readonly string[] {
  if (names.length === 0) return ['default']
  return names.flatMap(({ imported, members }) =>
    imported === '*' || imported === 'default'
      ? ['default', ...members.flatMap((name) => [name, `default.${name}`])]
      : [imported],
  )
}

/** The files that a spec may import: those of its unit, and all that are known with it. */
interface ImportScope {
  readonly files: readonly string[]
  readonly known: readonly string[]
  /** `main` of the project's packages, by folder. */
  readonly mains: Mains
}

/** The scope of specs for the unit's `files`, which need not be there yet. */
export function scopeOf(
  files: readonly string[],
  project: Pick<Project, 'files' | 'packages'>,
): ImportScope {
  const mains = project.packages.flatMap(({ folder, main }): (readonly [string, string])[] =>
    main === undefined ? [] : [[folder, main]],
  )
  return { files, known: [...new Set([...files, ...project.files])], mains: new Map(mains) }
}

/** What a spec takes from the project. */
interface TakenNames {
  /** By imports of its own. */
  readonly imported: ImportedNames
  /**
   * The same, and what other files on the way take from the unit's files that the spec does not
   * import itself.
   */
  readonly names: ImportedNames
  /** Imports that lead to no file of the project and no package. */
  readonly unknown: readonly string[]
}

/** Follows the imports of a spec through the project, as far as the files of its unit. */
export async function takenBy(
  {
    path,
    text,
    facts,
  }: { readonly path: string; readonly text: string; readonly facts: CodeFacts },
  scope: ImportScope,
  given: {
    readonly workspace: Pick<Workspace, 'readAll'>
    readonly runner: CodeReader
    readonly signal: AbortSignal
  },
): Promise<TakenNames> {
  const { names, unknown } = importsOf(path, text, scope.known, facts, scope.mains)
  const reached = await reachedBy(names, scope, given)
  return { imported: names, names: new Map([...names, ...reached]), unknown }
}

/** Most files that are read on the way. */
const mostFiles = 60

/**
 * The names that files in between take from the unit's files which the spec does not import itself,
 * by file.
 */
async function reachedBy(
  imported: ImportedNames,
  { files, known, mains }: ImportScope,
  { workspace, runner, signal }: Parameters<typeof takenBy>[2],
): Promise<ImportedNames> {
  const reached = new Map<string, ReadonlySet<string>>()
  const asked = new Set<string>()
  let next = files.every((file) => imported.has(file)) ? [] : [...imported.keys()]
  while (next.length > 0 && asked.size < mostFiles) {
    for (const path of next) asked.add(path)
    const texts = await workspace.readAll(next, { signal })
    const facts = await runner.read(texts, { signal })
    next = []
    for (const [path, text] of texts) {
      const own = facts.get(path)
      if (own?.parsed.kind !== 'fine') continue
      for (const [file, names] of importsOf(path, text, known, own, mains).names) {
        if (files.includes(file) && !imported.has(file))
          reached.set(file, new Set([...(reached.get(file) ?? []), ...names]))
        if (!asked.has(file) && !next.includes(file)) next.push(file)
      }
    }
  }
  return reached
}

/**
 * Whether an import of a spec, or for Python a dotted name behind one, leads to the code under
 * test. A spec that imports none of the unit's files reaches them through other files, whose names
 * then count as theirs.
 */
export function unitOf(
  spec: string,
  { files, known, mains }: ImportScope,
  imported: ImportedNames,
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
