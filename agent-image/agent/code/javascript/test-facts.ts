// Each test of a JavaScript or TypeScript file: its name, its suites, its place in the text, how
// much it asserts.
import type { CallExpression, Node } from '@babel/types'
import type { TestFact } from '../facts.ts'
import { isFunction, type SyntaxTree } from './tree.ts'
import { awaitsError, type TestTree } from './assertions.ts'
import { type Skipping, skippingAt } from './tests.ts'

/** The tests in the order of the text. */
export function testFacts(tree: SyntaxTree, tests: TestTree): readonly TestFact[] {
  const all = [...tests.calls.values()].filter((call) => call.what === 'test')
  const counts = countsOf(tree, tests, tests.assertions)
  const own = skippedInside(tree, tests)
  const awaiting = testsThatAwaitErrors(tree, tests)
  return all.map((call) => {
    const around = surroundings(tree, tests, call.node)
    const span = statementSpan(tree, call.node)
    return {
      ...(span ?? { start: call.node.start ?? 0, end: call.node.end ?? 0 }),
      name: call.name,
      suites: around.suites,
      line: tree.lineOf(call.node),
      skip: call.skip === 'always' || around.skip === 'always',
      ...(around.skip === 'by-machine'
        ? { skippable: 'suite' as const }
        : call.skip === 'by-machine' || own.has(call.node)
          ? { skippable: 'test' as const }
          : {}),
      ...(awaiting.has(call.node) ? { awaitsError: true as const } : {}),
      todo: call.todo,
      only: call.only,
      assertions: counts.get(call.node) ?? 0,
      repeated: around.repeated,
      removable: span !== undefined && !around.repeated,
    }
  })
}

/** Tests that skip themselves where the machine is not one for them. */
function skippedInside(tree: SyntaxTree, tests: TestTree): ReadonlySet<Node> {
  const innermost = innermostTests(tree, tests)
  return new Set(
    tree.nodes.flatMap((node) => {
      const test = innermost.get(node)
      if (test === undefined || !isSkipCall(tree, tests, node)) return []
      return skippingAt(tree, tests, node) === 'by-machine' ? [test] : []
    }),
  )
}

/** `t.skip()` and `t.todo()`. */
export function isSkipCall(tree: SyntaxTree, tests: TestTree, node: Node): node is CallExpression {
  if (node.type !== 'CallExpression') return false
  const context = tests.contextPath(tree.meaning(node.callee))
  return context !== undefined && /^(skip|todo)$/.test(context[0] ?? '')
}

/**
 * Tests that fail by hand where an error was to be thrown: right code meets no other assertion
 * there.
 */
function testsThatAwaitErrors(tree: SyntaxTree, tests: TestTree): ReadonlySet<Node> {
  const innermost = innermostTests(tree, tests)
  return new Set(
    tests.assertions.flatMap(({ node }) => {
      const test = innermost.get(node)
      return test !== undefined && awaitsError(tree, node) ? [test] : []
    }),
  )
}

/**
 * Those of the `trivial` assertions whose test has no others, in itself or in the functions that it
 * calls.
 */
export function lonelyTrivial(
  tree: SyntaxTree,
  tests: TestTree,
  trivial: ReadonlySet<Node>,
): readonly Node[] {
  if (trivial.size === 0) return []
  const all = countsOf(tree, tests, tests.assertions)
  const real = countsOf(tree, tests, tests.assertionsBut(trivial))
  const idle = new Set([...all.keys()].filter((test) => !real.has(test)))
  if (idle.size === 0) return []
  const innermost = innermostTests(tree, tests)
  return [...trivial].filter((node) => {
    const test = innermost.get(node)
    return test === undefined || idle.has(test)
  })
}

/** Tests that hold assertions, of which right code meets none. */
export function testsThatOnlyFail(tree: SyntaxTree, tests: TestTree): readonly Node[] {
  const all = countsOf(tree, tests, tests.assertions)
  const checks = countsOf(tree, tests, tests.checks)
  return [...all.keys()].filter((call) => !checks.has(call))
}

/** How many of `assertions` each test holds, by its call. */
function countsOf(
  tree: SyntaxTree,
  tests: TestTree,
  assertions: TestTree['assertions'],
): ReadonlyMap<Node, number> {
  const counts = new Map<Node, number>()
  const innermost = innermostTests(tree, tests)
  for (const { node } of assertions) {
    let call = innermost.get(node)
    // A test that holds others has their assertions, too.
    for (let depth = 0; call !== undefined && depth < 20; depth++) {
      counts.set(call, (counts.get(call) ?? 0) + 1)
      const around: Node | undefined = tree.parent(call)
      call = around && innermost.get(around)
    }
  }
  return counts
}

/**
 * The call of the innermost test that each node stands in, also by way of a body that is declared
 * elsewhere. One pass: each node stands behind its parent, and chains of calls may be very long.
 */
function innermostTests(tree: SyntaxTree, tests: TestTree): ReadonlyMap<Node, Node> {
  const found = new Map<Node, Node>()
  for (const node of tree.nodes) {
    const parent = tree.parent(node)
    const body = isFunction(node) ? tests.callOf(node) : undefined
    const own =
      tests.calls.get(node)?.what === 'test'
        ? node
        : body?.what === 'test'
          ? body.node
          : parent && found.get(parent)
    if (own !== undefined) found.set(node, own)
  }
  return found
}

function surroundings(
  tree: SyntaxTree,
  tests: TestTree,
  node: Node,
): {
  readonly suites: (string | undefined)[]
  readonly repeated: boolean
  readonly skip: Skipping
} {
  const suites: (string | undefined)[] = []
  let repeated = false
  let skip: Skipping = 'never'
  for (let at = tree.parent(node); at !== undefined; at = tree.parent(at)) {
    if (/^(For|While|DoWhile)/.test(at.type)) repeated = true
    if (!isFunction(at)) continue
    const call = tests.callOf(at)
    if (call === undefined) {
      repeated = true
      continue
    }
    if (call.what === 'hook') continue
    suites.unshift(call.name)
    if (call.skip === 'always' || skip === 'never') skip = call.skip
    // A suite that is declared elsewhere is followed to the place where it is given to the runner.
    if (tree.parent(at) !== call.node) at = call.node
  }
  return { suites, repeated, skip }
}

/**
 * The statement that a test is, with the comments directly above it; undefined when it is a part of
 * one.
 */
function statementSpan(tree: SyntaxTree, node: Node): { start: number; end: number } | undefined {
  let at: Node | undefined = tree.parent(node)
  if (at?.type === 'AwaitExpression' || at?.type === 'UnaryExpression') at = tree.parent(at)
  if (at?.type !== 'ExpressionStatement') return undefined
  const home = tree.parent(at)
  if (home?.type !== 'Program' && home?.type !== 'BlockStatement') return undefined
  let start = at.start ?? 0
  for (const comment of (at.leadingComments ?? []).toReversed()) {
    if (/\S|\n\s*\n/.test(tree.text.slice(comment.end ?? 0, start))) break
    // A comment at the end of the line before belongs to that line.
    const before = tree.text.slice(
      tree.text.lastIndexOf('\n', (comment.start ?? 0) - 1) + 1,
      comment.start ?? 0,
    )
    if (before.trim() !== '') break
    start = comment.start ?? start
  }
  return { start, end: at.end ?? 0 }
}
