// Imports of specs in JavaScript and TypeScript, put right: in the module system that the spec is
// written in.
import { basename, dirname, posix } from 'node:path'
import type { CodeFacts, ImportFact, ImportedName } from '../code/facts.ts'
import { type Mains, type ModuleKind, resolveImport, specifierFor } from '../code/modules.ts'

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

/** A spec, and what is known about what it may import. */
interface NodeSpec {
  readonly spec: string
  readonly text: string
  readonly files: readonly string[]
  readonly known: readonly string[]
  readonly facts: CodeFacts
  readonly kindOf: (file: string) => ModuleKind
  readonly mains: Mains
}

/**
 * An ES module: the framework is imported at the top, and what is required at the top of the file
 * is imported.
 */
export function repairModule(given: NodeSpec): string {
  const { spec, text, known, facts, kindOf, mains } = given
  const typed = /\.[cm]?tsx?$/.test(spec)
  const edits: TextEdit[] = []
  const framework: ImportFact[] = []
  const taken = new Set<string>()
  let seen = text
  for (const one of facts.imports) {
    const isFramework = testModules.test(one.specifier) || assertModules.test(one.specifier)
    const isPlain = one.statement && (one.how === 'static' || one.how === 'require')
    if (isFramework && isPlain) {
      framework.push(one)
      edits.push({ ...wholeLine(text, one), text: '' })
      continue
    }
    const right = isFramework ? one.specifier : rightSpecifier(given, one)
    const target = resolveImport(spec, right, new Set(known), one.how, mains)
    const file = target !== undefined && 'file' in target ? target.file : undefined
    // `var` may be written twice, an import may not.
    const again = one.names.length > 0 && one.names.every(({ local }) => taken.has(local))
    const isRequire = isPlain && one.how === 'require'
    // An import says the whole name, which `require` does not.
    const specifier = isRequire && file !== undefined ? specifierFor(spec, file) : right
    const isData = file?.endsWith('.json') ?? false
    const written = isPlain
      ? rewritten(one, specifier, seen, {
          isCommonjs:
            isData ||
            (file !== undefined && kindOf(file) === 'commonjs' && /\.[cm]?[jt]sx?$/.test(file)),
          typed,
          attributes: isData && isRequire ? " with { type: 'json' }" : '',
        })
      : undefined
    for (const { local } of isPlain ? one.names : []) taken.add(local)
    if (isRequire && again) edits.push({ ...wholeLine(text, one), text: '' })
    else if (written !== undefined) {
      edits.push({ start: one.start, end: one.end, text: written })
      seen += written
    } else if (right !== one.specifier && isWritten(text, one)) {
      edits.push({ ...one.at, text: right })
    }
  }
  const body = applied(text, edits)
  const head = frameworkImports(framework, facts.undeclared, body)
  const mark = body.startsWith('\uFEFF') ? '\uFEFF' : ''
  return `${mark}${head.join('\n')}\n${body.slice(mark.length).replace(/^[\r\n]+/, '')}`
}

/** Comments, blank lines and `'use strict'` at the beginning of a file. */
const directives = /^\uFEFF?(?:\s|\/\*[^]*?\*\/|\/\/[^\n]*\n)*(['"])use strict\1;?[ \t]*(?:\r?\n|$)/

/**
 * CommonJS: the text stays, except for specifiers that lead nowhere, forgotten tools, and import
 * statements, which CommonJS cannot have.
 */
export function repairCommonjs(given: NodeSpec): string {
  const { spec, text, known, facts, kindOf, mains } = given
  const edits: TextEdit[] = []
  for (const one of facts.imports) {
    const right = testModules.test(one.specifier)
      ? 'node:test'
      : assertModules.test(one.specifier)
        ? 'node:assert/strict'
        : rightSpecifier(given, one)
    const isImport = one.how === 'static' && one.statement && !spec.endsWith('ts')
    const target = resolveImport(spec, right, new Set(known), one.how, mains)
    const isModule = target !== undefined && 'file' in target && kindOf(target.file) === 'module'
    if (isImport)
      edits.push({ start: one.start, end: one.end, text: required(one, right, isModule) })
    else if (right !== one.specifier && isWritten(text, one)) edits.push({ ...one.at, text: right })
  }
  const body = applied(text, edits)
  const tools = testTools.filter((tool) => facts.undeclared.has(tool) && isForgotten(tool))
  const head = [
    ...(tools.length === 0 ? [] : [`const { ${tools.join(', ')} } = require('node:test')`]),
    ...(facts.undeclared.has('assert') ? ["const assert = require('node:assert/strict')"] : []),
  ]
  if (head.length === 0) return body
  const start = directives.exec(body)?.[0].length ?? (body.startsWith('\uFEFF') ? 1 : 0)
  const before = body.slice(0, start)
  const gap = start > 1 && !before.endsWith('\n') ? '\n' : ''
  return `${before}${gap}${head.join('\n')}\n${body.slice(start)}`
}

/** An import statement as it is written in CommonJS. */
function required(one: ImportFact, specifier: string, isModule: boolean): string {
  const load = `require('${specifier}')`
  const whole = one.names.find(({ imported }) => imported === 'default' || imported === '*')
  const named = one.names.filter((name) => name !== whole)
  const lines = [
    ...(whole === undefined
      ? []
      : [
          `const ${whole.local} = ${load}${whole.imported === 'default' && isModule ? '.default' : ''}`,
        ]),
    ...(named.length === 0 ? [] : [`const { ${list(named, ': ')} } = ${load}`]),
  ]
  return lines.length === 0 ? load : lines.join('\n')
}

/** Whether a specifier stands in the text literally, so that another can replace it. */
function isWritten(text: string, { at, specifier }: ImportFact): boolean {
  return text.slice(at.start, at.end) === specifier
}

/** Words with many other uses are not taken for forgotten tools. */
function isForgotten(tool: string): boolean {
  return tool !== 'run' && tool !== 'snapshot'
}

/**
 * The imports of the framework: those that are used, and those that are used and were forgotten.
 */
function frameworkImports(
  imports: readonly ImportFact[],
  undeclared: ReadonlySet<string>,
  body: string,
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
  for (const tool of testTools) if (undeclared.has(tool) && isForgotten(tool)) tests.set(tool, tool)
  // A name that the rest of the text uses is declared there, or it would be undeclared.
  const isFree = (name: string): boolean =>
    undeclared.has(name) || !new RegExp(`\\b${name}\\b`).test(body)
  if (tests.size === 0 && extra.length === 0 && isFree('test')) tests.set('test', 'test')
  const list = (names: ReadonlyMap<string, string>, order: readonly string[]): string =>
    [...names]
      .toSorted((a, b) => order.indexOf(a[1]) - order.indexOf(b[1]))
      .map(([local, imported]) => (local === imported ? local : `${imported} as ${local}`))
      .join(', ')
  const isAssertNeeded = !asserts.includes('assert') && !named.has('assert') && isFree('assert')
  const locals = new Set(isAssertNeeded ? ['assert', ...asserts] : asserts)
  return [
    ...(tests.size === 0 ? [] : [`import { ${list(tests, testTools)} } from 'node:test'`]),
    ...extra,
    ...[...locals].map((local) => `import ${local} from 'node:assert/strict'`),
    ...(named.size === 0 ? [] : [`import { ${list(named, [])} } from 'node:assert/strict'`]),
  ]
}

/** The specifier that was meant by one that leads nowhere; every other one as it is. */
function rightSpecifier({ spec, files, known, mains }: NodeSpec, one: ImportFact): string {
  if (one.builtin || one.specifier.startsWith('#')) return one.specifier
  if (resolveImport(spec, one.specifier, new Set(known), one.how, mains) !== undefined)
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
 * An import as it has to be written: names of a CommonJS file are read from the whole module,
 * because Node sees only some of them as names; `require` becomes `import`; names of types are
 * marked, because Node does not drop them by itself. Undefined when it may stay as it is.
 */
function rewritten(
  one: ImportFact,
  specifier: string,
  text: string,
  target: {
    readonly isCommonjs: boolean
    readonly typed: boolean
    readonly attributes: string
  },
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
    if (values.length > 0) lines.push(`import ${local} from '${specifier}'${target.attributes}`)
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

/** A statement with the semicolon, blanks and line break behind it. */
function wholeLine(text: string, { start, end }: ImportFact): { start: number; end: number } {
  const rest = /^[ \t;]*(?:\r?\n)?/.exec(text.slice(end, end + 200))?.[0] ?? ''
  return { start, end: end + rest.length }
}

/** A piece of a text, in UTF-16 units, and its replacement. */
export interface TextEdit {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** The text with all edits made; none of them may overlap. */
export function applied(text: string, edits: readonly TextEdit[]): string {
  let result = text
  for (const { start, end, text: replacement } of edits.toSorted((a, b) => b.start - a.start))
    result = `${result.slice(0, start)}${replacement}${result.slice(end)}`
  return result
}
