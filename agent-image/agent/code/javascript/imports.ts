// The imports of a JavaScript or TypeScript file, and the signs of its module system.
import { isBuiltin } from 'node:module'
import type { Node } from '@babel/types'
import type { CodeFacts, ImportedName, ImportFact } from '../facts.ts'
import {
  calledName,
  importedName,
  keyName,
  literalText,
  loadedBy,
  propertyName,
  type SyntaxTree,
  unwrap,
} from './tree.ts'

/** Imports in the order of the text: import statements, re-exports, `import()` and `require()`. */
export function importsOfTree(tree: SyntaxTree): readonly ImportFact[] {
  const found: Omit<ImportFact, 'builtin'>[] = []
  for (const node of tree.nodes) {
    if (node.type === 'ImportDeclaration') {
      const typed = node.importKind === 'type' || node.importKind === 'typeof'
      const names = node.specifiers.map((part): ImportedName => {
        const imported = importedName(part)
        const typeOnly =
          typed ||
          (part.type === 'ImportSpecifier' &&
            (part.importKind === 'type' || part.importKind === 'typeof')) ||
          isUsedAsTypeOnly(tree, part.local.name, part.local)
        const whole = imported === 'default' || imported === '*'
        const members = whole ? membersOf(tree, part.local.name) : []
        const used = isUsed(tree, part.local.name)
        return { imported, local: part.local.name, typeOnly, used, members }
      })
      found.push({
        ...statement(tree, node, node.source),
        specifier: node.source.value,
        how: 'static',
        names,
        typeOnly: typed || (names.length > 0 && names.every((name) => name.typeOnly)),
      })
    } else if (
      (node.type === 'ExportNamedDeclaration' || node.type === 'ExportAllDeclaration') &&
      node.source
    ) {
      const parts = node.type === 'ExportNamedDeclaration' ? node.specifiers : []
      const names = parts.map((part): ImportedName => {
        const imported = part.type === 'ExportSpecifier' ? part.local.name : '*'
        return { imported, local: '', typeOnly: false, used: true, members: [] }
      })
      const all = { imported: '*', local: '', typeOnly: false, used: true, members: [] }
      found.push({
        ...statement(tree, node, node.source),
        specifier: node.source.value,
        how: 'reexport',
        names: node.type === 'ExportAllDeclaration' ? [all] : names,
        typeOnly: node.exportKind === 'type',
      })
    } else if (node.type === 'CallExpression' || node.type === 'ImportExpression') {
      const specifier = loadedBy(node, tree.isDeclared) ?? loadedFromFolder(tree, node)
      if (specifier === undefined) continue
      const literal = node.type === 'ImportExpression' ? node.source : node.arguments[0]
      const isRequire = node.type === 'CallExpression' && node.callee.type === 'Identifier'
      const { names, whole } = namesOfCall(tree, node)
      found.push({
        start: (whole ?? node).start ?? 0,
        end: (whole ?? node).end ?? 0,
        at: inside(literal ?? node),
        specifier,
        how: isRequire ? 'require' : 'dynamic',
        names,
        typeOnly: false,
        statement: whole !== undefined && tree.parent(whole)?.type === 'Program',
      })
    } else if (
      node.type === 'TSImportEqualsDeclaration' &&
      node.moduleReference.type === 'TSExternalModuleReference'
    ) {
      const source = node.moduleReference.expression
      if (source.type !== 'StringLiteral') continue
      const name: ImportedName = {
        imported: 'default',
        local: node.id.name,
        typeOnly: false,
        used: true,
        members: membersOf(tree, node.id.name),
      }
      found.push({
        ...statement(tree, node, source),
        specifier: source.value,
        how: 'require',
        names: [name],
        typeOnly: false,
      })
    }
  }
  return found.map((one) => ({ ...one, builtin: isBuiltin(one.specifier) }))
}

/** The file that `require(path.join(__dirname, '../lib/slug'))` loads, as a specifier. */
function loadedFromFolder(tree: SyntaxTree, node: Node): string | undefined {
  if (node.type !== 'CallExpression' || node.callee.type !== 'Identifier') return undefined
  if (node.callee.name !== 'require' || tree.isDeclared('require', node)) return undefined
  return fromOwnFolder(tree, node.arguments[0])
}

function isUsed(tree: SyntaxTree, local: string): boolean {
  return tree
    .identifiers(local)
    .some((node) => !/^Import.*Specifier$/.test(tree.parent(node)?.type ?? ''))
}

function statement(
  tree: SyntaxTree,
  node: Node,
  source: Node,
): Pick<ImportFact, 'start' | 'end' | 'at' | 'statement'> {
  return {
    start: node.start ?? 0,
    end: node.end ?? 0,
    at: inside(source),
    statement: tree.parent(node)?.type === 'Program',
  }
}

/** A literal without its quotes. */
function inside(literal: Node): { start: number; end: number } {
  return { start: (literal.start ?? 0) + 1, end: (literal.end ?? 0) - 1 }
}

/**
 * The names that `const { a, b: c } = require('x')` and `const x = await import('x')` take, and the
 * whole declaration.
 */
function namesOfCall(
  tree: SyntaxTree,
  call: Node,
): { names: ImportedName[]; whole: Node | undefined } {
  let value = call
  let parent = tree.parent(call)
  if (parent?.type === 'AwaitExpression') {
    value = parent
    parent = tree.parent(parent)
  }
  if (parent?.type === 'MemberExpression' && parent.object === value) {
    const imported = propertyName(parent)
    if (imported === undefined) return { names: [], whole: undefined }
    const variable = tree.parent(parent)
    const isNamed =
      variable?.type === 'VariableDeclarator' &&
      variable.init === parent &&
      variable.id.type === 'Identifier'
    const local = isNamed && variable.id.type === 'Identifier' ? variable.id.name : ''
    const names = [{ imported, local, typeOnly: false, used: true, members: [] }]
    // `const it = require('node:test').it` takes one name, as a pattern does.
    const whole = isNamed && value === call ? declarationOf(tree, variable) : undefined
    return { names, whole }
  }
  if (parent?.type !== 'VariableDeclarator' || parent.init !== value)
    return { names: [], whole: undefined }
  const whole = declarationOf(tree, parent)
  if (parent.id.type === 'Identifier') {
    const local = parent.id.name
    const members = membersOf(tree, local)
    return { names: [{ imported: '*', local, typeOnly: false, used: true, members }], whole }
  }
  if (parent.id.type !== 'ObjectPattern') return { names: [], whole }
  const names = parent.id.properties.flatMap((part): ImportedName[] => {
    const imported = keyName(part)
    const below = part.type === 'RestElement' ? part.argument : part.value
    const target = below.type === 'AssignmentPattern' ? below.left : below
    if (imported === undefined || target.type !== 'Identifier') return []
    return [{ imported, local: target.name, typeOnly: false, used: true, members: [] }]
  })
  return { names, whole: names.length === parent.id.properties.length ? whole : undefined }
}

/** The declaration of one variable, when it declares no other. */
function declarationOf(tree: SyntaxTree, variable: Node): Node | undefined {
  const declaration = tree.parent(variable)
  return declaration?.type === 'VariableDeclaration' && declaration.declarations.length === 1
    ? declaration
    : undefined
}

/** Names that are read from a variable: `x.name`, and `const { name } = x`. */
function membersOf(tree: SyntaxTree, local: string): readonly string[] {
  const members = new Set<string>()
  for (const node of tree.identifiers(local)) {
    const parent = tree.parent(node)
    if (parent === undefined) continue
    if (
      (parent.type === 'MemberExpression' || parent.type === 'OptionalMemberExpression') &&
      parent.object === node
    ) {
      const name = propertyName(parent)
      if (name !== undefined) members.add(name)
    }
    if (
      parent.type === 'VariableDeclarator' &&
      parent.init === node &&
      parent.id.type === 'ObjectPattern'
    )
      for (const part of parent.id.properties) {
        const name = keyName(part)
        if (name !== undefined) members.add(name)
      }
  }
  return [...members]
}

/**
 * Whether a name stands in types only: TypeScript drops such an import, so its module need not
 * exist.
 */
function isUsedAsTypeOnly(tree: SyntaxTree, local: string, declared: Node): boolean {
  const uses = tree.identifiers(local).filter((node) => {
    const parent = tree.parent(node)
    return node !== declared && parent?.type !== 'ImportSpecifier'
  })
  return (
    uses.length > 0 &&
    uses.every((node) => {
      let at: Node | undefined = tree.parent(node)
      while (at?.type === 'TSQualifiedName') at = tree.parent(at)
      return (
        at !== undefined &&
        /^TS(TypeReference|TypeQuery|ExpressionWithTypeArguments|InterfaceHeritage|ClassImplements)$/.test(
          at.type,
        )
      )
    })
  )
}

/**
 * Signs of a module system: those by which Node itself decides, and the names that CommonJS gives
 * to each file.
 */
export function markersOf(tree: SyntaxTree): CodeFacts['markers'] {
  let esm = false
  let commonjs = false
  for (const node of tree.nodes) {
    if (
      /^(ImportDeclaration|ExportNamedDeclaration|ExportDefaultDeclaration|ExportAllDeclaration)$/.test(
        node.type,
      ) ||
      node.type === 'MetaProperty'
    )
      esm = esm || node.type !== 'MetaProperty' || node.meta.name === 'import'
    else if (node.type === 'AwaitExpression' || (node.type === 'ForOfStatement' && node.await))
      esm = esm || tree.functionAround(node) === undefined
    else if (node.type === 'Identifier' && !commonjs) commonjs = isCommonjsName(tree, node)
  }
  return { esm, commonjs }
}

function isCommonjsName(tree: SyntaxTree, node: Node & { readonly type: 'Identifier' }): boolean {
  if (!/^(module|exports|require|__dirname|__filename)$/.test(node.name)) return false
  if (tree.isDeclared(node.name, node)) return false
  const parent = tree.parent(node)
  if (parent === undefined) return false
  if (keyName(parent) !== undefined && (parent as { key?: Node }).key === node) return false
  if (node.name.startsWith('__')) return true
  if (node.name === 'require') return parent.type === 'CallExpression' && parent.callee === node
  const isObject =
    (parent.type === 'MemberExpression' || parent.type === 'OptionalMemberExpression') &&
    parent.object === node
  if (node.name === 'module') return isObject && propertyName(parent) === 'exports'
  return isObject || parent.type === 'CallExpression' || parent.type === 'AssignmentExpression'
}

/** How far names of variables are followed. */
const mostSteps = 8

/**
 * The path of an expression that begins with the file's own folder, relative to that folder and
 * with a dot in front: `./a.js`, `../lib/slug`; undefined for every other expression.
 */
function fromOwnFolder(tree: SyntaxTree, node: Node | undefined): string | undefined {
  const path = below(tree, node, 0)
  return path === undefined ? undefined : `.${path === '' ? '' : `/${path}`}`
}

/** As `fromOwnFolder`, without the dot: '' is the folder itself. */
function below(tree: SyntaxTree, node: Node | undefined, steps: number): string | undefined {
  if (node === undefined || steps > mostSteps) return undefined
  const inner = unwrap(node)
  const next = (other: Node | undefined): string | undefined => below(tree, other, steps + 1)
  if (inner.type === 'Identifier') {
    if (inner.name === '__dirname' && !tree.isDeclared('__dirname', inner)) return ''
    return next(tree.initOf(inner))
  }
  if (inner.type === 'BinaryExpression' && inner.operator === '+')
    return joined(next(inner.left), literalText(inner.right))
  if (inner.type === 'TemplateLiteral') {
    const [first, second, third] = inner.quasis
    const isPlain = first?.value.raw === '' && third === undefined
    return isPlain
      ? joined(next(inner.expressions[0]), second?.value.cooked ?? undefined)
      : undefined
  }
  if (inner.type !== 'CallExpression') return undefined
  const [first, ...others] = inner.arguments
  const isResolve = isRequireResolve(tree, inner.callee)
  if (isResolve) return next(first) ?? relativeText(first)
  if (!/^(?:join|resolve|normalize)$/.test(calledName(inner.callee))) return undefined
  let path = next(first)
  for (const other of others) {
    const part = literalText(other)
    // `resolve` begins again at a part that begins with a slash.
    if (part === undefined || part.startsWith('/')) return undefined
    path = joined(path, `/${part}`)
  }
  return path
}

function joined(folder: string | undefined, rest: string | undefined): string | undefined {
  if (folder === undefined || rest === undefined) return undefined
  // A text that follows the folder without a slash makes another name of it.
  return rest === '' || rest.startsWith('/') ? `${folder}${rest}`.replace(/^\/+/, '') : undefined
}

function isRequireResolve(tree: SyntaxTree, callee: Node): boolean {
  const inner = unwrap(callee)
  if (inner.type !== 'MemberExpression' || propertyName(inner) !== 'resolve') return false
  const object = unwrap(inner.object)
  return (
    object.type === 'Identifier' && object.name === 'require' && !tree.isDeclared('require', object)
  )
}

function relativeText(node: Node | undefined): string | undefined {
  const text = literalText(node)
  return text !== undefined && /^\.{1,2}(?:\/|$)/.test(text) ? text : undefined
}
