// Which tests, suites and hooks a JavaScript or TypeScript file declares, and what skips them.
import type { CallExpression, Node } from '@babel/types'
import { nodesOf } from './parse.ts'
import {
  type FunctionNode,
  isFunction,
  keyName,
  literalText,
  type Meaning,
  propertyName,
  type SyntaxTree,
  unwrap,
} from './tree.ts'

/** A call that declares something to the test runner. */
interface TestCall {
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

/** The calls of a file that declare something to the test runner. */
export interface DeclaredTests {
  readonly calls: ReadonlyMap<Node, TestCall>
  /** The call that a function is the body of. */
  readonly callOf: (node: FunctionNode) => TestCall | undefined
  /**
   * The names that are read from the context that the runner gives to a test; undefined for another
   * meaning.
   */
  readonly contextPath: (meaning: Meaning) => readonly string[] | undefined
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

export function declaredTests(tree: SyntaxTree): DeclaredTests {
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
  return { calls, callOf: (node) => bodies.get(node), contextPath }
}

function testCall(
  tree: SyntaxTree,
  node: CallExpression,
  contextPath: DeclaredTests['contextPath'],
): TestCall | undefined {
  let callee: Node = unwrap(node.callee)
  let isTable = false
  // `test.each(table)(name, body)`: the table is a call of its own.
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

/**
 * The names that a callee reads from a test framework, such as `['test', 'skip']`; undefined for
 * anything else.
 */
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

function bodyOf(tree: SyntaxTree, values: readonly Node[]): FunctionNode | undefined {
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

function skippingOf(tree: SyntaxTree, options: Node | undefined, name: string): Skipping {
  if (options?.type !== 'ObjectExpression') return 'never'
  const part = options.properties.find(
    (one) => one.type === 'ObjectProperty' && keyName(one) === name,
  )
  return part?.type === 'ObjectProperty' ? skippingBy(tree, part.value) : 'never'
}

/**
 * How a test is skipped. `by-machine` is a condition that asks only about the machine: its system,
 * its version, the installed programs. People write such conditions for other machines, and the run
 * tells whether the condition held.
 */
export type Skipping = 'never' | 'by-machine' | 'always'

/** How the value of an option `skip` or `todo` skips a test. */
function skippingBy(tree: SyntaxTree, value: Node): Skipping {
  const node = unwrap(value)
  const isOff =
    (node.type === 'BooleanLiteral' && !node.value) ||
    node.type === 'NullLiteral' ||
    (node.type === 'Identifier' && node.name === 'undefined')
  if (isOff) return 'never'
  return asksMachine(tree, node) ? 'by-machine' : 'always'
}

/** How `t.skip()` or `t.todo()` skips its test: by conditions of the machine alone, or always. */
export function skippingAt(tree: SyntaxTree, tests: DeclaredTests, call: CallExpression): Skipping {
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

/** Chance and the clock are not conditions of a machine. */
const changing = /^(?:Math|Date|performance|crypto)$/

/**
 * Whether an expression reads something of the machine, and nothing else that is not known from the
 * text.
 */
function asksMachine(tree: SyntaxTree, condition: Node, depth = 0): boolean {
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

function isKey(tree: SyntaxTree, node: Node): boolean {
  const parent = tree.parent(node)
  if (parent === undefined) return false
  if (parent.type === 'ObjectProperty') return parent.key === node && keyName(parent) !== undefined
  return propertyName(parent) !== undefined && 'property' in parent && parent.property === node
}
