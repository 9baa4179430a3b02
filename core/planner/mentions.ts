// The files, identifiers, quoted strings and numbers that a request names. A plan without one of
// them lost a part of the request.
import { literalsOf, type Literal } from '../api/literals.ts'
import { bareName, namesIn } from './examples.ts'
import { isCode, isDocument } from './language.ts'
import { pathsIn } from './path-words.ts'
import { isAboutDocuments, sentencesOf } from './sentences.ts'

/**
 * One thing that a request names. `identifier` and `path` stand for things to make, the others for
 * details.
 */
export interface Mention {
  readonly kind: 'path' | 'identifier' | 'string' | 'number'
  readonly text: string
}

/** Mentions beyond this number say nothing about what the request is for. */
const mostMentions = 400
const longestString = 200
const identifierWord =
  /(?<![\p{L}\p{M}\p{N}_$])[\p{L}_$][\p{L}\p{M}\p{N}_$]{0,80}(?![\p{L}\p{M}\p{N}_$])/gu
const numberWord = /(?<![\p{L}\p{N}_.-])\d{1,40}(?:\.\d{1,40})?(?!\d|[\w.]{0,40}[A-Za-z])/gu
const notIdentifiers = new Set(['javaScript', 'gitHub', 'if', 'for', 'while'])

/**
 * Everything that a text names, each once, at most 400. Sentences about documentation are left out,
 * because documentation has its own task. `files` are those of the repository, which are recognized
 * whatever characters their names have.
 */
export function mentionsOf(text: string, files: readonly string[] = []): Mention[] {
  const found = new Map<string, Mention>()
  const add = (kind: Mention['kind'], word: string) => {
    const key = `${kind} ${word}`
    if (word !== '' && found.size < mostMentions && !found.has(key))
      found.set(key, { kind, text: word })
  }
  for (const sentence of sentencesOf(text)) {
    if (isAboutDocuments(sentence)) continue
    const paths = pathsIn(sentence, files)
    const ranges = paths.map(({ start, end }) => ({ start, end }))
    for (const { path, isQuoted } of paths) if (isQuoted) add('path', path)
    const literals = literalsOf(sentence).filter(
      (literal) => !ranges.some(({ start, end }) => literal.start < end && start < literal.end),
    )
    for (const literal of literals) addLiteral(sentence, literal, add)
    for (const { path, isQuoted } of paths) if (!isQuoted) add('path', path)
    const apart = literals
      .filter(({ kind }) => kind !== 'block')
      .map((one) => argumentsOf(sentence, one))
    const rest = without(sentence, [...apart, ...ranges])
    addWords(rest, add)
  }
  return [...found.values()]
}

type Add = (kind: Mention['kind'], word: string) => void

function addWords(text: string, add: Add): void {
  for (const match of text.matchAll(identifierWord)) {
    const word = bareName(match[0])
    const isCalled = text[match.index + match[0].length] === '('
    if (!notIdentifiers.has(word) && (isCalled || isNameOfProgram(word))) add('identifier', word)
  }
  for (const [word] of text.replace(/^\s{0,40}\d{1,9}[.)]/, '').matchAll(numberWord))
    add('number', word)
}

/** `parseDate` and `max_width`, which no prose has. */
function isNameOfProgram(word: string): boolean {
  return /^\p{Ll}[\p{Ll}\d]*\p{Lu}/u.test(word) || /^[\p{Ll}\d]+(?:_[\p{Ll}\d]+)+$/u.test(word)
}

function addLiteral(sentence: string, literal: Literal, add: Add, depth = 0): void {
  const { kind, start, end } = literal
  const whole = sentence.slice(start, end)
  const inner = sentence.slice(...literal.inner)
  if (kind === 'quoted' || kind === 'code') {
    const within = kind === 'code' && depth < 3 ? literalsOf(inner) : []
    for (const one of within) addLiteral(inner, one, add, depth + 1)
    if (within.length > 0) addWords(without(inner, within), add)
    else if (/^[\p{Ll}$_][\p{L}\p{N}_$]*$/u.test(inner) && /[\p{Lu}_$]/u.test(inner))
      add('identifier', inner)
    else if (inner.length <= longestString) add('string', inner.trim() === '' ? whole : inner)
  } else if (kind === 'call' || kind === 'value') {
    const called = namesIn(whole, kind).filter((name) => whole.includes(`${name}(`))
    for (const name of called.slice(kind === 'call' && depth === 0 ? 1 : 0)) add('identifier', name)
    const open = kind === 'call' ? whole.indexOf('(') + 1 : 1
    const args = whole.slice(open, -1)
    if (depth >= 3) return
    const within = literalsOf(args)
    for (const one of within) addLiteral(args, one, add, depth + 1)
    for (const [word] of without(args, within).matchAll(numberWord)) add('number', word)
  }
}

/** Of a call, the part in its brackets: the called name is a word of the sentence. */
function argumentsOf(
  sentence: string,
  { kind, start, end }: Literal,
): { start: number; end: number } {
  return { start: kind === 'call' ? sentence.indexOf('(', start) + 1 : start, end }
}

/** A text with blanks in the place of some parts. */
function without(
  text: string,
  parts: readonly { readonly start: number; readonly end: number }[],
): string {
  let rest = ''
  let from = 0
  for (const { start, end } of parts.toSorted((one, other) => one.start - other.start)) {
    rest += `${text.slice(from, Math.max(from, start))} `
    from = Math.max(from, end)
  }
  return rest + text.slice(from)
}

/** Whether a text asks for deployment. */
export function isAboutDeployment(text: string): boolean {
  return /\bdeploy(?:s|ed|ing|ment)?\b/i.test(text)
}

/**
 * Whether a text is about permissions or about secrets. The word token alone may be about a parser.
 */
export function isAboutSecurity(text: string): boolean {
  return /\bauth\b|\bauth(?:enticat|oriz|oris)\w*|\bpasswords?\b|\bjwts?\b|\boauth\d?\b|\b(?:access|bearer|refresh|session) tokens?\b|\bcredentials?\b|\bencrypt\w*|\bpermissions?\b|\bapi keys?\b/i.test(
    text,
  )
}

/** Whether a text is about a service that others call over HTTP. */
export function isAboutRoutes(text: string): boolean {
  return /\b(?:rest|http|web) (?:api|service|server)s?\b|\bendpoints?\b|\b(?:GET|POST|PUT|PATCH|DELETE) \//i.test(
    text,
  )
}

/**
 * The mentions that occur in none of the texts. For identifiers and paths, case, blanks, hyphens
 * and underscores do not count; a string must be there character by character.
 */
export function missingFrom(mentions: readonly Mention[], texts: readonly string[]): Mention[] {
  const text = texts.join('\n')
  const plain = flat(text)
  const numbers = new Set(text.match(/\d+(?:\.\d+)?/g))
  return mentions.slice(0, mostMentions).filter((mention) => {
    if (mention.kind === 'number') return !numbers.has(mention.text)
    if (mention.kind === 'string') return !text.includes(mention.text)
    return !plain.includes(flat(mention.text))
  })
}

function flat(text: string): string {
  return text
    .normalize('NFC')
    .toLowerCase()
    .replace(/[\s_"'`-]+/g, '')
}

/** The code files a text names, as paths inside a repository. */
export function codePathsOf(text: string, files: readonly string[] = []): string[] {
  const named = sentencesOf(text)
    .filter((sentence) => !isAboutDocuments(sentence))
    .flatMap((sentence) => pathsIn(sentence, files))
    .toSorted((one, other) => Number(other.isQuoted) - Number(one.isQuoted))
  return [...new Set(named.map(({ path }) => path).filter(isCode))]
}

/**
 * Whether a text names exactly this path: a longer word that contains it does not, as `process.env`
 * for `.env`.
 */
export function namesPath(text: string, path: string): boolean {
  let from = 0
  for (let count = 0; count < 200; count++) {
    const at = text.indexOf(path, from)
    if (at === -1) return false
    const begins = /(?:^|[^\p{L}\p{M}\p{N}_./@$~-])(?:\.\/)?$/u.test(
      text.slice(Math.max(0, at - 3), at),
    )
    const after = text.slice(at + path.length, at + path.length + 2)
    if (begins && !/^(?:[\p{L}\p{M}\p{N}_/-]|\.[\p{L}\p{N}])/u.test(after)) return true
    from = at + 1
  }
  return false
}

/** The documents a text names, as paths inside a repository. */
export function documentPathsOf(text: string, files: readonly string[] = []): string[] {
  return [
    ...new Set(
      pathsIn(text, files)
        .map(({ path }) => path)
        .filter(isDocument),
    ),
  ]
}
