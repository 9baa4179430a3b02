// Which functions of a file do something, and which are hollow: they only throw, or give nothing back.
import type { Node, Statement } from '@babel/types'
import type { BodyFact } from './facts.ts'
import { type FunctionNode, isFunction, type Tree, unwrap } from './names.ts'

/** Functions and methods at the top of a file that have a name, the last one of a name. */
export function bodiesOfTree(tree: Tree): readonly BodyFact[] {
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

function nameOf(tree: Tree, node: FunctionNode, parent: Node): string | undefined {
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

function classAround(tree: Tree, node: Node): string | undefined {
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
