// The members that a JavaScript or TypeScript file offers below its exports: methods, fields, keys
// of objects, members of enums.
import type { Node } from '@babel/types'
import { exportsPath } from './exports.ts'
import type { MemberFact, Offers, OwnerFact } from '../facts.ts'
import { isFunction, keyName, literalText, propertyName, type SyntaxTree, unwrap } from './tree.ts'

interface Owner {
  readonly members: Map<string, boolean>
  readonly bases: string[]
  open: boolean
}

/** Offers of a tree; see `Offers`. */
export function offersOfTree(tree: SyntaxTree): Offers {
  const declared = declarationsOf(tree)
  const fields = fieldsOf(tree)
  const read = new Map<Node, Owner>()
  const ownerOf = (value: Node): Owner | undefined => {
    const inner = unwrap(value)
    const known = read.get(inner)
    if (known !== undefined) return known
    const node = inner.type === 'Identifier' ? declared.get(inner.name) : inner
    if (node === undefined) return undefined
    const owner = read.get(node) ?? { members: new Map<string, boolean>(), bases: [], open: false }
    if (!read.has(node)) {
      read.set(node, owner)
      fill(tree, node, owner, { fields, ownerOf })
    }
    return owner
  }
  const exported = exportedValues(tree)
  for (const value of [...declared.values(), ...exported.values()]) ownerOf(value)
  for (const node of tree.nodes)
    assigned(tree, node, (name) => {
      const value = declared.get(name)
      return value === undefined ? undefined : ownerOf(value)
    })
  const outside = new Set([...exported.values()].map((value) => ownerOf(value)))
  const owners: OwnerFact[] = []
  const add = (name: string, value: Node, isExported: boolean): void => {
    const owner = ownerOf(value)
    if (owner === undefined) return
    const members = [...owner.members].map(([key, certain]): MemberFact => ({ name: key, certain }))
    const { bases, open } = owner
    if (members.length > 0 || bases.length > 0 || open)
      owners.push({ name, exported: isExported, members, bases, open })
  }
  for (const [name, value] of exported) add(name, value, true)
  for (const [name, value] of declared) if (!outside.has(ownerOf(value))) add(name, value, false)
  return { owners, ...namesOf(tree), listed: new Set(), stars: starsOf(tree) }
}

/** The values that are declared at the top of the file, by name. */
function declarationsOf(tree: SyntaxTree): ReadonlyMap<string, Node> {
  const declared = new Map<string, Node>()
  for (const statement of tree.file.program.body) {
    const inner =
      (statement.type === 'ExportNamedDeclaration' ||
        statement.type === 'ExportDefaultDeclaration') &&
      statement.declaration
        ? statement.declaration
        : statement
    if (inner.type === 'VariableDeclaration') {
      for (const part of inner.declarations)
        if (part.id.type === 'Identifier' && part.init)
          declared.set(part.id.name, unwrap(part.init))
      continue
    }
    const { id } = inner as { id?: Node | null }
    if (id?.type === 'Identifier') declared.set(id.name, inner)
  }
  return declared
}

/** The value behind each name that the file exports. */
function exportedValues(tree: SyntaxTree): Map<string, Node> {
  const values = new Map<string, Node>()
  for (const node of tree.file.program.body) {
    if (node.type === 'ExportDefaultDeclaration') values.set('default', unwrap(node.declaration))
    if (node.type !== 'ExportNamedDeclaration' || node.source) continue
    for (const part of node.specifiers)
      if (part.type === 'ExportSpecifier')
        values.set(
          part.exported.type === 'Identifier' ? part.exported.name : part.exported.value,
          part.local,
        )
    const { declaration } = node
    if (declaration?.type === 'VariableDeclaration') {
      for (const part of declaration.declarations)
        if (part.id.type === 'Identifier' && part.init) values.set(part.id.name, unwrap(part.init))
    } else if (declaration) {
      const { id } = declaration as { id?: Node | null }
      if (id?.type === 'Identifier') values.set(id.name, declaration)
    }
  }
  for (const node of tree.nodes) {
    if (node.type !== 'AssignmentExpression') continue
    const path = exportsPath(tree, node.left)
    let value: Node = node.right
    while (value.type === 'AssignmentExpression') value = value.right
    if (path?.length === 1 && path[0] !== undefined) values.set(path[0], unwrap(value))
    if (path?.length !== 0) continue
    const whole = unwrap(value.type === 'Identifier' ? (tree.initOf(value) ?? value) : value)
    if (whole.type !== 'ObjectExpression') values.set('default', unwrap(value))
    else
      for (const part of whole.properties) {
        const name = keyName(part)
        if (name !== undefined && part.type === 'ObjectProperty')
          values.set(name, unwrap(part.value))
      }
  }
  return values
}

interface Reading {
  readonly fields: ReadonlyMap<Node, readonly string[]>
  readonly ownerOf: (value: Node) => Owner | undefined
}

function note(owner: Owner, name: string, certain: boolean): void {
  // A name that begins with `_` is meant for the file itself, though the language lets others use
  // it.
  const isPublic = certain && !/(?:^|\.)_/.test(name)
  owner.members.set(name, isPublic || owner.members.get(name) === true)
}

function fill(tree: SyntaxTree, node: Node, owner: Owner, context: Reading, prefix = ''): void {
  if (node.type === 'ClassDeclaration' || node.type === 'ClassExpression') {
    const base = node.superClass ? context.ownerOf(node.superClass) : undefined
    if (node.superClass && base === undefined) owner.bases.push(tree.codeOf(node.superClass))
    for (const [name, certain] of base?.members ?? []) note(owner, name, certain)
    owner.bases.push(...(base?.bases ?? []))
    if (base?.open === true) owner.open = true
    for (const part of node.body.body) classMember(tree, part, owner)
    for (const name of context.fields.get(node.body) ?? []) note(owner, name, false)
    return
  }
  const members = listedMembers(node)
  if (members !== undefined) {
    for (const part of members) {
      const key = part.type === 'TSEnumMember' ? enumKey(part) : keyName(part)
      if (key !== undefined) note(owner, key, part.type === 'TSEnumMember')
    }
    return
  }
  const fixed = fixedObject(tree, node)
  if (fixed === undefined) {
    // The result of a call may have any members.
    if (node.type === 'CallExpression' || node.type === 'NewExpression') owner.open = true
    return
  }
  for (const part of fixed.object.properties) {
    const key = keyName(part)
    if (part.type === 'SpreadElement' || key === undefined) {
      if (prefix === '') owner.open = true
      continue
    }
    const value = part.type === 'ObjectProperty' ? unwrap(part.value) : part
    const isCallable = isFunction(value) || tree.meaning(value).kind === 'function'
    note(owner, `${prefix}${key}`, isCallable || fixed.isFrozen)
    if (value.type === 'ObjectExpression' && prefix.split('.').length < 3)
      fill(tree, value, owner, context, `${prefix}${key}.`)
  }
}

function classMember(tree: SyntaxTree, part: Node, owner: Owner): void {
  if (part.type === 'StaticBlock') {
    owner.open = true
    return
  }
  if (/Private/.test(part.type) || !('key' in part)) return
  const { accessibility } = part as { accessibility?: string | null }
  const isStatic = (part as { static?: boolean }).static === true
  const isMethod = part.type === 'ClassMethod' || part.type === 'TSDeclareMethod'
  if (part.type === 'ClassMethod' && part.kind === 'constructor') {
    for (const param of part.params) {
      if (param.type !== 'TSParameterProperty' || param.accessibility === 'private') continue
      const { parameter } = param
      const id = parameter.type === 'AssignmentPattern' ? parameter.left : parameter
      if (id.type === 'Identifier') note(owner, id.name, false)
    }
    return
  }
  const key = keyName(part) ?? symbolKey(tree, part)
  if (key === undefined) owner.open = true
  else if (accessibility !== 'private') {
    const isFunctional =
      isMethod || (part.type === 'ClassProperty' && isFunction(part.value ?? undefined))
    note(owner, key, accessibility !== 'protected' && (isStatic || isFunctional))
  }
}

/** Fields that the methods of each class assign to `this`, by the body of the class. */
function fieldsOf(tree: SyntaxTree): ReadonlyMap<Node, readonly string[]> {
  const fields = new Map<Node, string[]>()
  for (const node of tree.nodes) {
    if (node.type !== 'AssignmentExpression' || node.left.type !== 'MemberExpression') continue
    const name = node.left.object.type === 'ThisExpression' ? propertyName(node.left) : undefined
    if (name === undefined) continue
    let fn = tree.functionAround(node)
    while (fn?.type === 'ArrowFunctionExpression') fn = tree.functionAround(fn)
    const body = fn === undefined ? undefined : tree.parent(fn)
    if (body?.type === 'ClassBody') fields.set(body, [...(fields.get(body) ?? []), name])
  }
  return fields
}

/** `[Symbol.iterator]`; undefined for other computed keys. */
function symbolKey(tree: SyntaxTree, part: Node): string | undefined {
  const { key } = part as { key?: Node }
  const code = key === undefined ? '' : tree.codeOf(key)
  return /^Symbol\.\w+$/.test(code) ? `[${code}]` : undefined
}

function listedMembers(node: Node): readonly Node[] | undefined {
  if (node.type === 'TSEnumDeclaration') return node.body?.members ?? node.members
  if (node.type === 'TSInterfaceDeclaration') return node.body.body
  if (node.type === 'TSTypeAliasDeclaration' && node.typeAnnotation.type === 'TSTypeLiteral')
    return node.typeAnnotation.members
  return undefined
}

function enumKey(part: Node & { readonly type: 'TSEnumMember' }): string {
  return part.id.type === 'Identifier' ? part.id.name : part.id.value
}

/**
 * The object behind `{…}`, `Object.freeze({…})` and `{…} as const`; the last two are used as enums.
 */
function fixedObject(
  tree: SyntaxTree,
  node: Node,
):
  | { readonly object: Node & { type: 'ObjectExpression' }; readonly isFrozen: boolean }
  | undefined {
  if (node.type === 'ObjectExpression') {
    const parent = tree.parent(node)
    return { object: node, isFrozen: parent?.type === 'TSAsExpression' }
  }
  if (node.type !== 'CallExpression') return undefined
  const callee = tree.meaning(node.callee)
  const [first] = node.arguments
  if (callee.kind !== 'global' || callee.path.join('.') !== 'Object.freeze' || !first)
    return undefined
  const inner = unwrap(first)
  return inner.type === 'ObjectExpression' ? { object: inner, isFrozen: true } : undefined
}

/**
 * Members that are given to something after it was made: `S.keep = …`, `Object.assign(S.prototype,
 * …)`.
 */
function assigned(tree: SyntaxTree, node: Node, named: (name: string) => Owner | undefined): void {
  if (node.type === 'AssignmentExpression' && node.left.type === 'MemberExpression') {
    const owner = owned(node.left.object, named)
    const name = propertyName(node.left)
    if (owner === undefined) return
    if (name === undefined) owner.open = true
    else if (name !== 'prototype') note(owner, name, true)
    return
  }
  if (node.type !== 'CallExpression') return
  const [target, ...rest] = node.arguments
  const owner = target === undefined ? undefined : owned(target, named)
  if (owner === undefined) return
  const callee = tree.meaning(node.callee)
  const called = callee.kind === 'global' ? callee.path.join('.') : ''
  const key = literalText(rest[0])
  if (called === 'Object.defineProperty' && key !== undefined) note(owner, key, true)
  else if (called === 'Object.assign')
    for (const part of rest) {
      const inner = unwrap(part)
      if (inner.type !== 'ObjectExpression') owner.open = true
      else
        for (const one of inner.properties) {
          const name = keyName(one)
          if (name === undefined) owner.open = true
          else note(owner, name, true)
        }
    }
  else if (target?.type === 'MemberExpression' || called.startsWith('Object.defineP'))
    owner.open = true
}

/** The owner that `S` and `S.prototype` stand for. */
function owned(node: Node, named: (name: string) => Owner | undefined): Owner | undefined {
  if (node.type === 'Identifier') return named(node.name)
  return node.type === 'MemberExpression' &&
    propertyName(node) === 'prototype' &&
    node.object.type === 'Identifier'
    ? named(node.object.name)
    : undefined
}

function namesOf(tree: SyntaxTree): Pick<Offers, 'properties' | 'defined'> {
  const properties = new Set<string>()
  const defined = new Set<string>()
  for (const node of tree.nodes) {
    if (
      /^(Object(Method|Property)|Class(Accessor)?Property|ClassMethod|TSPropertySignature|TSMethodSignature)$/.test(
        node.type,
      )
    ) {
      const isPattern = tree.parent(node)?.type === 'ObjectPattern'
      const key = isPattern ? undefined : keyName(node)
      if (key !== undefined && /^\w+$/.test(key)) properties.add(key)
    }
    if (node.type === 'StringLiteral' && node.value.length <= 200)
      for (const word of node.value.split(/[^\w$]+/)) if (word !== '') defined.add(word)
    if (node.type !== 'Identifier') continue
    const parent = tree.parent(node)
    if (parent?.type === 'PrivateName') continue
    const isMember =
      (parent?.type === 'MemberExpression' || parent?.type === 'OptionalMemberExpression') &&
      parent.property === node &&
      !parent.computed
    const above = parent === undefined ? undefined : tree.parent(parent)
    const isSet = above?.type === 'AssignmentExpression' && above.left === parent
    if (isMember && isSet) properties.add(node.name)
    if (!isMember || isSet) defined.add(node.name)
  }
  return { properties, defined }
}

/** Modules that are passed on whole, and exports whose names are computed when the file runs. */
function starsOf(tree: SyntaxTree): readonly string[] {
  const stars: string[] = []
  for (const node of tree.nodes) {
    if (node.type === 'ExportAllDeclaration') stars.push(node.source.value)
    // `exports[name] = …`
    if (
      node.type === 'AssignmentExpression' &&
      node.left.type === 'MemberExpression' &&
      node.left.computed &&
      propertyName(node.left) === undefined &&
      exportsPath(tree, node.left.object)?.length === 0
    )
      stars.push(tree.codeOf(node.left))
  }
  return stars
}
