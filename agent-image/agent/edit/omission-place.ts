// Whether a comment that sounds like a placeholder stands in the place of code.
import type { BlockFact, CodeFacts, CommentFact } from '../code/facts.ts'

/** See `kindOf` of omission.ts. */
export type CommentKind = 'strong' | 'weak' | 'topic'

/**
 * Whether code is left out where the comment stands. It is where nothing else stands in that place, and where something that
 * stood in the same place before is gone. Where neither can be told, the words decide: in a new file those that name code,
 * on a line of their own.
 */
export function leavesOut(
  comment: CommentFact,
  kind: CommentKind,
  {
    text,
    facts,
    before,
  }: {
    readonly text: string
    readonly facts: CodeFacts
    readonly before: CodeFacts | undefined
  },
): boolean {
  const block = blockAt(facts.blocks, comment)
  if (block !== undefined && block.name !== '' && block.statements === 0) return true
  const lineStart = text.lastIndexOf('\n', comment.start - 1) + 1
  const standsBehindCode = /[^\s{([,*/#-]/.test(text.slice(lineStart, comment.start))
  if (block === undefined || before === undefined || before.parsed.kind !== 'fine')
    return kind === 'strong' && !standsBehindCode
  const old = before.blocks.find(({ name }) => name === block.name)
  // What is new cannot have lost anything; a word for code that should be there is one all the same.
  if (old === undefined) return kind === 'strong' && !standsBehindCode
  const now = new Set(block.parts)
  const isClassOrFile = block.name === '' || old.parts.length >= old.statements
  if (old.parts.some((part) => !now.has(part)) && (isClassOrFile || kind === 'strong')) return true
  return kind !== 'topic' && block.statements < old.statements
}

/** The innermost block around a comment: of two that end together, the one within the other. */
function blockAt(blocks: readonly BlockFact[], { start, end }: CommentFact): BlockFact | undefined {
  const size = (one: BlockFact): number => one.end - one.start
  return blocks
    .filter((one) => one.start <= start && one.end >= end)
    .toSorted((a, b) => size(a) - size(b) || b.name.length - a.name.length)[0]
}
