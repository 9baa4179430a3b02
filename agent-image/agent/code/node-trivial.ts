// Assertions of JavaScript that hold whatever the code does, and comparisons that nobody looks at.
import type { CallExpression, Node } from '@babel/types'
import { isFunction, propertyName, type Tree, unwrap } from './names.ts'
import type { TestTree } from './node-tests.ts'

const equalities = /^(equal|strictEqual|deepEqual|deepStrictEqual|partialDeepStrictEqual)$/

/** Whether an assertion holds whatever the code does. */
export function isTrivial(tree: Tree, tests: TestTree, node: CallExpression): boolean {
  const asserted = tests.asserted(node)
  if (asserted === undefined) return false
  const [first, second] = node.arguments.map((value) => unwrap(value))
  if (first === undefined) return false
  if (asserted === 'ok') return isAlways(tree, first, true)
  if (!equalities.test(asserted) || second === undefined) return false
  // `assert.equal(a === b || true, true)` is assert.ok in other words.
  for (const [left, right] of [
    [first, second],
    [second, first],
  ] as const)
    if (right.type === 'BooleanLiteral' && /^(?:Logical|Binary|Unary)Expression$/.test(left.type))
      if (isAlways(tree, left, right.value)) return true
  return isSame(tree, first, second)
}

const truthy =
  /^(ObjectExpression|ArrayExpression|RegExpLiteral|ArrowFunctionExpression|FunctionExpression)$/

/** Whether an expression is true, or false, whatever the names in it stand for. */
function isAlways(tree: Tree, given: Node, want: boolean, depth = 0): boolean {
  const node = unwrap(given)
  if (depth > 50) return false
  const always = (part: Node, wanted = want): boolean => isAlways(tree, part, wanted, depth + 1)
  if (node.type === 'BooleanLiteral') return node.value === want
  if (node.type === 'NumericLiteral') return (node.value !== 0) === want
  if (node.type === 'StringLiteral') return (node.value !== '') === want
  if (node.type === 'NullLiteral') return !want
  if (node.type === 'UnaryExpression' && node.operator === '!') return always(node.argument, !want)
  if (node.type === 'ConditionalExpression')
    return always(node.consequent) && always(node.alternate)
  if (node.type === 'LogicalExpression' && node.operator !== '??') {
    // One value decides `||` when it is true, and `&&` when it is false.
    const decides = (node.operator === '||') === want
    return decides
      ? always(node.left) || always(node.right) || areOpposite(tree, node.left, node.right)
      : always(node.left) && always(node.right)
  }
  if (node.type === 'BinaryExpression') return comparesAlways(tree, node, want)
  if (!want) return false
  if (node.type === 'TemplateLiteral') return node.quasis.some(({ value }) => value.raw !== '')
  if (node.type === 'CallExpression' && propertyName(node.callee) === 'includes') {
    // `[expected, f(x)].includes(f(x))`
    const list = node.callee.type === 'MemberExpression' ? unwrap(node.callee.object) : undefined
    const [item] = node.arguments
    return list?.type === 'ArrayExpression' && item !== undefined && !isLiteral(item)
      ? list.elements.some((one) => one !== null && textOf(tree, one) === textOf(tree, item))
      : false
  }
  return truthy.test(node.type)
}

type Comparison = Extract<Node, { type: 'BinaryExpression' }>

function comparesAlways(tree: Tree, { left, operator, right }: Comparison, want: boolean): boolean {
  if (/^===?$/.test(operator)) return want && isSame(tree, left, right)
  if (/^!==?$/.test(operator)) return !want && isSame(tree, left, right)
  // `list.length >= 0`
  const isZero = (part: Node): boolean => part.type === 'NumericLiteral' && part.value === 0
  const isLength = (part: Node): boolean => propertyName(unwrap(part)) === 'length'
  return (
    want &&
    ((operator === '>=' && isLength(left) && isZero(right)) ||
      (operator === '<=' && isZero(left) && isLength(right)))
  )
}

/** `a === b || a !== b`, and `a || !a`. */
function areOpposite(tree: Tree, left: Node, right: Node): boolean {
  const [a, b] = [textOf(tree, left), textOf(tree, right)]
  return (
    a === `!${b}` ||
    b === `!${a}` ||
    (a !== b &&
      left.type === 'BinaryExpression' &&
      right.type === 'BinaryExpression' &&
      /^[=!]==?$/.test(left.operator) &&
      left.operator.replace('!', '=') === right.operator.replace('!', '=') &&
      textOf(tree, left.left) === textOf(tree, right.left) &&
      textOf(tree, left.right) === textOf(tree, right.right))
  )
}

function isLiteral(node: Node): boolean {
  const { type } = unwrap(node)
  return type.endsWith('Literal') && type !== 'TemplateLiteral'
}

function textOf(tree: Tree, node: Node): string {
  return tree.codeOf(unwrap(node), 1000)
}

function isSame(tree: Tree, left: Node, right: Node): boolean {
  return isPlain(left) && textOf(tree, left) === textOf(tree, right)
}

/** A comparison that is a statement of its own, within a function, but for one that is to throw. */
export function isUnasserted(tree: Tree, tests: TestTree, node: Node): boolean {
  if (node.type !== 'ExpressionStatement' || !compares(node.expression)) return false
  let inside = false
  for (let at = tree.parent(node); at !== undefined; at = tree.parent(at)) {
    if (at.type === 'TryStatement') return false
    if (!isFunction(at)) continue
    inside = true
    const around = tree.parent(at)
    if (around !== undefined && tests.asserted(around) !== undefined) return false
  }
  return inside
}

function compares(given: Node): boolean {
  const node = unwrap(given)
  if (node.type === 'LogicalExpression') return compares(node.left) || compares(node.right)
  return (
    node.type === 'BinaryExpression' && /^(?:[=!]==?|[<>]=?|in|instanceof)$/.test(node.operator)
  )
}

/** Literals, names and what is read from names: the same text has the same value. */
function isPlain(node: Node, depth = 0): boolean {
  if (depth > 50) return false
  const inner = unwrap(node)
  if (
    /^(Identifier|StringLiteral|NumericLiteral|BooleanLiteral|NullLiteral|BigIntLiteral|ThisExpression)$/.test(
      inner.type,
    )
  )
    return true
  if (inner.type === 'MemberExpression')
    return (
      isPlain(inner.object, depth + 1) && (!inner.computed || isPlain(inner.property, depth + 1))
    )
  if (inner.type === 'TemplateLiteral')
    return inner.expressions.every((part) => isPlain(part, depth + 1))
  if (inner.type === 'UnaryExpression') return isPlain(inner.argument, depth + 1)
  if (inner.type === 'ArrayExpression')
    return inner.elements.every((part) => part !== null && isPlain(part, depth + 1))
  if (inner.type === 'ObjectExpression')
    return inner.properties.every(
      (part) => part.type === 'ObjectProperty' && !part.computed && isPlain(part.value, depth + 1),
    )
  return false
}
