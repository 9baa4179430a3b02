// Reads the fenced blocks of an answer, which small models name and wrap in many ways.
import type { FencedBlock } from '../../api/agent-protocol.ts'
import { fenceLine, withoutThinking } from '../../api/thoughts.ts'

const deepestInText = 3
/**
 * Blocks of Markdown that wrap others count as levels; a text full of opening fences would have as
 * many levels as lines.
 */
const deepestMarkdown = 3
/** Marks for the end of a turn, which servers with a wrong template let through. */
const templateMark = /^(?:<\|\w+\|>|<\/s>|<EOT>)/
const pathLike = /^(?:[\w.@+-]+\/)*[\w.@+-]*\.[A-Za-z0-9]{1,8}$|^(?:[\w.@+-]+\/)+[\w.@+-]+$/
const bareNames = new Set(['Dockerfile', 'Makefile', 'LICENSE', '.gitignore', '.npmrc'])
const longestPath = 250

/**
 * The fenced blocks of an answer, in order.
 * The path is taken from the info string or from the last line before the fence. A block whose
 * closing fence is missing at the end of the answer counts. Markdown inside a Markdown block keeps
 * its own fences. When that block has no path, the blocks in it follow it, because some models wrap
 * their whole answer.
 */
export function extractBlocks(answer: string): FencedBlock[] {
  return blocksIn(answer, 0)
}

function blocksIn(answer: string, depth: number): FencedBlock[] {
  const lines = withoutThinking(answer).split(/\r?\n/)
  const blocks: FencedBlock[] = []
  let before = ''
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index] ?? ''
    const open = fenceLine.exec(line)
    if (open === null) {
      if (line.trim() !== '') before = line
      continue
    }
    const [, indent = '', fence = '', rest = ''] = open
    const info = parseInfo(rest)
    const path = info.path ?? pathOfLine(before)
    const markdown = isMarkdown(info.language, path)
    const end = closingLine(lines, index, { indent, fence, nests: markdown })
    const text = lines
      .slice(index + 1, end)
      .map((inner) => withoutIndent(inner, indent.length))
      .join('\n')
    blocks.push({
      ...(path === undefined ? {} : { path }),
      ...(info.language === undefined ? {} : { language: info.language }),
      text,
    })
    if (markdown && path === undefined && depth < deepestMarkdown) {
      blocks.push(...blocksIn(text, depth + 1))
    }
    index = end
    before = ''
  }
  return blocks
}

/**
 * The line that closes a block; the number of lines when none does. Models that open a block with
 * four signs close it with three at times: such a line counts where no other closes the block.
 */
function closingLine(
  lines: readonly string[],
  from: number,
  open: { readonly indent: string; readonly fence: string; readonly nests: boolean },
): number {
  const deepest = Math.max(deepestInText, open.indent.length)
  const sign = open.fence[0] ?? ''
  const shorter: number[] = []
  let depth = 0
  let depthOfShorter = 0
  const atShorter = (): number | undefined => (open.nests ? shorter.at(-1) : shorter[0])
  for (let index = from + 1; index < lines.length; index++) {
    const match = fenceLine.exec(lines[index] ?? '')
    // Deeper fences belong to the text: documentation in code has fences, too.
    if (match === null || (match[1] ?? '').length > deepest) continue
    const [, , signs = '', rest = ''] = match
    const opens = rest.replace(templateMark, '').trim() !== ''
    if (!signs.startsWith(open.fence)) {
      if (!signs.startsWith(sign)) continue
      if (opens) depthOfShorter++
      else if (depthOfShorter > 0) depthOfShorter--
      else shorter.push(index)
      continue
    }
    if (opens) {
      const closed = open.nests ? undefined : atShorter()
      // The next block begins, so this one was closed before.
      if (closed !== undefined) return closed
      if (open.nests) depth++
      continue
    }
    if (depth === 0) return index
    depth--
  }
  // In Markdown, fences without a language come in pairs; one more than that closes the block.
  return open.nests && shorter.length % 2 === 0 ? lines.length : (atShorter() ?? lines.length)
}

function withoutIndent(line: string, most: number): string {
  return line.slice(Math.min(most, line.length - line.trimStart().length))
}

function isMarkdown(language: string | undefined, path: string | undefined): boolean {
  return /^(md|markdown)$/i.test(language ?? '') || /\.(md|markdown)$/i.test(path ?? '')
}

/** Splits an info string such as `js`, `src/a.js`, `js:src/a.js` or `js title="src/a.js"`. */
function parseInfo(info: string): { path?: string; language?: string } {
  const words = info
    .trim()
    .split(/\s+/)
    .filter((word) => word !== '')
  const [first = '', ...rest] = words
  const [head = '', ...tail] = first.split(':')
  const candidates = [
    ...(tail.length > 0 ? [tail.join(':')] : [first]),
    ...rest.map((word) => word.replace(/^(?:title|file|filename|path|name)=/i, '')),
  ]
  const path = candidates.map(asPath).find((candidate) => candidate !== undefined)
  const language = asPath(first) === undefined && head !== '' ? head.toLowerCase() : undefined
  return {
    ...(path === undefined ? {} : { path }),
    ...(language === undefined ? {} : { language }),
  }
}

function pathOfLine(line: string): string | undefined {
  if (line.length > longestPath) return undefined
  const quoted = [...line.matchAll(/`([^`]+)`/g)]
    .map((match) => asPath(match[1] ?? ''))
    .filter((path) => path !== undefined)
  if (quoted.length === 1) return quoted[0]
  const bare = line
    .trim()
    .replace(/^(?:\/\/|#+|[-*>]|\d+\.)\s*/, '')
    .replace(/^\**(?:file|filename|path)\**\s*:\s*/i, '')
  return asPath(bare)
}

function asPath(word: string): string | undefined {
  const trimmed = word.trim()
  if (trimmed.length > longestPath + 20) return undefined
  const path = trimmed.replace(/^[*`"'(<:#]+|[*`"')>:,]+$/g, '')
  if (path.length > longestPath) return undefined
  return pathLike.test(path) || bareNames.has(path) ? path : undefined
}
