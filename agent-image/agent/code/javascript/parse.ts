// Parses JavaScript, TypeScript and JSX, and walks through the nodes of a parsed file.
import { parse, type ParserOptions } from '@babel/parser'
import type { File, Node } from '@babel/types'
import type { Parsed } from '../facts.ts'

/** Longest text that is parsed, in UTF-16 units. */
export const longestText = 262_144

type ParsedJavaScript =
  | { readonly kind: 'tree'; readonly file: File }
  | Exclude<Parsed, { readonly kind: 'fine' }>

/**
 * Parses a file by the rules of its name. `kind` is the module system of a `.js` or `.ts` file;
 * without it both are tried. Never throws: a text that is too long or nested too deeply is
 * `unread`.
 */
export function parseJavaScript(
  path: string,
  text: string,
  kind?: 'module' | 'commonjs',
): ParsedJavaScript {
  if (text.length > longestText) return { kind: 'unread', why: 'it is longer than 256 KiB' }
  // Node and browsers skip a byte order mark; offsets must stay those of the text.
  const code = text.startsWith('\uFEFF') ? ` ${text.slice(1)}` : text
  let first: Extract<ParsedJavaScript, { kind: 'wrong' }> | undefined
  for (const options of optionsFor(path, text, kind)) {
    try {
      const file = parse(code, options)
      const problem = regexProblem(file)
      if (problem === undefined) return { kind: 'tree', file }
      first ??= problem
    } catch (error) {
      if (error instanceof RangeError) return { kind: 'unread', why: 'it is nested too deeply' }
      const wrong = syntaxProblem(error)
      // Of two ways to read it, the one that came further is the one that was meant.
      if (first === undefined || wrong.line > first.line) first = wrong
    }
  }
  return first ?? { kind: 'unread', why: 'there is no parser for it' }
}

function optionsFor(path: string, text: string, kind?: 'module' | 'commonjs'): ParserOptions[] {
  const typed = /\.[cm]?tsx?$/.test(path)
  const markup = path.endsWith('x') || !typed
  const always: NonNullable<ParserOptions['plugins']> = [
    'explicitResourceManagement',
    ...(markup ? ['jsx' as const] : []),
  ]
  const declarations = /\.d\.[cm]?ts$/.test(path)
  const flow = !typed && /@flow\b/.test(text.slice(0, 2000))
  const dialects: NonNullable<ParserOptions['plugins']>[] = typed
    ? [
        [...always, ['typescript', { dts: declarations }], 'decorators-legacy'],
        [...always, ['typescript', { dts: declarations }], 'decorators'],
      ]
    : flow
      ? [[...always, 'flow']]
      : [[...always], [...always, 'decorators']]
  // Node runs no decorators, but the tools of many projects turn them into something that runs.
  const usesDecorators = /^\s{0,40}@\w/m.test(text)
  const chosen = usesDecorators ? dialects : dialects.slice(0, 1)
  const types: NonNullable<ParserOptions['sourceType']>[] =
    /\.m[jt]s$/.test(path) || kind === 'module'
      ? ['module']
      : /\.c[jt]s$/.test(path) || kind === 'commonjs'
        ? typed
          ? ['module', 'script']
          : ['script']
        : ['module', 'script']
  return types.flatMap((sourceType) =>
    chosen.map((plugins) => ({
      sourceType,
      plugins,
      allowReturnOutsideFunction: sourceType === 'script',
      allowNewTargetOutsideFunction: sourceType === 'script',
      allowUndeclaredExports: typed,
      createParenthesizedExpressions: false,
      errorRecovery: false,
    })),
  )
}

function syntaxProblem(error: unknown): Extract<ParsedJavaScript, { kind: 'wrong' }> {
  const { loc, message } = error as { loc?: { line?: number }; message?: string }
  return {
    kind: 'wrong',
    line: loc?.line ?? 1,
    message: (message ?? String(error)).replace(/ \(\d+:\d+\)$/, '').slice(0, 300),
  }
}

/**
 * The parser does not look into regular expressions; a wrong one keeps the whole file from loading.
 */
function regexProblem(file: File): Extract<ParsedJavaScript, { kind: 'wrong' }> | undefined {
  for (const node of nodesOf(file)) {
    if (node.type !== 'RegExpLiteral') continue
    try {
      void new RegExp(node.pattern, node.flags)
    } catch (error) {
      return {
        kind: 'wrong',
        line: node.loc?.start.line ?? 1,
        message: error instanceof Error ? error.message.slice(0, 300) : 'wrong regular expression',
      }
    }
  }
  return undefined
}

/** The nodes directly below `node`, in the order of the text. */
export function childrenOf(node: Node): Node[] {
  const children: Node[] = []
  for (const [key, value] of Object.entries(node) as [string, unknown][]) {
    if (key === 'loc' || key === 'extra' || key.endsWith('Comments') || key === 'comments') continue
    if (key === 'errors' || key === 'tokens') continue
    for (const item of Array.isArray(value) ? (value as unknown[]) : [value])
      if (isNode(item)) children.push(item)
  }
  return children
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as Node).type === 'string'
}

/**
 * All nodes of a tree, each before those below it. It keeps its own stack, so that depth costs
 * nothing.
 */
export function* nodesOf(root: Node): Generator<Node> {
  const waiting: Node[] = [root]
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    yield node
    waiting.push(...childrenOf(node).toReversed())
  }
}
