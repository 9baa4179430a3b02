// Paths that a file builds from its own folder, as CommonJS files do: `path.join(__dirname, '../lib/slug')`.
import type { Node } from '@babel/types'
import { literalText, propertyName, type Tree, unwrap } from './names.ts'

/** How far names of variables are followed. */
const mostSteps = 8

/**
 * The path of an expression that begins with the file's own folder, relative to that folder and with a dot in front:
 * `./a.js`, `../lib/slug`; undefined for every other expression.
 */
export function fromOwnFolder(tree: Tree, node: Node | undefined): string | undefined {
  const path = below(tree, node, 0)
  return path === undefined ? undefined : `.${path === '' ? '' : `/${path}`}`
}

/** As `fromOwnFolder`, without the dot: '' is the folder itself. */
function below(tree: Tree, node: Node | undefined, steps: number): string | undefined {
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
    // `resolve` begins anew at a part that begins with a slash.
    if (part === undefined || part.startsWith('/')) return undefined
    path = joined(path, `/${part}`)
  }
  return path
}

function joined(folder: string | undefined, rest: string | undefined): string | undefined {
  if (folder === undefined || rest === undefined) return undefined
  // What follows a folder without a slash makes another name of it.
  return rest === '' || rest.startsWith('/') ? `${folder}${rest}`.replace(/^\/+/, '') : undefined
}

function calledName(callee: Node): string {
  const inner = unwrap(callee)
  return inner.type === 'Identifier' ? inner.name : (propertyName(inner) ?? '')
}

function isRequireResolve(tree: Tree, callee: Node): boolean {
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
