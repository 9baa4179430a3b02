// The ways in which code could learn how it is judged: whether it is tested, and what its tests
// expect.
import type { Node } from '@babel/types'
import { literalText, loadedBy, pathOf, propertyName, type SyntaxTree, unwrap } from './tree.ts'

/** Whether a node uses internals of the runtime, by which code can change how it is judged. */
export function reachesBehind(tree: SyntaxTree, node: Node): boolean {
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
            pathOf(tree, node.callee).join('.'),
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
export function readsTests(tree: SyntaxTree, node: Node): boolean {
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
