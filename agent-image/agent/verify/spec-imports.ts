// Imports of spec tests: put right where the harness knows better than the model, and stubbed before the code exists.
import { basename, dirname, posix } from 'node:path'
import { symbolsOf } from '../edit/symbols.ts'
import { languageOf } from '../project.ts'

/** What a spec imports from the project: names by file. */
export type ImportedNames = ReadonlyMap<string, ReadonlySet<string>>

const nodeImport = /^import\s+([\w*{},\s$]+?)\s+from\s+(['"])([^'"]+)\2;?[ \t]*$/gm
const nodeTools = ['test', 'describe', 'it', 'before', 'after', 'beforeEach', 'afterEach']

/** How a spec at `spec` names `file` in an import: `../src/slug.js`, `src.slug`. */
export function specifierFor(spec: string, file: string): string {
  if (languageOf(spec) === 'python')
    return file.replace(/(\/__init__)?\.py$/, '').replaceAll('/', '.')
  const relative = posix.relative(dirname(spec), file)
  return relative.startsWith('.') ? relative : `./${relative}`
}

/**
 * The text with imports put right: the test framework imported once, and imports that mean one of `files` (by file
 * name) written as the path that leads there.
 */
export function repairImports(spec: string, text: string, files: readonly string[]): string {
  return languageOf(spec) === 'python'
    ? repairPython(spec, text, files)
    : repairNode(spec, text, files)
}

function repairNode(spec: string, text: string, files: readonly string[]): string {
  const body = text.replace(nodeImport, (whole, names: string, _quote, from: string) => {
    if (/^(node:)?(test|assert(\/strict)?)$/.test(from)) return ''
    if (
      !from.startsWith('.') &&
      !from.startsWith('/') &&
      !files.some((file) => from.includes(basename(file)))
    )
      return whole
    const stem = (path: string): string => basename(path).replace(/\.\w+$/, '')
    const meant = files.find((file) => stem(file) === stem(from))
    return meant === undefined ? whole : `import ${names} from '${specifierFor(spec, meant)}'`
  })
  const used = nodeTools.filter((name) =>
    new RegExp(`(?<![.\\w])${name}(\\.\\w+)?\\s*\\(`).test(body),
  )
  const head = [
    `import { ${used.length === 0 ? 'test' : used.join(', ')} } from 'node:test'`,
    `import assert from 'node:assert/strict'`,
  ]
  return `${head.join('\n')}\n${body.replace(/^\n+/, '')}`
}

function repairPython(spec: string, text: string, files: readonly string[]): string {
  const byStem = new Map(files.map((file) => [basename(file).replace(/\.py$/, ''), file]))
  let body = text.replace(/^from\s+([\w.]+)\s+import\s+/gm, (whole, module: string) => {
    const meant = byStem.get(module.split('.').at(-1) ?? '')
    return meant === undefined ? whole : `from ${specifierFor(spec, meant)} import `
  })
  body = body.replace(/^import\s+([\w.]+)[ \t]*$/gm, (whole, module: string) => {
    const meant = byStem.get(module.split('.').at(-1) ?? '')
    if (meant === undefined || module === 'unittest') return whole
    const right = specifierFor(spec, meant)
    if (right === module) return whole
    const parent = right.split('.').slice(0, -1).join('.')
    return parent === ''
      ? `import ${right}`
      : `from ${parent} import ${right.split('.').at(-1) ?? ''}`
  })
  return /^(import|from)\s+unittest\b/m.test(body) ? body : `import unittest\n${body}`
}

/** Project files that a spec imports from, with the names; `unknown` lists imports that lead nowhere we know. */
export function importsOf(
  spec: string,
  text: string,
  known: readonly string[],
): { readonly names: ImportedNames; readonly unknown: readonly string[] } {
  const names = new Map<string, Set<string>>()
  const unknown: string[] = []
  const add = (file: string, imported: readonly string[]): void => {
    const set = names.get(file) ?? new Set()
    for (const name of imported) set.add(name)
    names.set(file, set)
  }
  if (languageOf(spec) === 'python') {
    for (const match of text.matchAll(/^\s*from\s+([\w.]+)\s+import\s+(\([^)]*\)|[^\n#]+)/gm)) {
      const module = match[1] ?? ''
      const imported = (match[2] ?? '').replace(/[()]/g, '').split(',')
      const plain = imported.map((name) => name.trim().split(/\s+as\s+/)[0] ?? '').filter(Boolean)
      const file = known.find((path) => specifierFor(spec, path) === module)
      if (file !== undefined) add(file, plain)
      for (const name of plain) {
        const child = known.find((path) => specifierFor(spec, path) === `${module}.${name}`)
        if (child !== undefined) add(child, [])
      }
    }
    for (const match of text.matchAll(/^\s*import\s+([\w.]+)/gm)) {
      const file = known.find((path) => specifierFor(spec, path) === match[1])
      if (file !== undefined) add(file, [])
    }
    return { names, unknown }
  }
  for (const match of text.matchAll(nodeImport)) {
    const from = match[3] ?? ''
    if (from.startsWith('node:')) continue
    const file = known.find((path) => specifierFor(spec, path) === from)
    if (file === undefined) unknown.push(from)
    else add(file, namesOfClause(match[1] ?? ''))
  }
  return { names, unknown }
}

function namesOfClause(clause: string): string[] {
  const braces = /\{([^}]*)\}/.exec(clause)?.[1] ?? ''
  const named = braces.split(',').map((part) => part.trim().split(/\s+as\s+/)[0] ?? '')
  const rest = clause
    .replace(/\{[^}]*\}/, '')
    .replaceAll(',', ' ')
    .trim()
  const standard = rest === '' || rest.startsWith('*') ? [] : ['default']
  return [...named.filter(Boolean), ...standard]
}

/**
 * Files that let a spec load before its code exists: every imported name that is missing is a function that throws, or
 * one that gives nothing back. Existing files keep their text; names they lack are added at the end.
 */
export function stubsFor(
  names: ImportedNames,
  before: ReadonlyMap<string, string>,
  behaviour: 'throws' | 'returns',
  { commonjs = false }: { readonly commonjs?: boolean } = {},
): ReadonlyMap<string, string> {
  const stubs = new Map<string, string>()
  for (const [file, imported] of names) {
    const text = before.get(file) ?? ''
    const has = new Set(symbolsOf(file, text).map((symbol) => symbol.name))
    if (/^export\s+default\b/m.test(text)) has.add('default')
    const missing = [...imported].filter((name) => !has.has(name) && /^\w+$/.test(name))
    if (missing.length === 0 && before.has(file)) continue
    const python = languageOf(file) === 'python'
    const old = file.endsWith('.cjs') || (commonjs && file.endsWith('.js'))
    const lines = missing.map((name) =>
      python ? pythonStub(name, behaviour) : nodeStub(name, behaviour, old),
    )
    stubs.set(file, `${text}\n${lines.join('\n')}\n`)
  }
  return stubs
}

function nodeStub(name: string, behaviour: 'throws' | 'returns', commonjs: boolean): string {
  const body = behaviour === 'throws' ? `() { throw new Error('not implemented yet') }` : '() {}'
  if (commonjs)
    return name === 'default'
      ? `module.exports = function ${body}`
      : `exports.${name} = function ${body}`
  return name === 'default' ? `export default function ${body}` : `export function ${name}${body}`
}

function pythonStub(name: string, behaviour: 'throws' | 'returns'): string {
  const body = behaviour === 'throws' ? "raise NotImplementedError('not implemented yet')" : 'pass'
  return `def ${name}(*args, **kwargs):\n    ${body}`
}
