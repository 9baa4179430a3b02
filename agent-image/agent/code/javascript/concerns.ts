// The concerns about a JavaScript file. A test may not depend on chance, the clock, the network,
// processes, files, other frameworks or skips. Code may not ask whether it is tested, and may not
// read its tests.
import type { CallExpression, NewExpression, Node } from '@babel/types'
import type { Concern, ConcernKind } from '../facts.ts'
import {
  literalText,
  loadedBy,
  type Meaning,
  pathOf,
  propertyName,
  type SyntaxTree,
  unwrap,
} from './tree.ts'
import { isTrivial, isUnasserted, type TestTree } from './assertions.ts'
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

/** Whether a node uses internals of the runtime, by which code can change how it is judged. */
function reachesBehind(tree: SyntaxTree, node: Node): boolean {
  if (asksForTests(tree, node) || changesAssert(tree, node)) return true
  if (node.type !== 'MemberExpression' && node.type !== 'Identifier') return false
  const name = node.type === 'MemberExpression' ? propertyName(node) : node.name
  if (
    !/^(reallyExit|binding|_linkedBinding|syncBuiltinESMExports|registerHooks|register)$/.test(
      name ?? '',
    )
  )
    return false
  const meaning = tree.meaning(node)
  if (meaning.kind === 'global')
    return /^process\.(reallyExit|binding|_linkedBinding)$/.test(meaning.path.join('.'))
  if (meaning.kind !== 'module') return false
  if (meaning.source === 'process')
    return /^(reallyExit|binding|_linkedBinding)$/.test(meaning.path[0] ?? '')
  return (
    meaning.source === 'module' &&
    /^(syncBuiltinESMExports|registerHooks|register)$/.test(meaning.path[0] ?? '')
  )
}

/** Whether a node puts something else in the place of an assertion. */
function changesAssert(tree: SyntaxTree, node: Node): boolean {
  const target =
    node.type === 'AssignmentExpression' && node.left.type === 'MemberExpression'
      ? node.left.object
      : node.type === 'CallExpression' &&
          /^(?:Object|Reflect)\.(?:assign|defineProperty|defineProperties|set)$/.test(
            calleePath(tree, node),
          )
        ? node.arguments[0]
        : undefined
  if (target === undefined) return false
  const meaning = tree.meaning(target)
  return meaning.kind === 'module' && /^assert(\/strict)?$/.test(meaning.source)
}

/** Whether a node asks if a test is running: code has to do the same when nobody tests. */
function asksForTests(tree: SyntaxTree, node: Node): boolean {
  if (
    node.type === 'StringLiteral' ||
    node.type === 'RegExpLiteral' ||
    node.type === 'TemplateElement'
  )
    return looksForTests(tree, node)
  if (node.type === 'MemberExpression' || node.type === 'OptionalMemberExpression') {
    const name = propertyName(node) ?? ''
    // How many options Node was started with says whether a test runner started it.
    const holder = name === 'length' ? 'execArgv' : runnerVariables.test(name) ? 'env' : undefined
    if (holder === undefined) return false
    const meaning = tree.meaning(node.object)
    return meaning.kind !== 'function' && meaning.path.at(-1) === holder
  }
  // `const { VITEST } = process.env`; a property of an object that is made is data.
  if (node.type !== 'ObjectProperty' || tree.parent(node)?.type !== 'ObjectPattern') return false
  const name = node.key.type === 'Identifier' ? node.key.name : literalText(node.key)
  return runnerVariables.test(name ?? '')
}

const testWords = /(?:^|[^a-z])(?:tests?|specs?|test_runner|mocha|jest|vitest)(?:[^a-z]|$)/i
const searches =
  /\.(?:includes|indexOf|lastIndexOf|endsWith|startsWith|match|matchAll|search|test|exec|some|find|findIndex)\(/
const surroundings =
  /\bprocess\s*\.\s*(?:argv|execArgv|argv0|mainModule|title)\b|\brequire\s*\.\s*main\b|\.stack\b|\bgetCallSites\b/

/**
 * Whether code looks for a word such as `test` in the command line of its process, or in the names
 * of its callers.
 */
function looksForTests(
  tree: SyntaxTree,
  node: Extract<Node, { type: 'StringLiteral' | 'RegExpLiteral' | 'TemplateElement' }>,
): boolean {
  const text =
    node.type === 'RegExpLiteral' ? node.pattern : (literalText(node) ?? tree.codeOf(node))
  if (!testWords.test(text)) return false
  const code = tree.codeOf(statementPart(tree, node), 1000)
  // `--test` may be an option of the command itself; Node's own is in `execArgv`.
  if (/^--?\w/.test(text) && !/execArgv|\.stack\b/.test(code)) return false
  return searches.test(code) && surroundings.test(code)
}

const runnerVariables =
  /^(?:NODE_TEST_CONTEXT|NODE_TEST_WORKER_ID|VITEST|VITEST_WORKER_ID|VITEST_POOL_ID|JEST_WORKER_ID|PYTEST_CURRENT_TEST)$/

/** The largest expression around a node. */
function statementPart(tree: SyntaxTree, node: Node): Node {
  let whole: Node = node
  for (
    let up = tree.parent(node);
    up !== undefined &&
    /Expression$|^TemplateLiteral$|^SpreadElement$|^(?:Object|Class)?Property$|^VariableDeclarator$/.test(
      up.type,
    );
    up = tree.parent(up)
  )
    whole = up
  return whole
}

const listers = /^(?:glob|globby|fast-glob|tinyglobby|fdir|readdirp)$/
const reads = /^(?:fs|fs\/promises|fs-extra|graceful-fs)$/
const opens =
  /^(?:readFile|readdir|opendir|open|glob|createReadStream|readJson|readJSON|cp|copyFile|openAsBlob)(?:Sync)?$/
/** A path of tests: in a folder for tests, or a file with a name of tests. */
const testPath =
  /^(?:(?:\.{1,2}|\*{1,2})?\/)*(?:tests?|__tests__)(?:\/|$)|(?:^|\/)[^/]*\.(?:test|spec)s?\.(?:[cm]?[jt]sx?|\*|\{[^}]*\}|\[[^\]]*\])|(?:^|\/)(?:test[-_*][^/]*|[^/]*[-_*]tests?)\.(?:[cm]?[jt]sx?|pyi?|\*)$|(?:^|\/)test\*$/i
const testName = /^\W*tests?[-_.*]|[-_.](?:test|spec)s?(?:[-_.\\]|\W*$)/i

/**
 * Whether a node opens, lists or loads the tests of the project, from which code must not read the
 * expected values.
 */
function readsTests(tree: SyntaxTree, node: Node): boolean {
  if (node.type === 'ImportDeclaration')
    return node.importKind !== 'type' && isTestModule(node.source.value)
  if (node.type === 'StringLiteral' || node.type === 'RegExpLiteral')
    return filtersForTests(tree, node)
  const loaded = loadedBy(node, tree.isDeclared)
  if (loaded !== undefined) return isTestModule(loaded)
  if (node.type !== 'CallExpression') return false
  const meaning = tree.meaning(node.callee)
  if (meaning.kind !== 'module') return false
  const isRead = reads.test(meaning.source) && opens.test(meaning.path.at(-1) ?? '')
  if (!isRead && !listers.test(meaning.source)) return false
  return node.arguments.some((value) => testPath.test(pathText(tree, value)))
}

function isTestModule(specifier: string): boolean {
  return /^[./]/.test(specifier) && testPath.test(specifier)
}

/** The known parts of a path, one behind the other; an unknown part is empty. */
function pathText(tree: SyntaxTree, node: Node, depth = 0): string {
  const inner = unwrap(node)
  const text = literalText(inner)
  if (text !== undefined || depth > 12) return text ?? ''
  const join = (parts: readonly Node[], sign: string): string =>
    parts
      .map((part) => pathText(tree, part, depth + 1))
      .filter((part) => part !== '')
      .join(sign)
  if (inner.type === 'TemplateLiteral')
    return inner.quasis
      .map(({ value }, index) => {
        const given = inner.expressions[index]
        return `${value.cooked ?? ''}${given === undefined ? '' : pathText(tree, given, depth + 1)}`
      })
      .join('')
  if (inner.type === 'BinaryExpression') return join([inner.left, inner.right], '')
  if (inner.type === 'ArrayExpression')
    return join(
      inner.elements.flatMap((one) => one ?? []),
      '/',
    )
  if (inner.type === 'CallExpression' || inner.type === 'NewExpression')
    return join(inner.arguments, '/')
  const init = inner.type === 'Identifier' ? tree.initOf(inner) : undefined
  return init === undefined ? '' : pathText(tree, init, depth + 1)
}

/** Whether a statement looks for a name of tests in a list of files, in a file that reads files. */
function filtersForTests(
  tree: SyntaxTree,
  node: Extract<Node, { type: 'StringLiteral' | 'RegExpLiteral' }>,
): boolean {
  const text = node.type === 'RegExpLiteral' ? node.pattern : node.value
  if (!testName.test(text)) return false
  const code = tree.codeOf(statementPart(tree, node), 1000)
  return (
    searches.test(code) &&
    /\b(?:readdir|opendir|glob)(?:Sync)?\s*\(/.test(code) &&
    /\b(?:readFile|createReadStream)(?:Sync)?\b/.test(tree.text)
  )
}
