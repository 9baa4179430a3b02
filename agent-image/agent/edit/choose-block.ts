// Finds the text for one wanted file in a model's answer: in a fenced block, or in an answer that
// is nothing but the file.
import { basename } from 'node:path'
import type { FencedBlock } from '../../../core/api/agent-protocol.ts'
import { withoutThinking } from '../../../core/api/thoughts.ts'
import type { CodeFacts } from '../code/facts.ts'
import { factsOf, isCode } from '../code/read-code.ts'
import { isTestPath, languageOf } from '../project/project.ts'
import { mentions } from './asked-words.ts'

/**
 * Either the new text of the file, or a sentence for the model that says why the answer holds none.
 */
type ChosenText =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'none'; readonly why: string }

const languages: Readonly<Record<string, readonly string[]>> = {
  node: ['js', 'javascript', 'mjs', 'cjs', 'jsx', 'ts', 'typescript', 'node'],
  python: ['py', 'python', 'python3'],
}

/**
 * Chooses, in this order: a block named as the wanted path; one with the same file name in other
 * folders; of the blocks without a name that fit the language, code that is not a test, and of that
 * the longest. A name may stand in a sentence before the block, or in its first comment. A block
 * named after another file is never taken.
 */
export function chooseBlock(blocks: readonly FencedBlock[], wanted: string): ChosenText {
  const full = blocks.filter((block) => block.text.trim() !== '')
  if (full.length === 0) return { kind: 'none', why: 'The answer had no fenced block with text.' }
  const named = full.map((block) => ({
    block,
    path: isNamed(block.path, wanted)
      ? wanted
      : (cleanPath(block.path) ?? pathInSentence(block.path) ?? pathInComment(block.text)),
  }))
  const exact = named.filter((entry) => entry.path === wanted)
  const sameName = named.filter((entry) => {
    return entry.path !== undefined && basename(entry.path) === basename(wanted)
  })
  const nameless = named.filter(
    (entry) => entry.path === undefined && fits(entry.block.language, wanted),
  )
  // The last block is taken, because a model that corrects itself gives the better text last.
  const chosen = exact.at(-1) ?? sameName.at(-1) ?? likeliest(nameless, wanted)
  if (chosen !== undefined) return { kind: 'text', text: withEnd(chosen.block.text) }
  const others = named.flatMap((entry) => (entry.path === undefined ? [] : [entry.path]))
  return {
    kind: 'none',
    why:
      others.length > 0
        ? `The answer was for ${others.slice(0, 3).join(', ')} and not for ${wanted}.`
        : `The answer had no block in the language of ${wanted}.`,
  }
}

/**
 * Of blocks without a name: code that is not a test comes before the rest, and the longest comes
 * first.
 */
function likeliest<T extends { readonly block: FencedBlock }>(
  entries: readonly T[],
  wanted: string,
): T | undefined {
  const isCandidate = entries.length > 1 && isCode(wanted) && !isTestPath(wanted)
  const rank = ({ block }: T): number => {
    if (!isCandidate || /\.pyi?$/.test(wanted)) return 0
    const facts = factsOf(wanted, block.text)
    if (facts.tests.length > 0) return 0
    return facts.parsed.kind === 'fine' && facts.exports.length > 0 ? 2 : 1
  }
  return entries
    .map((entry) => ({ entry, rank: rank(entry) }))
    .toSorted((a, b) => b.rank - a.rank || b.entry.block.text.length - a.entry.block.text.length)[0]
    ?.entry
}

const pathWord =
  /(?<![\w/\\.:-])[\w@[\]()-][\w@.[\]()-]{0,80}(?:[\\/][\w@.[\]()-]{1,80}){0,20}\.[a-z]\w{0,9}\b/gi

/**
 * Whether a line before a block names the wanted file, when that has a name which no pattern can
 * tell from the words around it: with blanks, letters of other scripts, quotes. The name has to
 * stand there whole.
 */
function isNamed(line: string | undefined, wanted: string): boolean {
  if (line === undefined || wanted.replace(pathWord, '') === '') return false
  const isPart = (sign: string | undefined): boolean =>
    sign !== undefined && /[\p{L}\p{N}_/\\-]/u.test(sign)
  const head = line.slice(0, 600)
  for (let at = head.indexOf(wanted); at !== -1; at = head.indexOf(wanted, at + 1)) {
    const before = head.slice(0, at).replace(/\.\/$/, '')
    if (!isPart(before.at(-1)) && !isPart(head[at + wanted.length])) return true
  }
  return false
}

/**
 * The one path that a sentence names: "Here is **src/slug.js**:", "Filename: src/slug.js (new)".
 */
function pathInSentence(sentence: string | undefined): string | undefined {
  const found = [...(sentence?.slice(0, 300) ?? '').matchAll(pathWord)].map(([path]) => path)
  const only = new Set(found)
  return only.size === 1 ? cleanPath(found[0]) : undefined
}

/** A path alone in the comment with which a text begins. */
function pathInComment(text: string): string | undefined {
  const lines = text.slice(0, 600).trimStart().split('\n')
  const line = (lines[0]?.startsWith('#!') ? lines[1] : lines[0]) ?? ''
  const comment = /^\s{0,20}(?:\/\/|#|\/\*+|<!--|--)\s{0,20}(\S[^\n]{0,200})$/.exec(line)?.[1]
  const inside = comment?.replace(/\s{0,20}(?:\*\/|-->)\s{0,20}$/, '').trim()
  const name = inside?.replace(/^(?:file(?:name)?|path)\s{0,9}[:=]\s{0,9}/i, '')
  if (name === undefined || /\s/.test(name.replace(/\s{0,9}\(\w{1,20}\)$/, ''))) return undefined
  return pathInSentence(name)
}

/**
 * A path as models write it: in backticks or stars, with a colon or a number sign, with a leading
 * `./`.
 */
export function cleanPath(path: string | undefined): string | undefined {
  const clean = path
    ?.slice(0, 400)
    .trim()
    .replace(/^(file(name)?|path)\s*[:=]\s*/i, '')
    .replace(/^[*`'"#\s]+|[*`'":\s]+$/g, '')
    .replaceAll('\\', '/')
    .replace(/^(\.\/|\/|path\/to\/)+/, '')
  // A sentence is not a file name.
  if (clean === undefined || clean === '' || clean.length > 250 || /\s/.test(clean))
    return undefined
  return clean
}

function fits(language: string | undefined, wanted: string): boolean {
  if (language === undefined || language === '') return true
  const allowed = languages[languageOf(wanted)]
  const ending = wanted.slice(wanted.lastIndexOf('.') + 1).toLowerCase()
  const said = language.toLowerCase()
  if (allowed === undefined)
    return said === ending || (ending === 'md' && said === 'markdown') || said === 'text'
  return allowed.includes(said)
}

/** A byte order mark of the answer is dropped: the file keeps its own form. */
function withEnd(text: string): string {
  const bare = text.replace(/^\uFEFF+/, '')
  return bare.endsWith('\n') ? bare : `${bare}\n`
}

/**
 * The text of an answer without fences as the file it was asked for: without thoughts before it and
 * without a first line that is the file's name. Undefined for an answer with a fence, and for files
 * that no parser here reads.
 */
export function bareText(answer: string, path: string): string | undefined {
  const said = withoutThinking(answer)
  if (!isCode(path) || /^\s*(?:`{3}|~{3})/m.test(said)) return undefined
  const text = said.replace(/\r\n/g, '\n').replace(/^\uFEFF|^(?:[ \t]*\n)+/g, '')
  const [first = '', ...rest] = text.split('\n')
  // A name such as src/a.js is also valid code: a division.
  const bare = cleanPath(first) === path ? rest.join('\n').replace(/^(?:[ \t]*\n)+/, '') : text
  return bare.trim() === '' ? undefined : `${bare.trimEnd()}\n`
}

/**
 * Whether such a text is the file that was asked for: its parser takes all of it, and it defines a
 * name of the request.
 */
export function isAskedFor(facts: CodeFacts, asked: string): boolean {
  if (facts.parsed.kind !== 'fine') return false
  return facts.exports.some(
    ({ name, kind }) =>
      name !== 'default' && name !== '*' && kind !== 'reexport' && mentions(asked, name),
  )
}
