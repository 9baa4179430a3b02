// Tests that replace the code under test and then call the replacement: they hold whatever the code
// does. A spy that hands on to the real function replaces nothing, and a dependency that the test
// does not call may be replaced.
import type { CallExpression, Node } from '@babel/types'
import {
  calledName,
  isFunction,
  keyName,
  literalText,
  pathOf,
  propertyName,
  type SyntaxTree,
  unwrap,
} from './tree.ts'
import type { TestTree } from './assertions.ts'

/** A replacement that is called; `module` is the import that the replaced thing comes from. */
interface Replacement {
  readonly node: Node
  readonly module: string
}

/** One name of something imported that now stands for something else. */
interface Replaced extends Replacement {
  /** Empty for a function that stands alone. */
  readonly name: string
}

/** Replacements that the tests call, in the order of the text. */
export function calledReplacements(tree: SyntaxTree, tests: TestTree): readonly Replacement[] {
  const origins = originsIn(tree)
  const replaced = tree.nodes.flatMap((node) => replacedBy(tree, origins, node))
  if (replaced.length === 0) return []
  const calls = tree.nodes.filter((node): node is CallExpression => node.type === 'CallExpression')
  const restores = calls.filter((call) =>
    /^(?:restore|restoreAll|reset)$/.test(calledName(call.callee)),
  )
  return replaced.filter((one) => {
    const home = testAround(tree, tests, one.node)
    const end = one.node.end ?? 0
    return calls.some((call) => {
      if (!isCallOf(tree, origins, call, one)) return false
      const at = call.start ?? 0
      if (home !== undefined && (at < (home.start ?? 0) || at > (home.end ?? 0))) return false
      return !restores.some((other) => (other.start ?? 0) >= end && (other.end ?? 0) <= at)
    })
  })
}

/** The function of the test that a node stands in. */
function testAround(tree: SyntaxTree, tests: TestTree, node: Node): Node | undefined {
  for (let at = tree.functionAround(node); at !== undefined; at = tree.functionAround(at))
    if (tests.callOf(at)?.what === 'test') return at
  return undefined
}

/**
 * The import that a value comes from, when it leads to a file of the project. Copies, instances and
 * aliases are followed.
 */
interface Origins {
  of(node: Node): string | undefined
  /**
   * The same for one name of an object; a name that an object literal gives counts for its own
   * value.
   */
  ofMember(object: Node, name: string | undefined): string | undefined
}

const deepest = 12

function originsIn(tree: SyntaxTree): Origins {
  const assigned = new Map<string, Node[]>()
  for (const node of tree.nodes) {
    if (node.type !== 'AssignmentExpression' || node.left.type !== 'Identifier') continue
    assigned.set(node.left.name, [...(assigned.get(node.left.name) ?? []), node.right])
  }
  const valuesOf = (node: Node): readonly Node[] => {
    if (node.type !== 'Identifier') return []
    const init = tree.initOf(node)
    return [...(init === undefined ? [] : [init]), ...(assigned.get(node.name) ?? [])]
  }
  const first = (
    nodes: readonly (Node | null | undefined)[],
    depth: number,
  ): string | undefined => {
    for (const node of nodes) {
      const found = node === null || node === undefined ? undefined : of(node, depth + 1)
      if (found !== undefined) return found
    }
    return undefined
  }
  const of = (given: Node, depth: number): string | undefined => {
    if (depth > deepest) return undefined
    const node = unwrap(given)
    const meaning = tree.meaning(node)
    if (meaning.kind === 'module') return /^[./#]/.test(meaning.source) ? meaning.source : undefined
    if (node.type === 'AwaitExpression' || node.type === 'SpreadElement')
      return of(node.argument, depth + 1)
    if (node.type === 'NewExpression') return of(node.callee, depth + 1)
    if (node.type === 'CallExpression') {
      const path = pathOf(tree, node.callee).join('.')
      const copies =
        /^(?:Object\.(?:assign|create|freeze|seal|fromEntries|entries)|structuredClone)$/
      if (copies.test(path)) return first(node.arguments, depth)
      // A spy stands for what it hands on to.
      if (/(?:^|\.)mock\.fn$/.test(path)) return first(node.arguments.slice(0, 1), depth)
      return of(node.callee, depth + 1)
    }
    if (node.type === 'ObjectExpression')
      return first(
        node.properties.map((part) =>
          part.type === 'SpreadElement'
            ? part.argument
            : part.type === 'ObjectProperty'
              ? part.value
              : undefined,
        ),
        depth,
      )
    if (node.type === 'MemberExpression' || node.type === 'OptionalMemberExpression')
      return ofMember(node.object, propertyName(node), depth + 1)
    const superClass = tree.classOf(node)?.superClass
    return first([...valuesOf(node), superClass], depth)
  }
  const ofMember = (given: Node, name: string | undefined, depth: number): string | undefined => {
    if (depth > deepest) return undefined
    const object = unwrap(given)
    const literals = [object, ...valuesOf(object)]
      .map((node) => unwrap(node))
      .filter((node) => node.type === 'ObjectExpression')
    for (const { properties } of literals) {
      const own = properties.find((part) => part.type !== 'SpreadElement' && keyName(part) === name)
      if (own?.type === 'ObjectProperty') return of(own.value, depth + 1)
      if (own !== undefined) return undefined
      return first(
        properties.filter((part) => part.type === 'SpreadElement'),
        depth,
      )
    }
    return of(object, depth + 1)
  }
  return { of: (node) => of(node, 0), ofMember: (object, name) => ofMember(object, name, 0) }
}

function replacedBy(tree: SyntaxTree, origins: Origins, node: Node): readonly Replaced[] {
  const at = (object: Node, name: string | undefined): readonly Replaced[] => {
    const module = name === undefined ? undefined : origins.ofMember(object, name)
    return module === undefined || name === undefined ? [] : [{ node, module, name }]
  }
  if (node.type === 'AssignmentExpression') {
    const left = unwrap(node.left)
    return left.type === 'MemberExpression' && isCallable(tree, node.right)
      ? at(left.object, propertyName(left))
      : []
  }
  // `{ ...module, name: () => … }`
  if (node.type === 'ObjectExpression') {
    const spread = node.properties.find((part) => part.type === 'SpreadElement')
    const module = spread && origins.of(spread)
    if (module === undefined) return []
    return functionsIn(tree, node).map((name) => ({ node, module, name }))
  }
  if (node.type !== 'CallExpression') return []
  const path = pathOf(tree, node.callee)
  const values = node.arguments.map((value) => unwrap(value))
  const [first, second, third] = values
  const [before, last = ''] = path.slice(-2)
  if (first === undefined) return []
  if (before === 'mock' && /^(?:method|getter|setter|property)$/.test(last)) {
    const isSpy = last !== 'property' && (third === undefined || third.type === 'ObjectExpression')
    return isSpy ? [] : at(first, literalText(second))
  }
  if (before === 'mock' && last === 'fn') {
    const module = origins.of(first)
    const isSpy = second === undefined || second.type === 'ObjectExpression'
    return isSpy || module === undefined ? [] : [{ node, module, name: '' }]
  }
  if (before === 'mock' && last === 'module') {
    const module = literalText(first)
    return module !== undefined && /^[./#]/.test(module) ? [{ node, module, name: '*' }] : []
  }
  if (/^mockImplementation(?:Once)?$/.test(last)) return implementedBy(tree, origins, node)
  const [holder] = path
  if ((holder === 'Object' || holder === 'Reflect') && /^(?:defineProperty|set)$/.test(last))
    return at(first, literalText(second))
  if (holder === 'Object' && last === 'assign')
    return values
      .slice(1)
      .flatMap((value) => functionsIn(tree, value).flatMap((name) => at(first, name)))
  return []
}

/** `spy.mock.mockImplementation(…)`, of a spy in a variable or in the place of what it spies on. */
function implementedBy(
  tree: SyntaxTree,
  origins: Origins,
  node: CallExpression,
): readonly Replaced[] {
  const callee = unwrap(node.callee)
  const holder = callee.type === 'MemberExpression' ? unwrap(callee.object) : undefined
  if (holder?.type !== 'MemberExpression') return []
  const spy = unwrap(holder.object)
  if (spy.type === 'MemberExpression') {
    const name = propertyName(spy)
    const module = origins.ofMember(spy.object, name)
    return module === undefined || name === undefined ? [] : [{ node, module, name }]
  }
  const made = tree.initOf(spy)
  if (made?.type !== 'CallExpression') return []
  const [first, second] = made.arguments
  if (first === undefined) return []
  const name = calledName(made.callee) === 'fn' ? '' : literalText(second)
  const module = name === '' ? origins.of(first) : origins.ofMember(first, name)
  return module === undefined || name === undefined ? [] : [{ node, module, name }]
}

function isCallOf(
  tree: SyntaxTree,
  origins: Origins,
  call: CallExpression,
  one: Replaced,
): boolean {
  if (one.name === '*') return true
  let callee = unwrap(call.callee)
  // `object.name.call(…)`
  if (callee.type === 'MemberExpression' && /^(?:call|apply)$/.test(propertyName(callee) ?? ''))
    callee = unwrap(callee.object)
  if (one.name === '') {
    const made = callee.type === 'Identifier' ? tree.initOf(callee) : undefined
    return (
      made?.type === 'CallExpression' &&
      calledName(made.callee) === 'fn' &&
      origins.of(made) === one.module
    )
  }
  if (callee.type === 'MemberExpression')
    return propertyName(callee) === one.name && origins.of(callee.object) === one.module
  // `const { name } = object`
  if (callee.type !== 'Identifier') return false
  const meaning = tree.meaning(callee)
  return meaning.kind === 'unknown' && meaning.path.length > 0 && meaning.path.at(-1) === one.name
    ? tree.initOf(callee) === undefined && callee.name === one.name
    : false
}

/** The names under which an object literal has functions. */
function functionsIn(tree: SyntaxTree, node: Node): readonly string[] {
  if (node.type !== 'ObjectExpression') return []
  return node.properties.flatMap((part) => {
    const isOne =
      part.type === 'ObjectMethod' ||
      (part.type === 'ObjectProperty' && isCallable(tree, part.value))
    return isOne ? (keyName(part) ?? []) : []
  })
}

function isCallable(tree: SyntaxTree, given: Node): boolean {
  const node = unwrap(given)
  if (isFunction(node) || tree.meaning(node).kind === 'function') return true
  return (
    node.type === 'CallExpression' && pathOf(tree, node.callee).slice(-2).join('.') === 'mock.fn'
  )
}
