// The named places of a JavaScript file: how many statements or members they hold, and which
// functions are hollow, because they only throw or give nothing back.
import type { Node, Statement } from '@babel/types'
import type { BlockFact, BodyFact } from '../facts.ts'
import { type FunctionNode, isFunction, keyName, type SyntaxTree, unwrap } from './tree.ts'

interface Block {
  readonly node: Node
  readonly name: string
  readonly parts: string[]
  statements: number
}

/** The file itself, and its functions, classes, enums and objects that have a name. */
export function blocksOfTree(tree: SyntaxTree): readonly BlockFact[] {
  const blocks = new Map<Node, Block>()
  // Each node stands behind its parent, so one pass finds the block around it however deep it lies.
  const homes = new Map<Node, Block>()
  const around = (node: Node): Block | undefined => {
    const parent = tree.parent(node)
    const home = parent === undefined ? undefined : (blocks.get(parent) ?? homes.get(parent))
    if (home !== undefined) homes.set(node, home)
    return home
  }
  for (const node of tree.nodes) {
    if (node.type === 'Program') {
      blocks.set(node, { node, name: '', parts: [], statements: 0 })
      continue
    }
    const outer = around(node)
    if (outer === undefined) continue
    const name = partName(node)
    if (name !== undefined && isDirect(tree, node, outer.node)) outer.parts.push(name)
    const body = name === undefined ? undefined : bodyOf(node)
    if (body !== undefined) {
      const path = outer.name === '' ? name : `${outer.name}.${name}`
      outer.statements++
      blocks.set(body, { node: body, name: path ?? '', parts: [], statements: 0 })
    } else if (counts(node)) outer.statements++
  }
  return [...blocks.values()].map(({ node, ...block }) => ({
    ...block,
    start: node.start ?? 0,
    end: node.end ?? 0,
  }))
}

/** The name of a node that is a part of a block: of a function, a variable or a member. */
function partName(node: Node): string | undefined {
  if (node.type === 'VariableDeclarator')
    return node.id.type === 'Identifier' ? node.id.name : undefined
  if (/^(Class(Accessor)?Property|ClassMethod|ObjectMethod|ObjectProperty)$/.test(node.type))
    return keyName(node)
  if (node.type === 'ClassPrivateMethod' || node.type === 'ClassPrivateProperty')
    return `#${node.key.id.name}`
  if (node.type === 'TSEnumMember')
    return node.id.type === 'Identifier' ? node.id.name : node.id.value
  if (/^(Function|Class|TSEnum|TSInterface|TSTypeAlias)Declaration$/.test(node.type))
    return (node as { id?: { name?: string } | null }).id?.name ?? 'default'
  return undefined
}

/** The node that holds the statements or members of a named part. */
function bodyOf(node: Node): Node | undefined {
  if (node.type === 'VariableDeclarator' || node.type === 'ObjectProperty')
    return ofValue((node.type === 'VariableDeclarator' ? node.init : node.value) ?? undefined)
  if (node.type === 'ClassProperty') return ofValue(node.value ?? undefined)
  return ofValue(node)
}

function ofValue(value: Node | undefined): Node | undefined {
  const inner = value === undefined ? undefined : unwrap(value)
  if (inner === undefined) return undefined
  if (isFunction(inner) || inner.type === 'ClassPrivateMethod') return inner.body
  if (inner.type === 'ClassDeclaration' || inner.type === 'ClassExpression') return inner.body
  if (inner.type === 'ObjectExpression') return inner
  return inner.type === 'TSEnumDeclaration' || inner.type === 'TSInterfaceDeclaration'
    ? inner
    : undefined
}

/** Whether a node stands in a block with nothing but its own statement between. */
function isDirect(tree: SyntaxTree, node: Node, block: Node): boolean {
  let at = tree.parent(node)
  while (at !== undefined && /^(VariableDeclaration|Export\w+Declaration)$/.test(at.type))
    at = tree.parent(at)
  return at === block
}

function counts(node: Node): boolean {
  if (/^(BlockStatement|EmptyStatement|Export\w+)$/.test(node.type)) return false
  return (
    node.type.endsWith('Statement') ||
    /^(VariableDeclaration|ImportDeclaration|ClassProperty|ClassPrivateProperty|ObjectProperty|SpreadElement|TSEnumMember|TSPropertySignature|TSMethodSignature|StaticBlock)$/.test(
      node.type,
    )
  )
}

/** Functions and methods at the top of a file that have a name, the last one of a name. */
export function bodiesOfTree(tree: SyntaxTree): readonly BodyFact[] {
  const found = new Map<string, BodyFact>()
  for (const node of tree.nodes) {
    if (!isFunction(node)) continue
    const parent = tree.parent(node)
    if (parent === undefined || tree.functionAround(parent) !== undefined || isFunction(parent))
      continue
    const name = nameOf(tree, node, parent)
    if (name !== undefined) found.set(name, { name, hollow: isHollow(node) })
  }
  return [...found.values()]
}

function nameOf(tree: SyntaxTree, node: FunctionNode, parent: Node): string | undefined {
  if (node.type === 'FunctionDeclaration') return node.id?.name ?? 'default'
  if (node.type === 'ClassMethod') {
    const kind = node.kind === 'get' || node.kind === 'set' ? `${node.kind} ` : ''
    return below(classAround(tree, node), `${kind}${keyOf(node.key)}`)
  }
  if (node.type === 'ObjectMethod') return keyOf(node.key)
  if (parent.type === 'VariableDeclarator' && parent.id.type === 'Identifier') return parent.id.name
  if (parent.type === 'AssignmentExpression')
    return parent.left.type === 'MemberExpression' ? keyOf(parent.left.property) : undefined
  if (parent.type === 'ClassProperty') return below(classAround(tree, parent), keyOf(parent.key))
  if (parent.type === 'ObjectProperty') return keyOf(parent.key)
  return parent.type === 'ExportDefaultDeclaration' ? 'default' : undefined
}

function classAround(tree: SyntaxTree, node: Node): string | undefined {
  const body = tree.parent(node)
  const around = body === undefined ? undefined : tree.parent(body)
  if (around?.type !== 'ClassDeclaration' && around?.type !== 'ClassExpression') return undefined
  if (around.id) return around.id.name
  const holder = tree.parent(around)
  return holder?.type === 'VariableDeclarator' && holder.id.type === 'Identifier'
    ? holder.id.name
    : 'default'
}

function below(holder: string | undefined, name: string | undefined): string | undefined {
  return holder === undefined || name === undefined ? undefined : `${holder}.${name}`
}

function keyOf(key: Node): string | undefined {
  if (key.type === 'Identifier') return key.name
  if (key.type === 'PrivateName') return `#${key.id.name}`
  return key.type === 'StringLiteral' ? key.value : undefined
}

function isHollow({ body }: FunctionNode): boolean {
  if (body.type !== 'BlockStatement') return isNothing(body)
  return body.body.every((one) => doesNothing(one))
}

function doesNothing(node: Statement): boolean {
  if (node.type === 'ThrowStatement' || node.type === 'EmptyStatement') return true
  if (node.type === 'ReturnStatement') return node.argument == null || isNothing(node.argument)
  if (node.type !== 'ExpressionStatement' || node.expression.type !== 'CallExpression') return false
  const { callee } = node.expression
  return (
    callee.type === 'MemberExpression' &&
    callee.object.type === 'Identifier' &&
    callee.object.name === 'console'
  )
}

function isNothing(value: Node): boolean {
  const inner = unwrap(value)
  if (inner.type === 'NullLiteral') return true
  if (inner.type === 'UnaryExpression') return inner.operator === 'void'
  return inner.type === 'Identifier' && inner.name === 'undefined'
}
