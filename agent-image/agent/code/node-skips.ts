// Tests that are skipped, or that a condition may skip. One that asks about the machine only (its system, its version, what
// is installed) is what people write for other machines; whether it held is told by the run.
import type { CallExpression, Node } from '@babel/types'
import { isFunction, keyName, propertyName, type Tree, unwrap } from './names.ts'
import { nodesOf } from './parse-node.ts'
import type { TestTree } from './node-tests.ts'

/** What switches a test off: nothing, a condition of the machine, or something that is asked to be left out. */
export type Skipping = 'never' | 'by-machine' | 'always'

/** What the value of an option `skip` or `todo` comes to. */
export function skippingBy(tree: Tree, value: Node): Skipping {
  const node = unwrap(value)
  const isOff =
    (node.type === 'BooleanLiteral' && !node.value) ||
    node.type === 'NullLiteral' ||
    (node.type === 'Identifier' && node.name === 'undefined')
  if (isOff) return 'never'
  return asksMachine(tree, node) ? 'by-machine' : 'always'
}

/** What `t.skip()` and `t.todo()` come to where they stand: under conditions of the machine alone, or not. */
export function skippingAt(tree: Tree, tests: TestTree, call: CallExpression): Skipping {
  let found: Skipping = 'always'
  let node: Node = call
  for (let at = tree.parent(call); at !== undefined; node = at, at = tree.parent(at)) {
    if (isFunction(at) && tests.callOf(at) !== undefined) return found
    if (at.type === 'CatchClause' || isFunction(at)) return 'always'
    const condition =
      (at.type === 'IfStatement' || at.type === 'ConditionalExpression') && at.test !== node
        ? at.test
        : at.type === 'LogicalExpression' && at.right === node
          ? at.left
          : undefined
    if (condition === undefined) continue
    if (!asksMachine(tree, condition)) return 'always'
    found = 'by-machine'
  }
  return found
}

/** Chance and the clock are no conditions of a machine. */
const changing = /^(?:Math|Date|performance|crypto)$/

/** Whether an expression reads something of the machine, and nothing else that is not known from the text. */
function asksMachine(tree: Tree, condition: Node, depth = 0): boolean {
  if (depth > 8) return false
  let asks = false
  for (const node of nodesOf(condition)) {
    if (isFunction(node)) return false
    if (node.type === 'ImportExpression' || node.type === 'AwaitExpression') return false
    if (node.type !== 'Identifier' || isKey(tree, node)) continue
    const meaning = tree.meaning(node)
    if (meaning.kind === 'global') {
      if (changing.test(meaning.path[0] ?? '')) return false
      asks ||= node.name !== 'undefined'
    } else if (meaning.kind === 'module') {
      if (/^[./#]|^test$/.test(meaning.source)) return false
      asks = true
    } else {
      const init = tree.initOf(node)
      if (init === undefined || !asksMachine(tree, init, depth + 1)) return false
      asks = true
    }
  }
  return asks
}

function isKey(tree: Tree, node: Node): boolean {
  const parent = tree.parent(node)
  if (parent === undefined) return false
  if (parent.type === 'ObjectProperty') return parent.key === node && keyName(parent) !== undefined
  return propertyName(parent) !== undefined && 'property' in parent && parent.property === node
}
