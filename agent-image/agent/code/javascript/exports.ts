// The exports of a JavaScript or TypeScript file, as an ES module and as CommonJS.
import type { Node } from '@babel/types'
import type { ExportFact } from '../facts.ts'
import { isFunction, keyName, literalText, type SyntaxTree, unwrap } from './tree.ts'

type Described = Pick<ExportFact, 'kind' | 'signature'>

/** Exports in the order of the text, each name once. */
export function exportsOfTree(tree: SyntaxTree): readonly ExportFact[] {
  const found = new Map<string, ExportFact>()
  const add = (name: string, described: Described, at: Node): void => {
    if (!found.has(name) || name === '*')
      found.set(name, { name, ...described, line: tree.lineOf(at) })
  }
  for (const node of tree.file.program.body) esmExports(tree, node, add)
  for (const node of tree.nodes) commonjsExports(tree, node, add)
  return [...found.values()]
}

type Add = (name: string, described: Described, at: Node) => void

function esmExports(tree: SyntaxTree, node: Node, add: Add): void {
  if (node.type === 'ExportAllDeclaration') {
    add('*', { kind: 'reexport', signature: `* from '${node.source.value}'` }, node)
  } else if (node.type === 'ExportDefaultDeclaration') {
    const described = describeDeclaration(tree, node.declaration, node) ?? {
      ...describeValue(tree, node.declaration),
    }
    add('default', described, node)
  } else if (node.type === 'TSExportAssignment') {
    add('default', describeValue(tree, node.expression), node)
  } else if (node.type === 'ExportNamedDeclaration') {
    for (const part of node.specifiers) {
      const name = part.exported.type === 'Identifier' ? part.exported.name : part.exported.value
      const local = part.type === 'ExportSpecifier' ? part.local : undefined
      const typed =
        node.exportKind === 'type' ||
        (part.type === 'ExportSpecifier' && part.exportKind === 'type')
      const described: Described = typed
        ? { kind: 'type', signature: name }
        : node.source
          ? { kind: 'reexport', signature: name }
          : local === undefined
            ? { kind: 'unknown', signature: name }
            : named(describeValue(tree, local), name)
      add(name, described, part)
    }
    const declaration = node.declaration
    if (!declaration) return
    if (declaration.type === 'VariableDeclaration') {
      for (const part of declaration.declarations) {
        const plain = part.id.type === 'Identifier' ? part.id.name : undefined
        if (plain === undefined)
          for (const name of patternNames(part.id))
            add(name, { kind: 'constant', signature: name }, part)
        else add(plain, variable(tree, node, part), part)
      }
      return
    }
    const described = describeDeclaration(tree, declaration, node)
    const id = (declaration as { id?: Node }).id
    if (described !== undefined && id?.type === 'Identifier') add(id.name, described, declaration)
  }
}

/** A list of exports holds only names; the declaration shows how a function is called. */
function named(described: Described, name: string): Described {
  return described.signature === '' || described.kind === 'unknown'
    ? { kind: described.kind, signature: name }
    : described
}

function patternNames(pattern: Node | null): readonly string[] {
  if (pattern === null) return []
  if (pattern.type === 'Identifier') return [pattern.name]
  if (pattern.type === 'AssignmentPattern') return patternNames(pattern.left)
  if (pattern.type === 'RestElement') return patternNames(pattern.argument)
  if (pattern.type === 'ArrayPattern') return pattern.elements.flatMap((part) => patternNames(part))
  if (pattern.type === 'ObjectPattern')
    return pattern.properties.flatMap((part) =>
      patternNames(part.type === 'RestElement' ? part : part.value),
    )
  return []
}

/** The text from `from` to the body of a function or class, on one line. */
function header(tree: SyntaxTree, from: Node, to: Node | undefined, fallback: Node): string {
  const end = to?.start ?? fallback.end ?? 0
  return tree.text
    .slice(from.start ?? 0, Math.min(end, (from.start ?? 0) + 2000))
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/ ?=>$/, '')
    .slice(0, 160)
    .trim()
}

function describeDeclaration(tree: SyntaxTree, node: Node, from: Node): Described | undefined {
  if (node.type === 'FunctionDeclaration' || node.type === 'TSDeclareFunction')
    return {
      kind: 'function',
      signature: header(
        tree,
        from,
        node.type === 'FunctionDeclaration' ? node.body : undefined,
        node,
      ),
    }
  if (node.type === 'ClassDeclaration')
    return { kind: 'class', signature: header(tree, from, node.body, node) }
  if (node.type === 'TSEnumDeclaration')
    return { kind: 'constant', signature: `export enum ${node.id.name}` }
  if (node.type === 'TSInterfaceDeclaration')
    return { kind: 'type', signature: header(tree, from, node.body, node) }
  if (node.type === 'TSTypeAliasDeclaration' || node.type === 'TSModuleDeclaration')
    return { kind: 'type', signature: header(tree, from, undefined, node) }
  return undefined
}

function variable(
  tree: SyntaxTree,
  from: Node,
  part: Node & { type: 'VariableDeclarator' },
): Described {
  const init = part.init ? unwrap(part.init) : undefined
  if (isFunction(init)) return { kind: 'function', signature: header(tree, from, init.body, init) }
  if (init?.type === 'ClassExpression')
    return { kind: 'class', signature: header(tree, from, init.body, init) }
  const short =
    init !== undefined && init.type.endsWith('Literal') && (init.end ?? 0) - (init.start ?? 0) <= 40
  return { kind: 'constant', signature: header(tree, from, undefined, short ? init : part.id) }
}

/**
 * Kind and signature of an expression's value; a name is followed to its declaration in the file.
 */
function describeValue(tree: SyntaxTree, node: Node): Described {
  const inner = unwrap(node)
  const meaning = tree.meaning(inner)
  if (meaning.kind === 'function' && meaning.node.type === 'FunctionDeclaration')
    return {
      kind: 'function',
      signature: header(tree, meaning.node, meaning.node.body, meaning.node),
    }
  if (meaning.kind === 'function') {
    const parent = tree.parent(meaning.node)
    const from = parent?.type === 'VariableDeclarator' ? parent : meaning.node
    return { kind: 'function', signature: header(tree, from, meaning.node.body, meaning.node) }
  }
  if (inner.type === 'ClassExpression')
    return { kind: 'class', signature: header(tree, inner, inner.body, inner) }
  if (inner.type === 'Identifier') {
    const declared = tree.classOf(inner)
    if (declared !== undefined)
      return { kind: 'class', signature: header(tree, declared, declared.body, declared) }
    return { kind: meaning.kind === 'module' ? 'reexport' : 'constant', signature: inner.name }
  }
  return { kind: meaning.kind === 'module' ? 'reexport' : 'constant', signature: '' }
}

/**
 * The path below `exports`, `module.exports` or another name of it: [] for `exports`, ['a'] for
 * `exports.a`; undefined for anything else.
 */
export function exportsPath(tree: SyntaxTree, node: Node): readonly string[] | undefined {
  const meaning = tree.meaning(node)
  if (meaning.kind !== 'global') return undefined
  if (meaning.path[0] === 'exports') return meaning.path.slice(1)
  if (meaning.path[0] === 'module' && meaning.path[1] === 'exports') return meaning.path.slice(2)
  return undefined
}

function commonjsExports(tree: SyntaxTree, node: Node, add: Add): void {
  if (node.type === 'AssignmentExpression' && node.operator.endsWith('=')) {
    const path = exportsPath(tree, node.left)
    if (path === undefined) return
    let value: Node = node.right
    while (value.type === 'AssignmentExpression') value = value.right
    const [name] = path
    if (name !== undefined && path.length === 1) {
      add(name, labelled(describeValue(tree, value), name), node)
    } else if (path.length === 0 && tree.meaning(node.left).kind === 'global') {
      wholeModule(tree, value, node, add)
    }
    return
  }
  if (node.type !== 'CallExpression') return
  const callee = tree.meaning(node.callee)
  if (callee.kind !== 'global' || callee.path[0] !== 'Object') return
  const [target, second, third] = node.arguments
  if (target === undefined || second === undefined) return
  if (exportsPath(tree, target)?.length !== 0) return
  if (callee.path[1] === 'assign')
    for (const part of node.arguments.slice(1)) objectExports(tree, part, node, add)
  if (callee.path[1] === 'defineProperty' && third !== undefined) {
    const name = literalText(second)
    if (name !== undefined && name !== '__esModule')
      add(name, { kind: 'unknown', signature: name }, node)
  }
}

function wholeModule(tree: SyntaxTree, value: Node, at: Node, add: Add): void {
  const inner = unwrap(value)
  const object = inner.type === 'ObjectExpression' ? inner : unwrap(tree.initOf(inner) ?? inner)
  if (object.type === 'ObjectExpression') {
    objectExports(tree, object, at, add)
    return
  }
  const meaning = tree.meaning(inner)
  if (meaning.kind === 'global' && exportsPath(tree, inner) !== undefined) return
  if (meaning.kind === 'module')
    add('*', { kind: 'reexport', signature: `* from '${meaning.source}'` }, at)
  add('default', labelled(describeValue(tree, inner), 'module.exports'), at)
}

function objectExports(tree: SyntaxTree, node: Node, at: Node, add: Add): void {
  const inner = unwrap(node)
  if (inner.type !== 'ObjectExpression') {
    add('*', { kind: 'unknown', signature: tree.codeOf(inner) }, at)
    return
  }
  for (const part of inner.properties) {
    if (part.type === 'SpreadElement') {
      add('*', { kind: 'unknown', signature: tree.codeOf(part) }, part)
      continue
    }
    const name = keyName(part)
    if (name === undefined) continue
    if (part.type === 'ObjectMethod')
      add(name, { kind: 'function', signature: header(tree, part, part.body, part) }, part)
    else add(name, labelled(describeValue(tree, part.value), name), part)
  }
}

/** A function without a name of its own is shown under the name by which it is exported. */
function labelled(described: Described, name: string): Described {
  if (described.signature === '') return { ...described, signature: name }
  return /^(async )?(function\b ?\*?\(|\(|\w+$)/.test(described.signature) &&
    described.kind === 'function'
    ? { ...described, signature: `${name} = ${described.signature}`.slice(0, 160) }
    : described
}
