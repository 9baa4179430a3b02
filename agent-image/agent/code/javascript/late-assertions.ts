// Assertions that come too late or that nobody hears of: promises that nothing waits for, timers,
// swallowed errors.
import type { CallExpression, Node } from '@babel/types'
import type { Concern, ConcernKind } from '../facts.ts'
import { type FunctionNode, type SyntaxTree, isFunction, propertyName, unwrap } from './tree.ts'
import type { Assertion, TestTree } from './assertions.ts'
import { nodesOf } from './parse.ts'

/** The fate of an expression's value. */
type Flow =
  | { readonly kind: 'awaited' | 'kept' | 'dropped' | 'swallowed'; readonly at: Node }
  | { readonly kind: 'returned'; readonly from: FunctionNode }

/** Concerns about when assertions are made, at most one for each place. */
export function waitingConcerns(tree: SyntaxTree, tests: TestTree): readonly Concern[] {
  const found = new Map<Node, Concern>()
  const report = (kind: ConcernKind, node: Node): void => {
    if (!found.has(node))
      found.set(node, { kind, line: tree.lineOf(node), code: tree.codeOf(node) })
  }
  const swallowed = swallowingHandlers(tree, tests)
  for (const assertion of tests.assertions) {
    if (swallowed.has(assertion.node)) report('swallowed', assertion.node)
    follow(tree, tests, assertion, report)
  }
  return [...found.values()]
}

type Report = (kind: ConcernKind, node: Node) => void

/**
 * Follows an assertion outwards to the test, or to the function it is declared in, and reports what
 * breaks the way.
 */
function follow(tree: SyntaxTree, tests: TestTree, assertion: Assertion, report: Report): void {
  let node = assertion.node
  let isPromise = assertion.promise
  for (let steps = 0; steps < 100; steps++) {
    let around: Node | undefined
    const call = tree.parent(node)
    if (node.type === 'Identifier' && call?.type === 'CallExpression' && call.callee !== node) {
      // The asserting function is an argument of a call, as in `items.forEach(check)`: go on from its name.
      around = node
    } else if (isPromise) {
      const flow = flowOf(tree, tests, node)
      if (flow.kind === 'dropped') return report('floating', node)
      if (flow.kind === 'swallowed') return report('swallowed', flow.at)
      if (flow.kind === 'kept') return undefined
      around = flow.kind === 'returned' ? flow.from : tree.functionAround(flow.at)
      isPromise = flow.kind === 'returned'
    } else {
      around = tree.functionAround(node)
    }
    if (around === undefined) return undefined
    if (isFunction(around)) {
      if (tests.callOf(around) !== undefined) return undefined
      isPromise = isPromise || (around.async ?? false)
    }
    const use = useOf(tree, around)
    if (use.kind === 'declared') return undefined
    if (use.kind === 'handler') {
      if (!isWaitedFor(tree, tests, around, use.at)) report('late', use.at)
      return undefined
    }
    if (use.kind === 'called' || use.kind === 'executor') {
      node = use.call
      isPromise = isPromise || use.kind === 'executor'
      continue
    }
    const name = propertyName(unwrap(use.call.callee))
    if (isDeferred(tree, use.call)) {
      if (!isWaitedFor(tree, tests, around, use.call)) report('late', use.call)
      return undefined
    }
    if (name === 'then' || name === 'catch' || name === 'finally') {
      if (isWaitedByDone(tree, tests, around)) return undefined
      node = use.call
      isPromise = true
      continue
    }
    const asserted = tests.asserted(use.call)
    if (isPromise && name === 'forEach') return report('floating', use.call)
    if (asserted !== undefined) {
      const takesPromise = /^(rejects|doesNotReject|expect)$/.test(asserted)
      if (isPromise && !takesPromise) return report('floating', use.call)
      return undefined
    }
    if (isPromise && flowOf(tree, tests, use.call).kind === 'dropped')
      return isWaitedFor(tree, tests, around, use.call) ? undefined : report('floating', use.call)
    node = use.call
  }
  return undefined
}

type Use =
  | { readonly kind: 'declared' }
  | { readonly kind: 'handler'; readonly at: Node }
  | { readonly kind: 'executor'; readonly call: Node }
  | { readonly kind: 'called' | 'given'; readonly call: CallExpression }

/** How a function is used where it is written, or where its name is handed on. */
function useOf(tree: SyntaxTree, fn: Node): Use {
  const parent = tree.parent(fn)
  if (parent === undefined || fn.type === 'FunctionDeclaration') return { kind: 'declared' }
  if (parent.type === 'CallExpression')
    return parent.callee === fn ? { kind: 'called', call: parent } : { kind: 'given', call: parent }
  if (parent.type === 'NewExpression') {
    const callee = tree.meaning(parent.callee)
    const isPromise = callee.kind === 'global' && callee.path[0] === 'Promise'
    return isPromise ? { kind: 'executor', call: parent } : { kind: 'declared' }
  }
  if (parent.type === 'AssignmentExpression' && /^on[a-z]/.test(propertyName(parent.left) ?? ''))
    return { kind: 'handler', at: parent }
  return { kind: 'declared' }
}

function flowOf(tree: SyntaxTree, tests: TestTree, from: Node): Flow {
  let node = from
  for (let steps = 0; steps < 200; steps++) {
    const parent = tree.parent(node)
    if (parent === undefined) return { kind: 'kept', at: node }
    switch (parent.type) {
      case 'AwaitExpression':
      case 'YieldExpression':
        return { kind: 'awaited', at: parent }
      case 'ReturnStatement': {
        const around = tree.functionAround(parent)
        return around === undefined
          ? { kind: 'kept', at: parent }
          : { kind: 'returned', from: around }
      }
      case 'ArrowFunctionExpression':
        return parent.body === node
          ? { kind: 'returned', from: parent }
          : { kind: 'kept', at: parent }
      case 'ExpressionStatement':
      case 'UnaryExpression':
        return { kind: 'dropped', at: parent }
      case 'MemberExpression':
      case 'OptionalMemberExpression': {
        const call = tree.parent(parent)
        const name = propertyName(parent)
        if (call?.type !== 'CallExpression' || call.callee !== parent)
          return { kind: 'kept', at: parent }
        if (!/^(then|catch|finally)$/.test(name ?? '')) return { kind: 'kept', at: call }
        const handler = call.arguments[name === 'catch' ? 0 : 1]
        if (name !== 'finally' && isFunction(handler) && hidesErrors(tree, tests, handler))
          return { kind: 'swallowed', at: call }
        node = call
        break
      }
      case 'SequenceExpression':
        if (parent.expressions.at(-1) !== node) return { kind: 'dropped', at: parent }
        node = parent
        break
      case 'LogicalExpression':
      case 'ConditionalExpression':
      case 'ArrayExpression':
      case 'TSAsExpression':
      case 'TSNonNullExpression':
      case 'TSSatisfiesExpression':
      case 'SpreadElement':
        node = parent
        break
      case 'VariableDeclarator': {
        if (parent.id.type !== 'Identifier') return { kind: 'kept', at: parent }
        const isUsed = tree.identifiers(parent.id.name).some((other) => other !== parent.id)
        return { kind: isUsed ? 'kept' : 'dropped', at: parent }
      }
      case 'CallExpression': {
        const callee = tree.meaning(parent.callee)
        if (callee.kind !== 'global' || callee.path[0] !== 'Promise')
          return { kind: 'kept', at: parent }
        if (callee.path[1] === 'allSettled') return { kind: 'swallowed', at: parent }
        node = parent
        break
      }
      default:
        return { kind: 'kept', at: parent }
    }
  }
  return { kind: 'kept', at: node }
}

/** How many calls of a function are looked through for one that makes a callback run. */
const mostCalls = 500

const events = /^(on|once|addListener|prependListener|prependOnceListener|addEventListener|listen)$/
const timers = /^(setTimeout|setInterval|setImmediate|queueMicrotask|nextTick)$/
const callbackModules = /^(fs|http|https|http2|net|tls|dns|zlib|child_process|stream|readline)$/

/** Whether a function that is given to a call runs after the call has returned. */
function isDeferred(tree: SyntaxTree, call: CallExpression): boolean {
  const meaning = tree.meaning(call.callee)
  const last = (meaning.kind === 'function' ? undefined : meaning.path.at(-1)) ?? ''
  if (meaning.kind === 'module')
    return (
      meaning.source === 'timers' ||
      (meaning.source === 'process' && last === 'nextTick') ||
      (callbackModules.test(meaning.source) && !/^create|Sync$/.test(last))
    )
  if (meaning.kind === 'global') return timers.test(last) || events.test(last)
  return events.test(propertyName(unwrap(call.callee)) ?? '')
}

/** Whether a test takes a `done` callback, which makes it wait until that is called. */
function isWaitedByDone(tree: SyntaxTree, tests: TestTree, from: Node): boolean {
  for (let at = tree.functionAround(from); at !== undefined; at = tree.functionAround(at)) {
    const call = tests.callOf(at)
    if (call !== undefined) return at.params.length >= (call.doneFirst ? 1 : 2)
    if (isAwaitedExecutor(tree, tests, at)) return true
  }
  return false
}

function isAwaitedExecutor(tree: SyntaxTree, tests: TestTree, fn: FunctionNode): boolean {
  const use = useOf(tree, fn)
  return use.kind === 'executor' && flowOf(tree, tests, use.call).kind !== 'dropped'
}

const triggers =
  /^(emit|dispatchEvent|publish|fire|trigger|notify|next|click|send|write|end|push|set|update|dispatch)$/
const clocks = /^(tick|runAll|runAllTimers|runOnlyPendingTimers|advanceTimersByTime|runFor|flush)/

/**
 * Whether something makes the test stay until a callback has run: a promise around it, `done`, an
 * await or a returned promise behind it, a mocked clock that is moved on, or an event that the test
 * itself sends.
 */
function isWaitedFor(tree: SyntaxTree, tests: TestTree, callback: Node, call: Node): boolean {
  if (isWaitedByDone(tree, tests, callback)) return true
  const end = call.end ?? 0
  const receiver = receiverOf(tree, call)
  for (let fn = tree.functionAround(call); fn !== undefined; fn = tree.functionAround(fn)) {
    const steps = tree.steps(fn)
    if (steps.lastAwait >= end || steps.lastReturn >= end) return true
    // A file with thousands of calls in one function is not read call by call.
    const later = steps.calls.slice(-mostCalls).filter((node) => (node.start ?? 0) >= end)
    for (const node of later) {
      const name = propertyName(unwrap(node.callee)) ?? ''
      if (clocks.test(name)) return true
      if (receiver !== '' && triggers.test(name) && receiverOf(tree, node) === receiver) return true
    }
    if (tests.callOf(fn) !== undefined) return false
    // A helper that is declared may be waited for by whoever calls it; that is judged where it is
    // called.
    if (useOf(tree, fn).kind === 'declared') return true
  }
  return false
}

function receiverOf(tree: SyntaxTree, call: Node): string {
  const callee = call.type === 'CallExpression' ? unwrap(call.callee) : undefined
  if (callee?.type !== 'MemberExpression') return ''
  let object = unwrap(callee.object)
  // `emitter.on(…).on(…)` is about one emitter.
  while (object.type === 'CallExpression' && object.callee.type === 'MemberExpression')
    object = unwrap(object.callee.object)
  return tree.codeOf(object)
}

/**
 * The handlers around each node, within its function, that let the failure of an assertion pass.
 */
function swallowingHandlers(tree: SyntaxTree, tests: TestTree): ReadonlySet<Node> {
  const inside = new Set<Node>()
  const judged = new Map<Node, boolean>()
  for (const node of tree.nodes) {
    const parent = tree.parent(node)
    if (parent === undefined || isFunction(node)) continue
    let swallows = inside.has(parent)
    if (parent.type === 'TryStatement' && parent.block === node && parent.handler && !swallows) {
      swallows = judged.get(parent) ?? hidesErrors(tree, tests, parent.handler)
      judged.set(parent, swallows)
    }
    if (swallows) inside.add(node)
  }
  return inside
}

/**
 * Whether a `catch` lets an AssertionError pass: it neither throws, nor looks at more of the error
 * than that there is one, nor hands it on.
 */
function hidesErrors(tree: SyntaxTree, tests: TestTree, handler: Node): boolean {
  const { param, params, body } = handler as { param?: Node; params?: Node[]; body: Node }
  const caught = param ?? params?.[0]
  const name = caught?.type === 'Identifier' ? caught.name : undefined
  const start = body.start ?? 0
  // A pattern reads a part of the error, and the uses of that part are not followed.
  if (caught !== undefined && name === undefined) return false
  for (const node of nodesOf(body)) {
    if (node.type === 'ThrowStatement') return false
    if (node.type === 'AssignmentExpression') return false
    if (node.type === 'CallExpression' && tests.asserted(node) === 'fail') return false
    if (name === undefined || node.type !== 'Identifier' || node.name !== name) continue
    const parent = tree.parent(node)
    if (parent === undefined) continue
    if (parent.type === 'MemberExpression' && parent.object === node) {
      if (isChecked(tree, tests, node, start)) return false
    } else if (parent.type === 'BinaryExpression' && parent.operator === 'instanceof') {
      const right = parent.right
      const any = right.type === 'Identifier' && right.name === 'Error'
      if (!any && isChecked(tree, tests, node, start)) return false
    } else if (parent.type === 'CallExpression') {
      const asserted = tests.asserted(parent)
      const plain = tree.meaning(parent.callee)
      const prints = plain.kind === 'global' && plain.path[0] === 'console'
      if (asserted === undefined && !prints) return false
      if (asserted !== undefined && !/^(ok|notEqual|notStrictEqual|expect)$/.test(asserted))
        return false
    } else if (parent.type === 'ReturnStatement' || parent.type === 'ArrowFunctionExpression') {
      return false
    }
  }
  return true
}

/** Whether a use of a caught error is a part of an assertion or a condition. */
function isChecked(tree: SyntaxTree, tests: TestTree, node: Node, start: number): boolean {
  for (
    let at = tree.parent(node);
    at !== undefined && (at.start ?? 0) >= start;
    at = tree.parent(at)
  ) {
    if (tests.asserted(at) !== undefined) return true
    if (/^(IfStatement|ConditionalExpression|SwitchStatement|ReturnStatement)$/.test(at.type))
      return true
    if (at.type === 'CallExpression' && tree.meaning(at.callee).kind === 'function') return true
  }
  return false
}
