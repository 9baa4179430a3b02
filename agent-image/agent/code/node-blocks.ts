// The named places of a JavaScript tree that hold statements or members, and how much they hold.
import type { Node } from '@babel/types'
import type { BlockFact } from './facts.ts'
import { isFunction, keyName, type Tree, unwrap } from './names.ts'

interface Block {
  readonly node: Node
  readonly name: string
  readonly parts: string[]
  statements: number
}

/** The file itself, and its functions, classes, enums and objects that have a name. */
export function blocksOfTree(tree: Tree): readonly BlockFact[] {
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

/** What a node is called, when it is a part of something: a function, a variable, a member. */
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

/** What holds the statements or members of a named thing. */
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
function isDirect(tree: Tree, node: Node, block: Node): boolean {
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
