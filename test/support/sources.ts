// What the tests of the house know about our files: which there are, and what the code in them imports, exports and says.
import { parse } from '@babel/parser'
import type { Node } from '@babel/types'
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'

/** The folder of the checkout. */
export const root = join(import.meta.dirname, '../..')

/** The text of a file of the checkout. */
export const read = (file: string): string => readFileSync(join(root, file), 'utf8')

/** Every file of the checkout that git keeps, or would keep if it was told. */
export const files: readonly string[] = execFileSync(
  'git',
  ['ls-files', '-z', '-co', '--exclude-standard'],
  { cwd: root, encoding: 'utf8' },
)
  .split('\0')
  .filter((file) => file !== '' && existsSync(join(root, file)))

const known = new Set(files)

/** Whether a file is a text of ours. Fixtures and the templates of projects are examples of other people's texts. */
export const isOurs = (file: string): boolean =>
  !/^(?:test\/fixtures|forge\/templates)\//.test(file)

/** Whether a file is JavaScript or TypeScript, in whatever form it is named. */
export const isCode = (file: string): boolean => /\.[cm]?[jt]sx?$/.test(file)

/** Whether a file is a test, which no program loads. */
export const isTest = (file: string): boolean => /\.test\.\w+$/.test(file)

/** All code of ours: programs, tools and tests. */
export const code: readonly string[] = files.filter((file) => isCode(file) && isOurs(file))

/** Whether a path is a folder, or lies below it. */
export const inside = (file: string, folder: string): boolean =>
  file === folder || file.startsWith(`${folder}/`)

/** One place where a file names another file or a package. */
export interface Load {
  readonly line: number
  /**
   * `import`, statically or by `import()`; `type`, which leaves nothing behind when the program runs; `require`, by one of
   * the names of CommonJS; `path`, a text that is the path of a file of ours, as programs are started and files are read by.
   */
  readonly how: 'import' | 'type' | 'require' | 'path'
  /** As it is written; undefined where it is computed. */
  readonly specifier: string | undefined
  /** The path of the file from the root, also where no file is there; undefined for a package. */
  readonly target: string | undefined
  /** The exported names that are taken. */
  readonly names: readonly string[] | 'all'
  /** Whether the file gives the names on, as `export … from` does. */
  readonly passes: boolean
}

/** One exported name. */
interface Exported {
  readonly line: number
  readonly name: string
  /** Whether it is declared here as an interface, a type, a class or an enum. */
  readonly isType: boolean
}

interface Said {
  readonly line: number
  readonly text: string
}

/** What the parser sees in one file. */
export interface Facts {
  readonly loads: readonly Load[]
  readonly exports: readonly Exported[]
  readonly comments: readonly Said[]
  /** Strings, and the pieces of templates. */
  readonly strings: readonly Said[]
  /** Its identifiers. */
  readonly names: ReadonlySet<string>
  /** Its identifiers, and every word of its strings. */
  readonly words: ReadonlySet<string>
}

const remembered = new Map<string, Facts>()

/** What the parser sees in a file of the checkout. */
export function factsOf(file: string): Facts {
  const before = remembered.get(file)
  if (before !== undefined) return before
  const facts = factsOfText(file, read(file))
  remembered.set(file, facts)
  return facts
}

/** The same of a text that would be in `file`. */
export function factsOfText(file: string, text: string): Facts {
  const { program, comments } = parse(text, {
    sourceType: 'unambiguous',
    plugins: [
      ...(/\.[cm]?tsx?$/.test(file) ? (['typescript'] as const) : []),
      ...(file.endsWith('x') ? (['jsx'] as const) : []),
      'explicitResourceManagement',
    ],
    allowReturnOutsideFunction: true,
    errorRecovery: true,
  })
  const nodes = [...nodesOf(program)]
  const strings = nodes.flatMap((node) => {
    const piece = pieceOf(node)
    return piece === undefined ? [] : [{ line: node.loc?.start.line ?? 0, text: piece }]
  })
  const names = nodes.flatMap((node) => {
    if (node.type === 'PrivateName') return node.id.name
    return node.type === 'Identifier' || node.type === 'JSXIdentifier' ? node.name : []
  })
  return {
    loads: loadsIn(file, nodes),
    exports: exportsIn(nodes),
    comments: (comments ?? []).map(({ value, loc }) => ({
      line: loc?.start.line ?? 0,
      text: value,
    })),
    strings,
    names: new Set(names),
    words: new Set([
      ...names,
      ...strings.flatMap((one) => one.text.match(/[A-Za-z_$][\w$]*/g) ?? []),
    ]),
  }
}

function* nodesOf(value: unknown): Generator<Node> {
  if (Array.isArray(value)) for (const one of value) yield* nodesOf(one)
  if (typeof value !== 'object' || value === null || !('type' in value)) return
  if (typeof value.type !== 'string') return
  yield value as Node
  for (const [key, child] of Object.entries(value))
    if (!/^(?:loc|errors|tokens|\w+Comments|extra)$/.test(key)) yield* nodesOf(child)
}

/** The text of a string, or of a template without gaps. */
function textOf(node: Node | null | undefined): string | undefined {
  if (node?.type === 'StringLiteral') return node.value
  if (node?.type === 'TSLiteralType') return textOf(node.literal)
  if (node?.type !== 'TemplateLiteral' || node.quasis.length !== 1) return undefined
  return node.quasis[0]?.value.cooked ?? undefined
}

/** The text of a string, or of a piece of a template. */
function pieceOf(node: Node): string | undefined {
  if (node.type === 'StringLiteral') return node.value
  return node.type === 'TemplateElement' ? (node.value.cooked ?? undefined) : undefined
}

const nameOf = (node: Node): string =>
  node.type === 'Identifier' ? node.name : node.type === 'StringLiteral' ? node.value : ''

function loadsIn(file: string, nodes: readonly Node[]): readonly Load[] {
  const taken = takenNames(nodes)
  const sources = new Set<Node>()
  const load = (
    node: Node,
    how: Load['how'],
    source: Node | null | undefined,
    names: Load['names'] = 'all',
    passes = false,
  ): Load => {
    if (source) sources.add(source)
    const specifier = textOf(source)
    const target = specifier === undefined ? undefined : targetOf(file, specifier)
    return { line: node.loc?.start.line ?? 0, how, specifier, target, names, passes }
  }
  const named = nodes.flatMap((node): readonly Load[] => {
    if (node.type === 'ImportDeclaration') {
      const names = node.specifiers.map((one) =>
        one.type === 'ImportSpecifier'
          ? nameOf(one.imported)
          : one.type === 'ImportDefaultSpecifier'
            ? 'default'
            : '*',
      )
      const isType =
        node.importKind === 'type' ||
        (names.length > 0 &&
          node.specifiers.every((one) => 'importKind' in one && one.importKind === 'type'))
      return [
        load(node, isType ? 'type' : 'import', node.source, names.includes('*') ? 'all' : names),
      ]
    }
    if (node.type === 'ExportAllDeclaration') {
      const how = node.exportKind === 'type' ? 'type' : 'import'
      return [load(node, how, node.source, 'all', true)]
    }
    if (node.type === 'ExportNamedDeclaration' && node.source) {
      const names = node.specifiers.map((one) =>
        one.type === 'ExportSpecifier' ? nameOf(one.local) : '*',
      )
      const how = node.exportKind === 'type' ? 'type' : 'import'
      return [load(node, how, node.source, names.includes('*') ? 'all' : names, true)]
    }
    if (node.type === 'ImportExpression')
      return [load(node, 'import', node.source, taken.get(node) ?? 'all')]
    if (node.type === 'TSImportType') {
      const argument = node.argument as Node
      const first = node.qualifier ? firstName(node.qualifier) : undefined
      return [load(node, 'type', argument, first === undefined ? 'all' : [first])]
    }
    if (node.type === 'TSExternalModuleReference') return [load(node, 'require', node.expression)]
    if (node.type !== 'CallExpression') return []
    if (node.callee.type === 'Import')
      return [load(node, 'import', node.arguments[0], taken.get(node) ?? 'all')]
    return isRequire(node.callee) ? [load(node, 'require', node.arguments[0])] : []
  })
  const paths = nodes.flatMap((node) => {
    if (sources.has(node)) return []
    const text = pieceOf(node)
    if (text === undefined) return []
    const target = pathIn(file, text)
    const line = node.loc?.start.line ?? 0
    if (target === undefined) return []
    return [{ line, how: 'path', specifier: text, target, names: [], passes: false } as const]
  })
  return [...named, ...paths]
}

/** `require(…)`, `require.resolve(…)`, `import.meta.resolve(…)`, `process.getBuiltinModule(…)`, and what `createRequire(…)` gives. */
function isRequire(callee: Node): boolean {
  if (callee.type === 'Identifier') return callee.name === 'require'
  if (callee.type === 'CallExpression')
    return [...nodesOf(callee.callee)].some((node) => nameOf(node) === 'createRequire')
  if (callee.type !== 'MemberExpression') return false
  if (nameOf(callee.property) === 'getBuiltinModule') return true
  if (callee.object.type === 'MetaProperty') return nameOf(callee.property) === 'resolve'
  return isRequire(callee.object)
}

/** The names that `const { a, b } = await import('…')` takes, by its node of the import. */
function takenNames(nodes: readonly Node[]): ReadonlyMap<Node, readonly string[]> {
  return new Map(
    nodes.flatMap((node) => {
      if (node.type !== 'VariableDeclarator' || node.id.type !== 'ObjectPattern') return []
      if (node.init?.type !== 'AwaitExpression') return []
      const names = node.id.properties.map((one) =>
        one.type === 'ObjectProperty' ? nameOf(one.key) : '',
      )
      return names.includes('') ? [] : [[node.init.argument, names] as const]
    }),
  )
}

function firstName(node: Node): string {
  return node.type === 'TSQualifiedName' ? firstName(node.left) : nameOf(node)
}

function targetOf(file: string, specifier: string): string | undefined {
  return /^\.{1,2}(?:\/|$)/.test(specifier) ? posix.join(dirname(file), specifier) : undefined
}

/** The file of code that a text is the path of: from its own file, or from the root. */
function pathIn(file: string, text: string): string | undefined {
  if (!/^[\w./-]+\.(?:[cm]?[jt]sx?|py)$/.test(text)) return undefined
  return [posix.join(dirname(file), text), text.replace(/^\/+/, '')].find((path) => known.has(path))
}

function exportsIn(nodes: readonly Node[]): readonly Exported[] {
  const types = new Set(
    nodes.flatMap((node) =>
      isTypeDeclaration(node) && node.id?.type === 'Identifier' ? [node.id.name] : [],
    ),
  )
  const exported = (node: Node, name: string, local: string): Exported => ({
    line: node.loc?.start.line ?? 0,
    name,
    isType: types.has(local),
  })
  return nodes.flatMap((node): readonly Exported[] => {
    if (node.type === 'ExportDefaultDeclaration') return [exported(node, 'default', '')]
    if (node.type !== 'ExportNamedDeclaration') return []
    const given = node.specifiers.map((one) =>
      exported(
        node,
        nameOf(one.exported),
        one.type === 'ExportSpecifier' && !node.source ? nameOf(one.local) : '',
      ),
    )
    return [...given, ...declaredNames(node.declaration).map((name) => exported(node, name, name))]
  })
}

function isTypeDeclaration(node: Node) {
  return (
    node.type === 'TSInterfaceDeclaration' ||
    node.type === 'TSTypeAliasDeclaration' ||
    node.type === 'ClassDeclaration' ||
    node.type === 'TSEnumDeclaration'
  )
}

function declaredNames(node: Node | null | undefined): readonly string[] {
  if (!node) return []
  if (node.type === 'VariableDeclaration')
    return node.declarations.flatMap(({ id }) => boundNames(id))
  return 'id' in node && node.id ? [nameOf(node.id)] : []
}

function boundNames(pattern: Node): readonly string[] {
  if (pattern.type === 'ObjectPattern')
    return pattern.properties.flatMap((one) =>
      boundNames(one.type === 'ObjectProperty' ? one.value : one.argument),
    )
  if (pattern.type === 'ArrayPattern')
    return pattern.elements.flatMap((one) => (one === null ? [] : boundNames(one)))
  if (pattern.type === 'AssignmentPattern') return boundNames(pattern.left)
  return [nameOf(pattern)]
}
