// The syntax tree of a JavaScript file, with parents and scopes, and the thing that each name
// stands for: an import, a global, or a declaration of the file.
import type {
  ArrowFunctionExpression,
  CallExpression,
  ClassDeclaration,
  ClassMethod,
  File,
  FunctionDeclaration,
  FunctionExpression,
  ImportDeclaration,
  Node,
  ObjectMethod,
} from '@babel/types'
import { childrenOf, nodesOf } from './parse.ts'

export type FunctionNode =
  | ArrowFunctionExpression
  | FunctionDeclaration
  | FunctionExpression
  | ObjectMethod
  | ClassMethod

type Binding =
  | { readonly kind: 'import'; readonly source: string; readonly imported: string }
  | { readonly kind: 'variable'; readonly init: Node | undefined; readonly path: readonly string[] }
  | { readonly kind: 'function'; readonly node: FunctionNode }
  | { readonly kind: 'parameter'; readonly of: FunctionNode; readonly index: number }
  | { readonly kind: 'class'; readonly node: ClassDeclaration }
  | { readonly kind: 'other' }

/**
 * The thing that an expression stands for. `path` holds the names that are read from it, without
 * `default`; built-in modules are named without `node:`.
 */
export type Meaning =
  | { readonly kind: 'module'; readonly source: string; readonly path: readonly string[] }
  | { readonly kind: 'global'; readonly path: readonly string[] }
  | { readonly kind: 'function'; readonly node: FunctionNode }
  | {
      readonly kind: 'parameter'
      readonly of: FunctionNode
      readonly index: number
      readonly path: readonly string[]
    }
  | { readonly kind: 'unknown'; readonly path: readonly string[] }

/** Places in a function, as offsets in the text; -1 where there is none. */
interface Steps {
  readonly lastAwait: number
  /** The last `return` with a value. */
  readonly lastReturn: number
  readonly calls: readonly CallExpression[]
}

/** The syntax tree of one file, with answers about its nodes. */
export interface SyntaxTree {
  readonly file: File
  readonly text: string
  /** In the order of the text. */
  readonly nodes: readonly Node[]
  parent(node: Node): Node | undefined
  /** The function around a node; undefined at the top of the file. */
  functionAround(node: Node): FunctionNode | undefined
  meaning(node: Node): Meaning
  /** The initial value of the variable that `node` names; undefined for anything else. */
  initOf(node: Node): Node | undefined
  /** The class that a name stands for; undefined when this file does not declare it. */
  classOf(node: Node): ClassDeclaration | undefined
  readonly isDeclared: (name: string, at: Node) => boolean
  /** The steps of a function, without those of the functions within it. */
  steps(fn: FunctionNode): Steps
  /** Identifiers of a name, all over the file. */
  identifiers(name: string): readonly Node[]
  lineOf(node: Node): number
  /** The text of a node on one line. */
  codeOf(node: Node, max?: number): string
}

export function isFunction(node: Node | undefined): node is FunctionNode {
  return (
    node !== undefined &&
    /^(ArrowFunctionExpression|FunctionDeclaration|FunctionExpression|ObjectMethod|ClassMethod|ClassPrivateMethod)$/.test(
      node.type,
    )
  )
}

const wrappers = new Set([
  'TSAsExpression',
  'TSSatisfiesExpression',
  'TSNonNullExpression',
  'TSTypeAssertion',
  'ParenthesizedExpression',
  'ChainExpression',
  'TypeCastExpression',
])

/** An expression without type assertions and brackets around it. */
export function unwrap(node: Node): Node {
  let inner = node
  while (wrappers.has(inner.type)) inner = (inner as unknown as { expression: Node }).expression
  return inner
}

/**
 * The value of a text that is known without running anything: literals, templates and sums of such.
 */
export function literalText(node: Node | null | undefined): string | undefined {
  if (node === null || node === undefined) return undefined
  const inner = unwrap(node)
  if (inner.type === 'StringLiteral') return inner.value
  if (inner.type === 'TemplateLiteral' && inner.expressions.length === 0)
    return inner.quasis[0]?.value.cooked ?? undefined
  if (inner.type === 'BinaryExpression' && inner.operator === '+') {
    const left = literalText(inner.left)
    const right = literalText(inner.right)
    return left === undefined || right === undefined ? undefined : left + right
  }
  return undefined
}

/** The name that a member expression reads; undefined when it is computed. */
export function propertyName(node: Node): string | undefined {
  if (node.type !== 'MemberExpression' && node.type !== 'OptionalMemberExpression') return undefined
  if (node.computed) return literalText(node.property)
  return node.property.type === 'Identifier' ? node.property.name : undefined
}

/** The last name of what is called: `mock.fn` and `fn` are `fn`; empty when it has none. */
export function calledName(callee: Node): string {
  const inner = unwrap(callee)
  return propertyName(inner) ?? (inner.type === 'Identifier' ? inner.name : '')
}

/** The names of what an expression stands for; none for a function of the file. */
export function pathOf(tree: SyntaxTree, node: Node): readonly string[] {
  const meaning = tree.meaning(node)
  return meaning.kind === 'function' ? [] : meaning.path
}

/** The key of a property, a method or a pattern's part. */
export function keyName(node: Node): string | undefined {
  const { key, computed } = node as { key?: Node; computed?: boolean }
  if (key === undefined) return undefined
  if (!computed && key.type === 'Identifier') return key.name
  return literalText(key) ?? (key.type === 'NumericLiteral' ? String(key.value) : undefined)
}

/** The specifier of `require('x')` and `import('x')`; undefined for anything else. */
export function loadedBy(node: Node, isDeclared: SyntaxTree['isDeclared']): string | undefined {
  const inner = node.type === 'AwaitExpression' ? node.argument : node
  if (inner.type === 'ImportExpression') return literalText(inner.source)
  if (inner.type !== 'CallExpression' || inner.arguments.length === 0) return undefined
  const isRequire =
    inner.callee.type === 'Identifier' &&
    inner.callee.name === 'require' &&
    !isDeclared('require', inner)
  if (!isRequire && inner.callee.type !== 'Import') return undefined
  return literalText(inner.arguments[0])
}

/** Whether declarations within a node belong to it. */
function isScope(node: Node): boolean {
  return (
    isFunction(node) ||
    /^(Program|BlockStatement|StaticBlock|For(In|Of)?Statement|CatchClause|SwitchStatement|Class(Declaration|Expression)|TSModuleBlock)$/.test(
      node.type,
    )
  )
}

export function syntaxTreeOf(file: File, text: string): SyntaxTree {
  const parents = new Map<Node, Node>()
  const scopes = new Map<Node, Map<string, Binding>>()
  const byName = new Map<string, Node[]>()
  const nodes = [...nodesOf(file)]
  for (const node of nodes) for (const child of childrenOf(node)) parents.set(child, node)

  // Each node stands behind its parent, so one pass is enough. Chains of calls may be very long,
  // scopes are not.
  const functions = new Map<Node, FunctionNode>()
  const homes = new Map<Node, Node>()
  for (const node of nodes) {
    const parent = parents.get(node)
    if (parent === undefined) continue
    const around = isFunction(parent) ? parent : functions.get(parent)
    if (around !== undefined) functions.set(node, around)
    const home = isScope(parent) ? parent : homes.get(parent)
    if (home !== undefined) homes.set(node, home)
  }
  const scopeAround = (node: Node, isVar: boolean): Node =>
    (isVar ? functions.get(node) : homes.get(node)) ?? file.program
  const declare = (scope: Node, name: string, binding: Binding): void => {
    const own = scopes.get(scope) ?? new Map<string, Binding>()
    if (!own.has(name)) own.set(name, binding)
    scopes.set(scope, own)
  }
  const declarePattern = (
    scope: Node,
    pattern: Node | null | undefined,
    bind: (path: readonly string[] | undefined) => Binding,
    path: readonly string[] | undefined = [],
  ): void => {
    if (pattern === null || pattern === undefined) return
    if (pattern.type === 'Identifier') declare(scope, pattern.name, bind(path))
    else if (pattern.type === 'AssignmentPattern') declarePattern(scope, pattern.left, bind, path)
    else if (pattern.type === 'RestElement')
      declarePattern(scope, pattern.argument, bind, undefined)
    else if (pattern.type === 'TSParameterProperty')
      declarePattern(scope, pattern.parameter, bind, path)
    else if (pattern.type === 'ArrayPattern')
      for (const part of pattern.elements) declarePattern(scope, part, bind, undefined)
    else if (pattern.type === 'ObjectPattern')
      for (const part of pattern.properties) {
        const key = keyName(part)
        const below = part.type === 'RestElement' ? part : part.value
        declarePattern(
          scope,
          below,
          bind,
          path === undefined || key === undefined ? undefined : [...path, key],
        )
      }
  }

  for (const node of nodes) {
    if (node.type === 'Identifier' || node.type === 'JSXIdentifier') {
      const list = byName.get(node.name) ?? []
      list.push(node)
      byName.set(node.name, list)
    }
    if (node.type === 'ImportDeclaration')
      for (const part of node.specifiers) {
        const imported = importedName(part)
        declare(file.program, part.local.name, {
          kind: 'import',
          source: node.source.value,
          imported,
        })
      }
    else if (node.type === 'VariableDeclarator') {
      const declaration = parents.get(node)
      const scope = scopeAround(
        node,
        declaration?.type === 'VariableDeclaration' && declaration.kind === 'var',
      )
      declarePattern(scope, node.id, (path) =>
        path === undefined
          ? { kind: 'other' }
          : { kind: 'variable', init: node.init ?? undefined, path },
      )
    } else if (node.type === 'CatchClause') {
      declarePattern(node, node.param, () => ({ kind: 'other' }))
    } else if (node.type === 'ClassDeclaration' && node.id) {
      declare(scopeAround(node, false), node.id.name, { kind: 'class', node })
    } else if (
      (node.type === 'ClassExpression' ||
        node.type === 'TSEnumDeclaration' ||
        node.type === 'TSDeclareFunction' ||
        node.type === 'TSInterfaceDeclaration' ||
        node.type === 'TSTypeAliasDeclaration' ||
        node.type === 'TSImportEqualsDeclaration' ||
        node.type === 'TSModuleDeclaration') &&
      node.id?.type === 'Identifier'
    ) {
      declare(scopeAround(node, false), node.id.name, { kind: 'other' })
    }
    if (isFunction(node)) {
      if (node.type === 'FunctionDeclaration' && node.id)
        declare(scopeAround(node, false), node.id.name, { kind: 'function', node })
      if (node.type === 'FunctionExpression' && node.id)
        declare(node, node.id.name, { kind: 'function', node })
      node.params.forEach((param, index) => {
        declarePattern(node, param, (path) =>
          path?.length === 0 ? { kind: 'parameter', of: node, index } : { kind: 'other' },
        )
      })
    }
  }

  const find = (name: string, at: Node): Binding | undefined => {
    let scope = isScope(at) ? at : homes.get(at)
    for (; scope !== undefined; scope = homes.get(scope)) {
      const binding = scopes.get(scope)?.get(name)
      if (binding !== undefined) return binding
    }
    return undefined
  }
  const isDeclared = (name: string, at: Node): boolean => find(name, at) !== undefined

  const meaningOf = (node: Node, depth: number): Meaning => {
    const unknown: Meaning = { kind: 'unknown', path: [] }
    if (depth > 12) return unknown
    const inner = unwrap(node)
    const loaded = loadedBy(inner, isDeclared)
    if (loaded !== undefined) return moduleMeaning(loaded, [])
    if (isFunction(inner)) return { kind: 'function', node: inner }
    // `const api = (module.exports = {})` are two names of one thing.
    if (inner.type === 'AssignmentExpression' && inner.operator === '=')
      return meaningOf(inner.left, depth + 1)
    if (inner.type === 'Identifier') {
      const binding = find(inner.name, inner)
      if (binding === undefined)
        return { kind: 'global', path: inner.name === 'globalThis' ? [] : [inner.name] }
      if (binding.kind === 'import')
        return moduleMeaning(binding.source, binding.imported === '*' ? [] : [binding.imported])
      if (binding.kind === 'function') return binding
      if (binding.kind === 'parameter')
        return { kind: 'parameter', of: binding.of, index: binding.index, path: [] }
      if (binding.kind === 'variable' && binding.init !== undefined)
        return binding.path.reduce(member, meaningOf(binding.init, depth + 1))
      return { kind: 'unknown', path: [inner.name] }
    }
    if (inner.type === 'MemberExpression' || inner.type === 'OptionalMemberExpression') {
      const name = propertyName(inner)
      return name === undefined ? unknown : member(meaningOf(inner.object, depth + 1), name)
    }
    return unknown
  }

  const steps = new Map<FunctionNode, Mutable<Steps> & { calls: CallExpression[] }>()
  for (const node of nodes) {
    const fn = functions.get(node)
    if (fn === undefined) continue
    const isAwait =
      node.type === 'AwaitExpression' || (node.type === 'ForOfStatement' && node.await)
    const isReturn = node.type === 'ReturnStatement' && node.argument
    if (!isAwait && !isReturn && node.type !== 'CallExpression') continue
    const own = steps.get(fn) ?? { lastAwait: -1, lastReturn: -1, calls: [] }
    steps.set(fn, own)
    if (isAwait) own.lastAwait = node.start ?? 0
    if (isReturn) own.lastReturn = node.start ?? 0
    if (node.type === 'CallExpression') own.calls.push(node)
  }

  return {
    file,
    text,
    nodes,
    parent: (node) => parents.get(node),
    functionAround: (node) => functions.get(node),
    classOf: (node) => {
      const inner = unwrap(node)
      const binding = inner.type === 'Identifier' ? find(inner.name, inner) : undefined
      return binding?.kind === 'class' ? binding.node : undefined
    },
    steps: (fn) => steps.get(fn) ?? noSteps,
    meaning: (node) => meaningOf(node, 0),
    initOf: (node) => {
      const inner = unwrap(node)
      if (inner.type !== 'Identifier') return undefined
      const binding = find(inner.name, inner)
      return binding?.kind === 'variable' && binding.path.length === 0 ? binding.init : undefined
    },
    isDeclared,
    identifiers: (name) => byName.get(name) ?? [],
    lineOf: (node) => node.loc?.start.line ?? 1,
    codeOf: (node, max = 100) =>
      text
        .slice(node.start ?? 0, Math.min(node.end ?? 0, (node.start ?? 0) + max * 4))
        .replace(/\s+/g, ' ')
        .trim()
        .slice(0, max),
  }
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }
const noSteps: Steps = { lastAwait: -1, lastReturn: -1, calls: [] }

function moduleMeaning(source: string, path: readonly string[]): Meaning {
  return {
    kind: 'module',
    source: source.replace(/^node:/, ''),
    path: path[0] === 'default' ? path.slice(1) : path,
  }
}

function member(meaning: Meaning, name: string): Meaning {
  if (meaning.kind === 'function') return { kind: 'unknown', path: [name] }
  const path =
    meaning.kind === 'module' && meaning.path.length === 0 && name === 'default'
      ? meaning.path
      : [...meaning.path, name]
  return { ...meaning, path }
}

/** The name that an import takes: `default`, or `*` for the whole module. */
export function importedName(part: ImportDeclaration['specifiers'][number]): string {
  if (part.type === 'ImportDefaultSpecifier') return 'default'
  if (part.type === 'ImportNamespaceSpecifier') return '*'
  return part.imported.type === 'Identifier' ? part.imported.name : part.imported.value
}
