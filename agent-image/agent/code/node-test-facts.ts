// Each test of a JavaScript or TypeScript file: its name, its suites, its place in the text, how much it asserts.
import type { Node } from '@babel/types'
import type { TestFact } from './facts.ts'
import { isFunction, type Tree } from './names.ts'
import type { TestTree } from './node-tests.ts'

/** The tests in the order of the text. */
export function testFacts(tree: Tree, tests: TestTree): readonly TestFact[] {
  const all = [...tests.calls.values()].filter((call) => call.what === 'test')
  const counts = countsOf(tree, tests, tests.assertions)
  return all.map((call) => {
    const around = surroundings(tree, tests, call.node)
    const span = statementSpan(tree, call.node)
    return {
      ...(span ?? { start: call.node.start ?? 0, end: call.node.end ?? 0 }),
      name: call.name,
      suites: around.suites,
      line: tree.lineOf(call.node),
      skip: call.skip || around.skip,
      todo: call.todo,
      only: call.only,
      assertions: counts.get(call.node) ?? 0,
      repeated: around.repeated,
      removable: span !== undefined && !around.repeated,
    }
  })
}

/** Tests that hold assertions, of which right code meets none. */
export function testsThatOnlyFail(tree: Tree, tests: TestTree): readonly Node[] {
  const all = countsOf(tree, tests, tests.assertions)
  const checks = countsOf(tree, tests, tests.checks)
  return [...all.keys()].filter((call) => !checks.has(call))
}

/** How many of `assertions` each test holds, by its call. */
function countsOf(
  tree: Tree,
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
 * The call of the innermost test that each node stands in, also by way of a body that is declared elsewhere. One pass:
 * each node stands behind its parent, and chains of calls may be very long.
 */
function innermostTests(tree: Tree, tests: TestTree): ReadonlyMap<Node, Node> {
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
  tree: Tree,
  tests: TestTree,
  node: Node,
): { readonly suites: (string | undefined)[]; readonly repeated: boolean; readonly skip: boolean } {
  const suites: (string | undefined)[] = []
  let repeated = false
  let skip = false
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
    skip = skip || call.skip
    // What goes on above a suite that is declared elsewhere is told by where it is given to the runner.
    if (tree.parent(at) !== call.node) at = call.node
  }
  return { suites, repeated, skip }
}

/** The statement that a test is, with the comments directly above it; undefined when it is a part of one. */
function statementSpan(tree: Tree, node: Node): { start: number; end: number } | undefined {
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
