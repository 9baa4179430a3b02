// The concerns about a JavaScript file. A test may not depend on chance, the clock, the network,
// processes, files, other frameworks or skips.
import type { CallExpression, NewExpression, Node } from '@babel/types'
import type { Concern, ConcernKind } from '../facts.ts'
import { isFunction, literalText, type Meaning, pathOf, type SyntaxTree, unwrap } from './tree.ts'
import { isTrivial, type TestTree } from './assertions.ts'
import { reachesBehind, readsTests } from './reach.ts'
import { calledReplacements } from './replaced.ts'
import { isSkipCall, lonelyTrivial, testsThatOnlyFail } from './test-facts.ts'
import { skippingAt } from './tests.ts'

/** Concerns in the order of the text. */
export function useConcerns(tree: SyntaxTree, tests: TestTree): readonly Concern[] {
  const found: Concern[] = []
  const trivial = new Set<Node>()
  const report = (kind: ConcernKind, node: Node): void => {
    found.push({ kind, line: tree.lineOf(node), code: tree.codeOf(node) })
  }
  const mocksTime = tree.nodes.some(
    (node) =>
      node.type === 'CallExpression' &&
      /(^|\.)timers\.enable$|useFakeTimers$/.test(calleePath(tree, node)),
  )
  const usesTemporary = tree.nodes.some(
    (node) =>
      node.type === 'Identifier' && /^(mkdtemp(Sync|Disposable\w*)?|tmpdir)$/.test(node.name),
  )
  for (const node of tree.nodes) {
    if (node.type === 'ImportDeclaration' && node.importKind !== 'type') {
      const kind = moduleConcern(node.source.value)
      if (kind !== undefined) report(kind, node)
    }
    if (node.type === 'CallExpression' || node.type === 'NewExpression') {
      const kind = callConcern(tree, node, { mocksTime, usesTemporary })
      if (kind !== undefined) report(kind, node)
      if (node.type === 'CallExpression' && isTrivial(tree, tests, node)) trivial.add(node)
    }
    if (isSkipCall(tree, tests, node) && skippingAt(tree, tests, node) === 'always')
      report('skip', node)
    if (isUnasserted(tree, tests, node)) report('unasserted', node)
    if (reachesBehind(tree, node)) report('builtins', node)
    else if (readsTests(tree, node)) report('reads-tests', node)
  }
  for (const { node, module } of calledReplacements(tree, tests))
    found.push({ kind: 'replaced', line: tree.lineOf(node), code: tree.codeOf(node), module })
  for (const node of testsThatOnlyFail(tree, tests)) report('only-fails', node)
  for (const node of lonelyTrivial(tree, tests, trivial)) report('trivial', node)
  const onlySome = selectsSome(tree, tests)
  for (const call of tests.calls.values())
    if (call.skip === 'always' || call.todo || (call.only && onlySome)) report('skip', call.node)
  return found.toSorted((a, b) => a.line - b.line)
}

/**
 * Whether a node is a comparison that is a statement of its own within a function. A function that
 * is expected to throw may hold one.
 */
function isUnasserted(tree: SyntaxTree, tests: TestTree, node: Node): boolean {
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

/**
 * Whether `only` leaves a test out: where all have it, or stand in a suite that has it, it says
 * nothing.
 */
function selectsSome(tree: SyntaxTree, tests: TestTree): boolean {
  const isSelected = (node: Node): boolean => {
    if (tests.calls.get(node)?.only === true) return true
    for (let at = tree.functionAround(node); at !== undefined; at = tree.functionAround(at)) {
      const call = tests.callOf(at)
      if (call?.what === 'suite' && call.only) return true
    }
    return false
  }
  return [...tests.calls.values()].some(({ what, node }) => what === 'test' && !isSelected(node))
}

function moduleConcern(specifier: string): ConcernKind | undefined {
  const name = specifier.replace(/^node:/, '')
  if (name === 'cluster') return 'process'
  if (
    /^(vitest|jest|@jest\/.*|chai|sinon|mocha|jasmine|ava|tap|uvu|bun:test|expect|should|@testing-library\/.*|@playwright\/test|supertest|nock)$/.test(
      name,
    )
  )
    return 'framework'
  return undefined
}

interface Uses {
  readonly mocksTime: boolean
  readonly usesTemporary: boolean
}

function callConcern(
  tree: SyntaxTree,
  node: CallExpression | NewExpression,
  uses: Uses,
): ConcernKind | undefined {
  const meaning = tree.meaning(node.callee)
  if (meaning.kind === 'module') return moduleCallConcern(tree, node, meaning, uses)
  if (meaning.kind !== 'global') return undefined
  const path = meaning.path.join('.')
  const [first = ''] = meaning.path
  if (first === 'require' && meaning.path.length === 1) return requireConcern(node)
  if (/^(expect|jest|vi|sinon|chai|jasmine)$/.test(first)) return 'framework'
  if (/^Math\.random$|^crypto\.(randomUUID|getRandomValues)$/.test(path)) return 'random'
  if (path === 'Date') {
    const readsNow = node.type === 'CallExpression' || node.arguments.length === 0
    return readsNow && !uses.mocksTime ? 'clock' : undefined
  }
  if (/^(Date\.now|performance\.now|process\.(hrtime(\.bigint)?|uptime))$/.test(path))
    return uses.mocksTime ? undefined : 'clock'
  if (/^process\.(exit|kill|abort|reallyExit|dlopen|binding)$/.test(path)) return 'process'
  if (/^(fetch|WebSocket|EventSource|XMLHttpRequest)$/.test(path))
    return isForeign(tree, node.arguments[0]) ? 'network' : undefined
  return undefined
}

function requireConcern(node: CallExpression | NewExpression): ConcernKind {
  const name = literalText(node.arguments[0])
  return (name === undefined ? undefined : moduleConcern(name)) ?? 'require'
}

function moduleCallConcern(
  tree: SyntaxTree,
  node: CallExpression | NewExpression,
  { source, path }: Extract<Meaning, { kind: 'module' }>,
  uses: Uses,
): ConcernKind | undefined {
  const last = path.at(-1) ?? ''
  if (source === 'child_process') return startsNode(tree, node) ? undefined : 'process'
  // The import itself has been reported, but one that is awaited or required has not.
  if (path.length > 0 && source === 'cluster') return 'process'
  if (source === 'worker_threads') return last === 'Worker' && runsText(node) ? 'worker' : undefined
  if (source === 'crypto')
    return /^(randomUUID|randomBytes|randomInt|randomFill(Sync)?|getRandomValues)$/.test(last)
      ? 'random'
      : undefined
  if (source === 'perf_hooks')
    return path.join('.') === 'performance.now' && !uses.mocksTime ? 'clock' : undefined
  if (source === 'process')
    return /^(exit|kill|abort|reallyExit)$/.test(last) ? 'process' : undefined
  if (/^(http|https|http2|net|tls|undici)$/.test(source)) {
    const connects = /^(get|request|connect|createConnection|fetch|Socket|stream)$/.test(last)
    return connects && node.arguments.some((value) => isForeign(tree, value))
      ? 'network'
      : undefined
  }
  if (/^dns(\/promises)?$/.test(source) && /^(lookup|resolve|reverse)/.test(last)) return 'network'
  if (/^fs(\/promises)?$/.test(source) && isWrite(last, node) && !tidiesUp(last, node))
    return isTemporary(tree, node.arguments[targetOf(last)], uses) ? undefined : 'files'
  return undefined
}

/** Whether a call starts Node. A test of a command starts Node with a program of the project. */
function startsNode(tree: SyntaxTree, node: CallExpression | NewExpression): boolean {
  const [first, ...rest] = node.arguments.map((value) => unwrap(value))
  if (first === undefined || rest.some((value) => isDetached(value))) return false
  const code = tree.codeOf(first, 200)
  return /^(?:process\.execPath|execPath)$|^['"`](?:node|\$\{process\.execPath\})(?=[ '"`])/.test(
    code,
  )
}

/**
 * Whether a worker is given its program as a text: that program is not read here, and is not a file
 * of the project.
 */
function runsText(node: CallExpression | NewExpression): boolean {
  const [first, second] = node.arguments.map((value) => unwrap(value))
  if (literalText(first)?.startsWith('data:') === true) return true
  if (
    first?.type === 'NewExpression' &&
    literalText(first.arguments[0])?.startsWith('data:') === true
  )
    return true
  return (
    second?.type === 'ObjectExpression' &&
    second.properties.some(
      (part) =>
        part.type !== 'ObjectProperty' ||
        (part.key.type === 'Identifier' &&
          part.key.name === 'eval' &&
          !(part.value.type === 'BooleanLiteral' && !part.value.value)),
    )
  )
}

function isDetached(node: Node): boolean {
  if (node.type !== 'ObjectExpression') return false
  return node.properties.some(
    (part) =>
      part.type === 'ObjectProperty' &&
      part.key.type === 'Identifier' &&
      part.key.name === 'detached',
  )
}

const writes =
  /^(writeFile|appendFile|rm|rmdir|unlink|symlink|link|rename|truncate|chmod|chown|lchown|utimes|mkdir|cp|copyFile|createWriteStream)(Sync)?$/

function isWrite(name: string, node: CallExpression | NewExpression): boolean {
  if (writes.test(name)) return true
  if (!/^open(Sync)?$/.test(name)) return false
  return /[wa+]/.test(literalText(node.arguments[1]) ?? 'r')
}

/**
 * Whether a call removes something of the work tree by its name. The run shows whether that was the
 * project's own.
 */
function tidiesUp(name: string, node: CallExpression | NewExpression): boolean {
  if (!/^(rm|rmdir|unlink)(Sync)?$/.test(name)) return false
  const path = literalText(node.arguments[0])
  return path !== undefined && /^[^/~.]/.test(path.replace(/^\.\//, '')) && !path.includes('..')
}

/** Which argument is the path that is written: copies and links write the second one. */
function targetOf(name: string): number {
  return /^(cp|copyFile|symlink|link|rename)(Sync)?$/.test(name) ? 1 : 0
}

/** Whether a path lies below a folder that the test made for itself. */
function isTemporary(tree: SyntaxTree, node: Node | undefined, uses: Uses, depth = 0): boolean {
  if (node === undefined || depth > 12) return uses.usesTemporary
  const inner = unwrap(node)
  if (literalText(inner) !== undefined) return false
  if (inner.type === 'AwaitExpression') return isTemporary(tree, inner.argument, uses, depth + 1)
  if (inner.type === 'BinaryExpression' && inner.operator === '+')
    return isTemporary(tree, inner.left, uses, depth + 1)
  if (inner.type === 'TemplateLiteral') {
    const starts = inner.quasis[0]?.value.raw ?? ''
    return starts === '' && isTemporary(tree, inner.expressions[0], uses, depth + 1)
  }
  if (inner.type === 'CallExpression') {
    const name = calleePath(tree, inner).split('.').at(-1) ?? ''
    if (/^(mkdtemp(Sync)?|tmpdir)$/.test(name)) return true
    if (/^(join|resolve|normalize|realpath(Sync)?|pathToFileURL|fileURLToPath)$/.test(name))
      return isTemporary(tree, inner.arguments[0], uses, depth + 1)
    if (name === 'cwd') return false
    return uses.usesTemporary
  }
  if (inner.type === 'NewExpression')
    return isTemporary(tree, inner.arguments[1] ?? inner.arguments[0], uses, depth + 1)
  if (inner.type === 'Identifier' && /^__(dirname|filename)$/.test(inner.name)) return false
  if (inner.type === 'MemberExpression' && inner.object.type === 'MetaProperty') return false
  const init = tree.initOf(inner)
  return init === undefined ? uses.usesTemporary : isTemporary(tree, init, uses, depth + 1)
}

const local =
  /^(localhost|127\.\d+\.\d+\.\d+|\[?::1\]?|0\.0\.0\.0|[\w.-]*\.?example(\.(com|org|net))?|[\w.-]+\.(test|invalid|localhost))$/i

/** Whether an address that is known from the text is one of another machine. */
function isForeign(tree: SyntaxTree, node: Node | undefined, depth = 0): boolean {
  if (node === undefined || depth > 12) return false
  const inner = unwrap(node)
  if (inner.type === 'TemplateLiteral') {
    const [first, second] = inner.quasis
    const starts = first?.value.cooked ?? ''
    // `https://${host}/` says nothing about the host.
    return second !== undefined && /^\w+:\/\/$/.test(starts) ? false : isForeignAddress(starts)
  }
  const text = literalText(inner)
  if (text !== undefined) return isForeignAddress(text)
  if (inner.type === 'BinaryExpression') return isForeign(tree, inner.left, depth + 1)
  if (inner.type === 'NewExpression') return isForeign(tree, inner.arguments[0], depth + 1)
  if (inner.type === 'ObjectExpression')
    return inner.properties.some((part) => {
      if (part.type !== 'ObjectProperty' || part.key.type !== 'Identifier') return false
      const host = /^(host|hostname)$/.test(part.key.name) ? literalText(part.value) : undefined
      return host !== undefined && !local.test(host.replace(/:\d+$/, ''))
    })
  const init = tree.initOf(inner)
  return init === undefined ? false : isForeign(tree, init, depth + 1)
}

function isForeignAddress(text: string): boolean {
  const host = /^\w+:\/\/(?:[^/@\s]*@)?(\[[^\]]*\]|[^/:?#\s]*)/.exec(text.slice(0, 500))?.[1]
  return host !== undefined && host !== '' && !local.test(host)
}

function calleePath(tree: SyntaxTree, node: CallExpression | NewExpression): string {
  return pathOf(tree, node.callee).join('.')
}
