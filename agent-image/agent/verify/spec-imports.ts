// Imports of spec tests: which of the project's names they need, and put right where the harness knows better.
import { basename, posix, dirname } from 'node:path'
import type { CodeFacts, ImportFact, ImportedName } from '../code/facts.ts'
import type { ModuleKind } from '../code/module-kind.ts'
import { factsOf } from '../code/read-code.ts'
import { resolveImport, specifierFor } from '../code/resolve.ts'
import { languageOf } from '../project.ts'

/**
 * What a spec imports from the project: names by file. `default.x` is the name x that is read from a default import,
 * which for a CommonJS file is a name of the file.
 */
export type ImportedNames = ReadonlyMap<string, ReadonlySet<string>>

export interface RepairOptions {
  /** Facts of the text; a Python file needs them. */
  readonly facts?: CodeFacts
  /** All files of the project; an import that leads to one of them is left as it is. */
  readonly known?: readonly string[]
  /** What Node takes a file for; ES modules where it is not given. */
  readonly kindOf?: (file: string) => ModuleKind
}

interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
}

/**
 * The text with imports put right: the test framework imported once; imports that lead nowhere and mean one of `files`
 * by name written as the path that leads there; names of CommonJS files taken in a way that works for all of them. A
 * text that cannot be parsed, and a Python text without facts, come back as they are.
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
  return facts.language === 'python'
    ? repairPython(spec, text, files, known, facts)
    : repairNode(spec, text, files, known, facts, options.kindOf ?? (() => 'module'))
}

const testModules = /^(?:node:)?test$/
const assertModules = /^(?:node:)?assert(?:\/strict)?$/
const testTools = [
  'test',
  'describe',
  'it',
  'suite',
  'before',
  'after',
  'beforeEach',
  'afterEach',
  'mock',
  'snapshot',
  'run',
]

function repairNode(
  spec: string,
  text: string,
  files: readonly string[],
  known: readonly string[],
  facts: CodeFacts,
  kindOf: NonNullable<RepairOptions['kindOf']>,
): string {
  const isCommonjs = spec.endsWith('.cjs') || spec.endsWith('.cts')
  const edits: Edit[] = []
  const framework: ImportFact[] = []
  for (const one of facts.imports) {
    const isFramework = testModules.test(one.specifier) || assertModules.test(one.specifier)
    const isPlain = one.statement && (one.how === 'static' || one.how === 'require')
    if (isFramework && isPlain && !isCommonjs) {
      framework.push(one)
      edits.push({ ...wholeLine(text, one), text: '' })
      continue
    }
    const right = isFramework ? one.specifier : rightSpecifier(spec, one, files, known)
    const target = resolveImport(spec, right, new Set(known), one.how)
    const file = target !== undefined && 'file' in target ? target.file : undefined
    const written =
      isPlain && !isCommonjs
        ? rewritten(one, right, text, {
            isCommonjs:
              file !== undefined && kindOf(file) === 'commonjs' && /\.[cm]?[jt]sx?$/.test(file),
            typed: /\.[cm]?tsx?$/.test(spec),
          })
        : undefined
    if (written !== undefined) edits.push({ start: one.start, end: one.end, text: written })
    else if (right !== one.specifier) edits.push({ ...one.at, text: right })
  }
  const body = applied(text, edits)
  if (isCommonjs) return body
  const head = frameworkImports(framework, facts.undeclared)
  const mark = body.startsWith('\uFEFF') ? '\uFEFF' : ''
  return `${mark}${head.join('\n')}\n${body.slice(mark.length).replace(/^[\r\n]+/, '')}`
}

/** The imports of the framework: what was imported and is used, and what is used and was forgotten. */
function frameworkImports(
  imports: readonly ImportFact[],
  undeclared: ReadonlySet<string>,
): readonly string[] {
  const tests = new Map<string, string>()
  const named = new Map<string, string>()
  const asserts: string[] = []
  const extra: string[] = []
  for (const one of imports)
    for (const name of one.names) {
      if (!name.used && name.imported !== '*') continue
      const { imported, local } = name
      const isWhole = imported === 'default' || imported === '*'
      if (testModules.test(one.specifier)) {
        if (imported === '*' && one.how === 'static')
          extra.push(`import * as ${local} from 'node:test'`)
        else if (isWhole) tests.set(local, 'test')
        else if (testTools.includes(imported)) tests.set(local, imported)
      } else if (isWhole || imported === 'strict' || imported === 'assert') {
        if (name.used) asserts.push(local)
      } else {
        named.set(local, imported)
      }
    }
  for (const tool of testTools)
    if (undeclared.has(tool) && tool !== 'run' && tool !== 'snapshot') tests.set(tool, tool)
  if (tests.size === 0 && extra.length === 0) tests.set('test', 'test')
  const list = (names: ReadonlyMap<string, string>, order: readonly string[]): string =>
    [...names]
      .toSorted((a, b) => order.indexOf(a[1]) - order.indexOf(b[1]))
      .map(([local, imported]) => (local === imported ? local : `${imported} as ${local}`))
      .join(', ')
  const isAssertNeeded = !asserts.includes('assert') && !named.has('assert')
  const locals = isAssertNeeded ? ['assert', ...asserts] : [...new Set(asserts)]
  return [
    ...(tests.size === 0 ? [] : [`import { ${list(tests, testTools)} } from 'node:test'`]),
    ...extra,
    ...locals.map((local) => `import ${local} from 'node:assert/strict'`),
    ...(named.size === 0 ? [] : [`import { ${list(named, [])} } from 'node:assert/strict'`]),
  ]
}

/** A specifier that leads nowhere, as it was meant; every other one as it is. */
function rightSpecifier(
  spec: string,
  one: ImportFact,
  files: readonly string[],
  known: readonly string[],
): string {
  if (one.builtin || one.specifier.startsWith('#')) return one.specifier
  if (resolveImport(spec, one.specifier, new Set(known), one.how) !== undefined)
    return one.specifier
  const isPath = /^[./]/.test(one.specifier)
  // `../src/util` means `src/util.js`, and so does `../src/util.js` where the file is TypeScript.
  const bare = (path: string): string => path.replace(/(?:\/index)?\.[cm]?[jt]sx?$/, '')
  if (isPath) {
    const path = bare(posix.normalize(posix.join(dirname(spec), one.specifier)))
    const same = known.find((file) => bare(file) === path)
    if (same !== undefined) return specifierFor(spec, same)
  }
  const meant = closest(one.specifier, files)
  return meant === undefined ? one.specifier : specifierFor(spec, meant)
}

/** The file of the same name; among several the one whose folders fit best. */
function closest(specifier: string, files: readonly string[]): string | undefined {
  const parts = (path: string): string[] =>
    path
      .replace(/\.[cm]?[jt]sx?$/, '')
      .split('/')
      .toReversed()
  const wanted = parts(specifier)
  let best: { readonly file: string; readonly fit: number } | undefined
  for (const file of files) {
    const own = parts(file)
    let fit = 0
    while (fit < own.length && own[fit] === wanted[fit]) fit++
    if (fit > 0 && fit > (best?.fit ?? 0)) best = { file, fit }
  }
  return best?.file
}

/**
 * An import written anew: names of a CommonJS file are read from the whole module, because Node sees only some of them
 * as names; `require` becomes `import`; names of types are marked, because Node does not drop them by itself. Undefined
 * when it may stay as it is.
 */
function rewritten(
  one: ImportFact,
  specifier: string,
  text: string,
  target: { readonly isCommonjs: boolean; readonly typed: boolean },
): string | undefined {
  if (one.typeOnly && /^\s*import\s+type\b/.test(text.slice(one.start, one.start + 40)))
    return undefined
  const values = one.names.filter((name) => !name.typeOnly)
  const types = one.names.filter((name) => name.typeOnly)
  const named = values.filter((name) => name.imported !== 'default' && name.imported !== '*')
  const whole = values.find((name) => name.imported === 'default' || name.imported === '*')
  const isRequire = one.how === 'require'
  // An import for its effects has no names; one whose names are not plain is left to the gate.
  if (one.names.length === 0) return isRequire ? `import '${specifier}'` : undefined
  if (isRequire && !target.isCommonjs && !one.builtin && whole !== undefined)
    return `import * as ${whole.local} from '${specifier}'`
  const mayStay = !isRequire && (types.length === 0 || !target.typed)
  const isOneWhole = whole !== undefined && named.length === 0 && whole.imported === 'default'
  if (mayStay && (!target.isCommonjs || isOneWhole)) return undefined
  const lines: string[] = []
  if (types.length > 0) lines.push(`import type { ${list(types, ' as ')} } from '${specifier}'`)
  if (target.isCommonjs) {
    const local = whole?.local ?? freeName(specifier, text)
    if (values.length > 0) lines.push(`import ${local} from '${specifier}'`)
    if (named.length > 0) lines.push(`const { ${list(named, ': ')} } = ${local}`)
  } else if (values.length > 0) {
    const parts = [
      ...(whole === undefined
        ? []
        : [whole.imported === '*' && !isRequire ? `* as ${whole.local}` : whole.local]),
      ...(named.length === 0 ? [] : [`{ ${list(named, ' as ')} }`]),
    ]
    lines.push(`import ${parts.join(', ')} from '${specifier}'`)
  }
  return lines.join('\n')
}

function list(names: readonly ImportedName[], between: string): string {
  return names
    .map(({ imported, local }) => (imported === local ? local : `${imported}${between}${local}`))
    .join(', ')
}

/** A name for a module that the text does not use yet. */
function freeName(specifier: string, text: string): string {
  const stem = basename(specifier)
    .replace(/\..*$/, '')
    .replace(/\W+(\w?)/g, (_, next: string) => next.toUpperCase())
  const base = /^[A-Za-z_$]/.test(stem) ? `${stem}Module` : `module${stem}`
  let name = base
  for (let count = 2; text.includes(name); count++) name = `${base}${count}`
  return name
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
  const edits: Edit[] = []
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

/** A statement with the semicolon, blanks and line break behind it. */
function wholeLine(text: string, { start, end }: ImportFact): { start: number; end: number } {
  const rest = /^[ \t;]*(?:\r?\n)?/.exec(text.slice(end, end + 200))?.[0] ?? ''
  return { start, end: end + rest.length }
}

function applied(text: string, edits: readonly Edit[]): string {
  let result = text
  for (const { start, end, text: replacement } of edits.toSorted((a, b) => b.start - a.start))
    result = `${result.slice(0, start)}${replacement}${result.slice(end)}`
  return result
}

/**
 * Project files that a spec imports from, with the names; `unknown` lists imports that lead nowhere we know. Imports of
 * types only are left out, as nothing has to be there for them. A Python file needs `facts`.
 */
export function importsOf(
  spec: string,
  text: string,
  known: readonly string[],
  facts: CodeFacts = factsOf(spec, text),
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
    const target = resolveImport(spec, one.specifier, set, one.how)
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
        wanted.flatMap((name) => nodeNames(name)),
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
      // What is a module of its own is no name of the package around it.
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
