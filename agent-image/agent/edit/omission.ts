// Words that stand for code which was left out ("… rest of the code …"), and whether they stand in
// the place of code.
import type { BlockFact, CodeFacts, CommentFact } from '../code/facts.ts'
import { factsOf, isCode } from '../code/read-code.ts'

const whatCanBeLeftOut =
  '(?:code|files?|functions?|methods?|implementations?|contents?|tests?|class(?:es)?|imports?|logic|helpers?|routes?|rules?|styles?|document|text|sections?|lines?|parts?|pages?|markup|components?|configuration)'
const which = '(?:(?:the|your|all|any|keep|and|our|this|of|these|more)\\s){0,3}'
const leftOut =
  '(?:\\.\\.\\.|…|unchanged|here|same|as before|as (?:they|it) (?:are|is|were|was)|stays?|remains?|omitted|go(?:es)? here|follows?|above|below)'

/**
 * Each is tried on a comment without its marks, with single blanks, of at most 200 characters, so
 * that all take little time.
 */
const placeholders: readonly RegExp[] = [
  // The rest of the code. Existing functions remain unchanged. Other helper methods stay the same.
  new RegExp(
    `^[\\W_]*${which}rest of (?:\\w+\\s){0,2}${whatCanBeLeftOut}\\b(?:\\W*|.{0,60}${leftOut}\\W*)$`,
    'i',
  ),
  new RegExp(
    `^[\\W_]*${which}(?:remaining|existing|previous|other|unchanged)\\s(?:(?!of\\b)\\w+\\s){0,2}${whatCanBeLeftOut}\\b.{0,60}${leftOut}\\W*$`,
    'i',
  ),
  /^[\W_]*(?:\.\.\.|…).{0,80}\b(?:rest|existing|remaining|unchanged|same|omitted|code)\b/i,
  /^\W*(?:(?:your|the|add|insert|write|put|implement|more)\s){0,3}(?:\w+\s)?(?:code|implementation|logic)\s(?:goes\s)?here\W*$/i,
  /^\W*(?:code|implementation|logic) goes here\b/i,
  /^\W*TODO\b[\s:-]{0,5}(?:please )?implement/i,
  /\bomitted for brevity\b/i,
  // Existing code. Keep the other functions. TODO: keep what is there. Same as before. Snip. Etc.
  new RegExp(
    `^\\W*${which}(?:existing|previous|original|remaining)\\s(?:\\w+\\s)?(?:code|implementations?|contents?|logic)\\W*$`,
    'i',
  ),
  new RegExp(
    `^\\W*(?:TODO\\b\\W{0,3})?keep\\s(?:(?:the|your|all|any|of|these)\\s){0,3}(?:existing|other|previous|original|remaining|rest)(?:\\sof)?(?:\\s\\w+)?\\s?${whatCanBeLeftOut}?\\W*$`,
    'i',
  ),
  /^\W*(?:the )?same as (?:before|above|in the original|the original)\W*$/i,
  /^\W*(?:snip(?:ped)?|etc|and so on|cut here)\W*$/i,
  new RegExp(
    `^\\W*${which}(?:(?:existing|other|rest|everything(?: else)?)\\s){0,2}(?:${whatCanBeLeftOut}\\s)?(?:is |are )?(?:unchanged|omitted|(?:remains?|stays?|kept) (?:the same|unchanged|as (?:is|before|they are|it is|they were|it was)))\\W*$`,
    'i',
  ),
]

/**
 * The marks that begin a comment, by the ending of a file's name; all marks where the ending says
 * nothing.
 */
const marks: readonly (readonly [RegExp, RegExp])[] = [
  [/\.(?:md|markdown|html?|xml|svg|vue|svelte)$/, /<!--/],
  [/\.(?:ya?ml|sh|bash|toml|rb|ini|cfg)$|(?:^|\/)(?:Dockerfile|Makefile)$/, /(?<=^|\s)#/],
  [/\.(?:css|scss|less)$/, /\/\*|(?<=^|\s)\/\//],
  [/\.sql$/, /(?<=^|\s)--|\/\*|(?<=^|\s)#/],
  [/\.(?:go|rs|java|kt|c|h|cpp|cs|swift|php)$/, /(?<=^|[\s{;])\/\/|\/\*/],
]
const anyMark = /(?<=^|[\s{;])(?:\/\/|#)|\/\*|<!--/

/**
 * The first line that stands for code that was left out, unless it stood there before. In a file of
 * code only comments are looked at, as its parser finds them, and in Python `...` in the place of a
 * body; `leavesOut` decides whether such a comment stands for code. Python needs `facts` for that;
 * without facts, and in other files, a comment is the text after its mark. `factsBefore` are those
 * of `before`.
 */
export function findOmission(
  text: string,
  before = '',
  {
    path,
    facts,
    factsBefore,
  }: {
    readonly path?: string
    readonly facts?: CodeFacts | undefined
    readonly factsBefore?: CodeFacts | undefined
  } = {},
): string | undefined {
  const code = path !== undefined && isCode(path) ? path : undefined
  const read = code === undefined ? undefined : (facts ?? factsOf(code, text))
  const known = new Set(before.split('\n').map((line) => line.trim()))
  const isNew = (line: string): boolean => !known.has(line.trim())
  if (code !== undefined && read?.parsed.kind === 'fine') {
    const old = before === '' ? undefined : (factsBefore ?? factsOf(code, before))
    const lines = text.split('\n')
    for (const comment of read.comments) {
      const parts = comment.text.split('\n')
      const line = lines[comment.line - 1] ?? ''
      const found = parts.find((part) => {
        const kind = kindOf(part, parts.length === 1)
        return kind !== 'none' && leavesOut(comment, kind, { text, facts: read, before: old })
      })
      if (found !== undefined && isNew(line) && isNew(found)) return shown(found)
    }
    const dots = read.ellipses.find((number) => isNew(lines[number - 1] ?? ''))
    return dots === undefined ? undefined : shown(lines[dots - 1] ?? '')
  }
  // In Python `...` is also a statement, and only its parser knows where it stands for a body.
  const dotsArePlain =
    /\.(?:md|markdown|txt|rst)$/.test(path ?? '') ||
    (read?.language === 'python' && read.parsed.kind === 'unread')
  // Code that its parser does not take may hold the comments of another language.
  const own =
    read === undefined
      ? marks.find(([ending]) => path !== undefined && ending.test(path))
      : undefined
  const mark = own?.[1] ?? anyMark
  for (const line of text.split('\n')) {
    // Dots alone are a line of prose in a document, and nothing in any other file.
    if (!dotsArePlain && /^\s*\{?(?:\.\.\.|…)\}?\s*$/.test(line) && isNew(line)) return shown(line)
    const at = mark.exec(line)
    if (at === null || !isNew(line)) continue
    if (isPlaceholder(line.slice(at.index + at[0].length), true)) return shown(line)
  }
  return undefined
}

function isPlaceholder(comment: string, alone: boolean): boolean {
  if (comment.length > 2000) return false
  const words = comment.replace(/\s+/g, ' ').trim().slice(0, 200)
  if (alone && /^(?:[*/#\s-]*)(?:\.\.\.|…)[\s*/>-]*\}?$/.test(words)) return true
  const plain = words.replace(/^[*/#-]+ ?/, '').replace(/ ?(?:\*\/\}?|-->)$/, '')
  return placeholders.some((pattern) => pattern.test(plain))
}

/**
 * How a comment in code sounds: `strong` names code that should stand there, `weak` may also be an
 * ordinary remark, `topic` speaks of things that code works on as well: of lines, of files, of the
 * text.
 */
function kindOf(comment: string, alone: boolean): CommentKind | 'none' {
  if (comment.length > 2000) return 'none'
  const words = comment.replace(/\s+/g, ' ').trim().slice(0, 200)
  const isOne = isPlaceholder(comment, alone)
  const sounds = soundsLikeOne(words)
  if (!isOne && !sounds) return 'none'
  // "… other tests …": dots and nothing but such words leave no doubt, whatever they name.
  if (sounds && isBareDotted(words)) return 'strong'
  if (topics.test(words) && !codeNouns.test(words)) return 'topic'
  // "Other helpers are below" leads a reader through a file that is complete.
  const isWeak = !isOne || /\b(?:here|above|below|follows?|and so on|etc)\W*$/i.test(words)
  return isWeak && !placesForCode.test(words) ? 'weak' : 'strong'
}

const placesForCode =
  /\b(?:(?:goes|go|comes) here|(?:previous|existing|original|remaining) (?:\w+ )?(?:code|implementation|logic)|your (?:\w+ )?(?:code|implementation|logic)|omitted)\b|^\W*(?:(?:add|insert|write|put|implement)\s)+(?:\w+\s){0,3}here\W*$/i
const codeNouns =
  /\b(?:code|functions?|methods?|implementations?|class(?:es)?|imports?|logic|helpers?|members?|fields?|getters?|properties|exports?|constants?|definitions?|statements?|bod(?:y|ies))\b/i
const topics =
  /\b(?:files?|contents?|tests?|routes?|rules?|styles?|documents?|text|sections?|lines?|parts?|pages?|markup|components?|configuration|words?|letters?|characters?|strings?|values?|names?|items?|entries|input|output|rows?|columns?|elements?|options?|keys?|numbers?)\b/i

/** Words that a placeholder is made of, other than the things that it leaves out. */
const gone =
  /^(?:rest|others?|existing|remaining|remainder|previous|previously|original|originally|unchanged|same|before|earlier|above|below|omitted|snip|snipped|skipped|elided|truncated|brevity|continues?|stays?|remains?|keep|kept|follows?|etc|intact|untouched|unmodified|already|more|everything|else|unaltered|identical|likewise|ditto|ellipsis)$/i
const small =
  /^(?:the|your|all|any|keep|and|our|this|of|these|those|that|a|an|is|are|was|were|be|been|as|it|its|they|them|in|to|from|for|with|on|at|here|there|now|still|just|also|go|goes|no|not|nothing|change|changes|changed|modified|so|old|current|way|place|both|every|each|do|does|unrelated|left|defined|implemented)$/i

/**
 * Whether a remark is made of such words alone: "existing methods", "(same as before)", "… other
 * methods".
 */
function soundsLikeOne(words: string): boolean {
  const list = words.match(/[\p{L}\p{N}_$']+/gu) ?? []
  const isDotted = /^\W*(?:\.\.\.|…)|(?:\.\.\.|…)\W*$/.test(words)
  if (list.length === 0 || list.length > 14) return false
  const isNoun = (word: string): boolean => codeNouns.test(word) || topics.test(word)
  const hasGone =
    list.some((word) => gone.test(word)) ||
    /\bno (?:other )?changes?\b|\bnot (?:changed|modified)\b|\b(?:left|keep|kept) as\b/i.test(words)
  if (!hasGone && !(isDotted && list.some((word) => codeNouns.test(word)))) return false
  const strange = list.filter((word) => !gone.test(word) && !small.test(word) && !isNoun(word))
  return strange.length <= Math.floor(list.length / 3)
}

/** Whether a remark has dots at an end and no word but those that a placeholder is made of. */
function isBareDotted(words: string): boolean {
  if (!/^\W*(?:\.\.\.|…)|(?:\.\.\.|…)\W*$/.test(words)) return false
  return (words.match(/[\p{L}\p{N}_$']+/gu) ?? []).every(
    (word) => gone.test(word) || small.test(word) || codeNouns.test(word) || topics.test(word),
  )
}

function shown(line: string): string {
  return line.trim().slice(0, 80)
}

/** See `kindOf`. */
type CommentKind = 'strong' | 'weak' | 'topic'

/**
 * Whether code is left out where the comment stands. It is left out when nothing else stands in
 * that place, and when a part that stood in the same place before is gone. Where neither can be
 * seen, the words decide: in a new file those that name code, on a line of their own.
 */
function leavesOut(
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
  // A new block cannot have lost anything; a comment that names missing code still counts.
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
