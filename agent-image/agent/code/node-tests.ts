// The tests that a JavaScript or TypeScript file declares, and the assertions that each of them makes.
import type { CallExpression, CatchClause, IfStatement, Node } from '@babel/types'
import {
  type FunctionNode,
  isFunction,
  keyName,
  literalText,
  type Meaning,
  propertyName,
  type Tree,
  unwrap,
} from './names.ts'
import { type Skipping, skippingBy } from './node-skips.ts'
import { nodesOf } from './parse-node.ts'

/** A call that declares something to the test runner. */
export interface TestCall {
  readonly what: 'test' | 'suite' | 'hook'
  readonly node: CallExpression
  readonly name: string | undefined
  /** `by-machine`: by a condition that asks about the machine alone. */
  readonly skip: Skipping
  readonly todo: boolean
  readonly only: boolean
  /** The function that it is given: written there, or declared elsewhere in the file. */
  readonly body: FunctionNode | undefined
  /** Whether the framework gives a `done` callback as the only parameter, as mocha does. */
  readonly doneFirst: boolean
}

/** Something in the text that makes a test fail when the code is wrong. */
export interface Assertion {
  readonly node: Node
  /** Whether it gives a promise that has to be waited for. */
  readonly promise: boolean
}

/** All that is known about tests and assertions of a file. */
export interface TestTree {
  readonly calls: ReadonlyMap<Node, TestCall>
  readonly assertions: readonly Assertion[]
  /** Those that right code meets, too: without `assert.fail`, `assert(false)` and errors that are thrown by hand. */
  readonly checks: readonly Assertion[]
  /** The assertions that are left without `excluded`: a function of the file that makes no others is none any more. */
  assertionsBut(excluded: ReadonlySet<Node>): readonly Assertion[]
  /** The call that a function is the body of. */
  callOf(node: FunctionNode): TestCall | undefined
  /** Whether a call asserts by itself: `assert.equal(…)`, `assert(…)`; gives the name of what is asserted. */
  asserted(node: Node): string | undefined
  /** Whether a meaning is read from the context that the runner gives to a test: the path behind it. */
  contextPath(meaning: Meaning): readonly string[] | undefined
}

const frameworks = new Set([
  'test',
  'vitest',
  '@jest/globals',
  'mocha',
  'bun:test',
  'uvu',
  'ava',
  'tap',
])
const testWords = new Set(['test', 'it', 'specify'])
const suiteWords = new Set(['describe', 'suite', 'context'])
const hookWords = new Set(['before', 'after', 'beforeEach', 'afterEach', 'beforeAll', 'afterAll'])
const modifiers =
  /^(skip|todo|only|each|concurrent|serial|sequential|failing|fails|skipIf|runIf|for|expectFailure)$/

export function readTests(tree: Tree): TestTree {
  const calls = new Map<Node, TestCall>()
  const bodies = new Map<FunctionNode, TestCall>()
  const contextPath = (meaning: Meaning): readonly string[] | undefined => {
    if (meaning.kind !== 'parameter' || meaning.index !== 0) return undefined
    return bodies.has(meaning.of) ? meaning.path : undefined
  }
  // In the order of the text, so that the context of a test is known before what stands in it.
  for (const node of tree.nodes) {
    if (node.type !== 'CallExpression') continue
    const call = testCall(tree, node, contextPath)
    if (call === undefined) continue
    calls.set(node, call)
    if (call.body !== undefined) bodies.set(call.body, call)
  }
  const asserted = (node: Node): string | undefined => assertedBy(tree, node, contextPath)
  return {
    calls,
    assertions: assertionsOf(tree, calls, bodies, asserted),
    checks: assertionsOf(
      tree,
      calls,
      bodies,
      (node) => {
        const name = asserted(node)
        if (name === undefined || !onlyFails(name, node)) return name
        return awaitsError(tree, node) ? name : undefined
      },
      false,
    ),
    assertionsBut: (excluded) =>
      assertionsOf(tree, calls, bodies, (node) =>
        excluded.has(node) ? undefined : asserted(node),
      ),
    callOf: (node) => bodies.get(node),
    asserted,
    contextPath,
  }
}

function testCall(
  tree: Tree,
  node: CallExpression,
  contextPath: TestTree['contextPath'],
): TestCall | undefined {
  let callee: Node = unwrap(node.callee)
  let isTable = false
  // `test.each(table)(name, body)`: the table is an own call.
  if (callee.type === 'CallExpression' || callee.type === 'TaggedTemplateExpression') {
    callee = unwrap(callee.type === 'CallExpression' ? callee.callee : callee.tag)
    isTable = true
  }
  const meaning = tree.meaning(callee)
  const context = contextPath(meaning)
  const path = context ?? framework(meaning)
  if (path === undefined) return undefined
  const [word = 'test', ...rest] = path
  if (!rest.every((name) => modifiers.test(name))) return undefined
  const isEach = rest.some((name) => /^(each|for|skipIf|runIf)$/.test(name))
  if (isTable !== isEach) return undefined
  const what = testWords.has(word)
    ? 'test'
    : suiteWords.has(word)
      ? 'suite'
      : hookWords.has(word)
        ? 'hook'
        : undefined
  if (what === undefined || (context !== undefined && path.length === 0)) return undefined
  if (node.arguments.length === 0) return undefined
  const values = node.arguments.map((value) => unwrap(value))
  const body = bodyOf(tree, values)
  const options = values.find((value) => value.type === 'ObjectExpression')
  const option = (name: string): Skipping => skippingOf(tree, options, name)
  const flag = (name: string): boolean => rest.includes(name) || option(name) !== 'never'
  return {
    what,
    node,
    name: rest.includes('each') ? undefined : nameOf(values),
    skip: rest.some((name) => /^(skip|skipIf|runIf)$/.test(name)) ? 'always' : option('skip'),
    todo: flag('todo'),
    only: flag('only'),
    body,
    doneFirst: meaning.kind === 'module' && !/^(test|vitest|bun:test)$/.test(meaning.source),
  }
}

/** What is called of a test framework: `['test', 'skip']`; undefined for anything else. */
function framework(meaning: Meaning): readonly string[] | undefined {
  if (meaning.kind === 'module') {
    if (!frameworks.has(meaning.source)) return undefined
    // The default export of node:test is `test` itself, with all the others on it.
    const [first = ''] = meaning.path
    const known = testWords.has(first) || suiteWords.has(first) || hookWords.has(first)
    return known
      ? meaning.path
      : modifiers.test(first) || first === ''
        ? ['test', ...meaning.path]
        : undefined
  }
  if (meaning.kind !== 'global') return undefined
  const [first = ''] = meaning.path
  const known = testWords.has(first) || suiteWords.has(first) || hookWords.has(first)
  return known ? meaning.path : undefined
}

function bodyOf(tree: Tree, values: readonly Node[]): FunctionNode | undefined {
  for (const value of values.toReversed()) {
    if (isFunction(value)) return value
    const meaning = tree.meaning(value)
    if (meaning.kind === 'function') return meaning.node
  }
  return undefined
}

function nameOf([first]: readonly Node[]): string | undefined {
  if (first === undefined) return undefined
  if (isFunction(first))
    return (first as { id?: { name?: string } | null }).id?.name ?? '<anonymous>'
  if (first.type === 'ObjectExpression') return '<anonymous>'
  return literalText(first)
}

function skippingOf(tree: Tree, options: Node | undefined, name: string): Skipping {
  if (options?.type !== 'ObjectExpression') return 'never'
  const part = options.properties.find(
    (one) => one.type === 'ObjectProperty' && keyName(one) === name,
  )
  return part?.type === 'ObjectProperty' ? skippingBy(tree, part.value) : 'never'
}

function assertedBy(
  tree: Tree,
  node: Node,
  contextPath: TestTree['contextPath'],
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
  tree: Tree,
  calls: ReadonlyMap<Node, TestCall>,
  bodies: ReadonlyMap<FunctionNode, TestCall>,
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
      const call = bodies.get(at)
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
    // A test may throw by itself; what it throws within a function that it hands out is a part of its data.
    if (throwing && node.type === 'ThrowStatement') {
      const around = tree.functionAround(node)
      if (around !== undefined && bodies.get(around)?.what === 'test') add(node, false)
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
 * Whether a call that fails the test stands where an error was to be thrown before it: in a `try` whose `catch` lets one
 * kind of error pass and throws all others on.
 */
export function awaitsError(tree: Tree, node: Node): boolean {
  let inner = node
  for (let at = tree.parent(node); at !== undefined; inner = at, at = tree.parent(at)) {
    if (isFunction(at)) return false
    if (at.type !== 'TryStatement' || at.block !== inner) continue
    return at.handler != null && sortsErrors(tree, at.handler)
  }
  return false
}

/** By handler: a `try` may hold thousands of assertions. */
const sorting = new WeakMap<Node, boolean>()

/** Whether a `catch` throws on depending on what kind of error it got. */
function sortsErrors(tree: Tree, handler: CatchClause): boolean {
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
function isOneKind(tree: Tree, node: Node, name: string): boolean {
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

/** Where each function of the file is called, or handed to somebody who calls it. */
function usesOfFunctions(
  tree: Tree,
  calls: ReadonlyMap<Node, TestCall>,
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
