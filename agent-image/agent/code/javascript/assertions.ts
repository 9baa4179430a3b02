// The assertions of JavaScript and TypeScript tests, and those of them that hold whatever the code
// does.
import type { CallExpression, CatchClause, IfStatement, Node } from '@babel/types'
import { nodesOf } from './parse.ts'
import { type DeclaredTests, declaredTests } from './tests.ts'
import {
  type FunctionNode,
  isFunction,
  keyName,
  propertyName,
  type SyntaxTree,
  unwrap,
} from './tree.ts'

/** Something in the text that makes a test fail when the code is wrong. */
export interface Assertion {
  readonly node: Node
  /** Whether it gives a promise that has to be waited for. */
  readonly promise: boolean
}

/** The tests of a file with their assertions. */
export interface TestTree extends DeclaredTests {
  readonly assertions: readonly Assertion[]
  /**
   * Assertions that right code meets: without `assert.fail`, `assert(false)` and errors that are
   * thrown by hand.
   */
  readonly checks: readonly Assertion[]
  /**
   * The assertions that are left without `excluded`, and without functions of the file that make no
   * others.
   */
  assertionsBut(excluded: ReadonlySet<Node>): readonly Assertion[]
  /**
   * The name of what a call asserts by itself (`assert.equal(…)`, `assert(…)`); undefined when it
   * does not.
   */
  asserted(node: Node): string | undefined
}

export function readTests(tree: SyntaxTree): TestTree {
  const declared = declaredTests(tree)
  const asserted = (node: Node): string | undefined => assertedBy(tree, node, declared.contextPath)
  return {
    ...declared,
    assertions: assertionsOf(tree, declared, asserted),
    checks: assertionsOf(
      tree,
      declared,
      (node) => {
        const name = asserted(node)
        if (name === undefined || !onlyFails(name, node)) return name
        return awaitsError(tree, node) ? name : undefined
      },
      false,
    ),
    assertionsBut: (excluded) =>
      assertionsOf(tree, declared, (node) => (excluded.has(node) ? undefined : asserted(node))),
    asserted,
  }
}

function assertedBy(
  tree: SyntaxTree,
  node: Node,
  contextPath: DeclaredTests['contextPath'],
): string | undefined {
  if (node.type !== 'CallExpression') return undefined
  const meaning = tree.meaning(node.callee)
  const context = contextPath(meaning)
  if (context !== undefined) return context[0] === 'assert' ? (context.at(-1) ?? 'ok') : undefined
  if (meaning.kind === 'module') {
    if (/^assert(\/strict)?$/.test(meaning.source))
      return meaning.path.findLast((name) => name !== 'strict') ?? 'ok'
    if (/^(vitest|@jest\/globals|bun:test|chai)$/.test(meaning.source))
      return /^(expect|assert)$/.test(meaning.path[0] ?? '') ? 'expect' : undefined
    // A helper of the project that says by its name what it does.
    const last = meaning.path.at(-1) ?? ''
    return meaning.source.startsWith('.') && /^(assert|expect)[A-Z_]/.test(last) ? last : undefined
  }
  if (meaning.kind !== 'global') return undefined
  if (meaning.path[0] === 'assert')
    return meaning.path.at(-1) === 'assert' ? 'ok' : meaning.path.at(-1)
  return meaning.path[0] === 'expect' ? 'expect' : undefined
}

/** Assertions, and the calls of functions of this file that make some, however far down. */
function assertionsOf(
  tree: SyntaxTree,
  { calls, callOf }: DeclaredTests,
  asserted: TestTree['asserted'],
  throwing = true,
): readonly Assertion[] {
  const found = new Map<Node, Assertion>()
  const asserting = new Set<FunctionNode>()
  const waiting: FunctionNode[] = []
  const uses = usesOfFunctions(tree, calls)
  const add = (node: Node, promise: boolean): void => {
    if (found.has(node)) return
    found.set(node, { node, promise })
    for (let at = tree.functionAround(node); at !== undefined; at = tree.functionAround(at)) {
      const call = callOf(at)
      // A body with a name of its own may be called from other tests, too.
      if (call !== undefined && tree.parent(at) === call.node) return
      if (asserting.has(at)) continue
      asserting.add(at)
      waiting.push(at)
    }
  }
  for (const node of tree.nodes) {
    const name = asserted(node)
    if (name !== undefined) add(node, /^(rejects|doesNotReject)$/.test(name))
    // A throw of the test itself fails it; a throw within a function that it hands out is a part of
    // its data.
    if (throwing && node.type === 'ThrowStatement') {
      const around = tree.functionAround(node)
      if (around !== undefined && callOf(around)?.what === 'test') add(node, false)
    }
  }
  for (let fn = waiting.pop(); fn !== undefined; fn = waiting.pop())
    for (const use of uses.get(fn) ?? []) add(use, givesPromise(fn))
  return [...found.values()]
}

function onlyFails(name: string, node: Node): boolean {
  if (name === 'fail' || name === 'AssertionError') return true
  const [given] = node.type === 'CallExpression' ? node.arguments : []
  const first = given && unwrap(given)
  return name === 'ok' && first?.type === 'BooleanLiteral' && !first.value
}

/**
 * Whether a call that fails the test stands where an error was to be thrown before it: in a `try`
 * whose `catch` lets one kind of error pass and throws all others on.
 */
export function awaitsError(tree: SyntaxTree, node: Node): boolean {
  let inner = node
  for (let at = tree.parent(node); at !== undefined; inner = at, at = tree.parent(at)) {
    if (isFunction(at)) return false
    if (at.type !== 'TryStatement' || at.block !== inner) continue
    return at.handler != null && sortsErrors(tree, at.handler)
  }
  return false
}

/** Answers of `sortsErrors` by handler, because a `try` may hold thousands of assertions. */
const sorting = new WeakMap<Node, boolean>()

/** Whether a `catch` throws on depending on what kind of error it got. */
function sortsErrors(tree: SyntaxTree, handler: CatchClause): boolean {
  const known = sorting.get(handler)
  if (known !== undefined) return known
  const { param, body } = handler
  const deciding = new Set<IfStatement>()
  for (const node of nodesOf(body)) {
    if (node.type !== 'ThrowStatement') continue
    for (let at = tree.parent(node); at !== undefined && at !== handler; at = tree.parent(at)) {
      if (at.type !== 'IfStatement') continue
      if (deciding.has(at)) break
      deciding.add(at)
    }
  }
  const found =
    param?.type === 'Identifier' &&
    [...deciding].some(({ test }) =>
      [...nodesOf(test)].some((one) => isOneKind(tree, one, param.name)),
    )
  sorting.set(handler, found)
  return found
}

/** `error instanceof TypeError`, or a look at its name, code or message. */
function isOneKind(tree: SyntaxTree, node: Node, name: string): boolean {
  const isIt = (part: Node): boolean => part.type === 'Identifier' && part.name === name
  if (node.type === 'MemberExpression')
    return (
      isIt(node.object) &&
      /^(?:name|code|message|constructor|errno|status)$/.test(propertyName(node) ?? '')
    )
  return (
    node.type === 'BinaryExpression' &&
    node.operator === 'instanceof' &&
    isIt(node.left) &&
    !/(?:^|\.)(?:Error|AssertionError)$/.test(tree.codeOf(node.right))
  )
}

function givesPromise(fn: FunctionNode): boolean {
  if (fn.async) return true
  const body = fn.body
  const result =
    body.type === 'BlockStatement'
      ? body.body.flatMap((part) =>
          part.type === 'ReturnStatement' && part.argument ? [part.argument] : [],
        )
      : [body]
  return result.some(
    (value) =>
      value.type === 'CallExpression' &&
      /^(then|catch|finally|rejects|doesNotReject)$/.test(propertyName(value.callee) ?? ''),
  )
}

/** The places where each function of the file is called, or handed to a call. */
function usesOfFunctions(
  tree: SyntaxTree,
  calls: DeclaredTests['calls'],
): ReadonlyMap<FunctionNode, readonly Node[]> {
  const uses = new Map<FunctionNode, Node[]>()
  const methods = new Map<string, FunctionNode[]>()
  const use = (fn: FunctionNode, at: Node): void => {
    const list = uses.get(fn) ?? []
    list.push(at)
    uses.set(fn, list)
  }
  for (const node of tree.nodes) {
    if (!isFunction(node)) continue
    const parent = tree.parent(node)
    const isMethod = node.type === 'ObjectMethod' || node.type === 'ClassMethod'
    const name = isMethod
      ? keyName(node)
      : parent?.type === 'ObjectProperty'
        ? keyName(parent)
        : undefined
    if (name === undefined) continue
    const list = methods.get(name) ?? []
    list.push(node)
    methods.set(name, list)
  }
  for (const node of tree.nodes) {
    if (node.type !== 'CallExpression') continue
    const meaning = tree.meaning(node.callee)
    if (meaning.kind === 'function') use(meaning.node, node)
    const name = propertyName(node.callee)
    if (name !== undefined && meaning.kind !== 'module' && meaning.kind !== 'global')
      for (const fn of methods.get(name) ?? []) use(fn, node)
    const body = calls.get(node)?.body
    for (const value of node.arguments) {
      const inner = unwrap(value)
      if (inner.type !== 'Identifier') continue
      const given = tree.meaning(inner)
      if (given.kind === 'function' && given.node !== body) use(given.node, inner)
    }
  }
  return uses
}

const equalities = /^(equal|strictEqual|deepEqual|deepStrictEqual|partialDeepStrictEqual)$/

/** Whether an assertion holds whatever the code does. */
export function isTrivial(tree: SyntaxTree, tests: TestTree, node: CallExpression): boolean {
  const asserted = tests.asserted(node)
  if (asserted === undefined) return false
  const [first, second] = node.arguments.map((value) => unwrap(value))
  if (first === undefined) return false
  if (asserted === 'ok') return isAlways(tree, first, true)
  if (!equalities.test(asserted) || second === undefined) return false
  // `assert.equal(a === b || true, true)` says the same as assert.ok.
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
function isAlways(tree: SyntaxTree, given: Node, want: boolean, depth = 0): boolean {
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

function comparesAlways(
  tree: SyntaxTree,
  { left, operator, right }: Comparison,
  want: boolean,
): boolean {
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
function areOpposite(tree: SyntaxTree, left: Node, right: Node): boolean {
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

function textOf(tree: SyntaxTree, node: Node): string {
  return tree.codeOf(unwrap(node), 1000)
}

function isSame(tree: SyntaxTree, left: Node, right: Node): boolean {
  return isPlain(left) && textOf(tree, left) === textOf(tree, right)
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
