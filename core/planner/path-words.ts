// Paths in the words of a request. A path is taken whole or not at all, because half a name is the
// name of another file.
import { literalsOf } from '../api/literals.ts'
import { extensionOf, isCode } from './language.ts'
import { safePath } from './paths.ts'

/** One path that a text names, and where. */
interface NamedPath {
  readonly path: string
  readonly start: number
  readonly end: number
  /** It stands in quotes or ticks. */
  readonly isQuoted: boolean
}

const notFiles = new Set([
  'node.js',
  'next.js',
  'vue.js',
  'express.js',
  'deno.js',
  'd3.js',
  'nuxt.js',
  'three.js',
])
/** The ends by which a word without a folder is taken for a file. */
const knownEnds = /[^/.]\.(?:m?[jt]sx?|cjs|cts|pyi?|json|md|sql|html|css|ya?ml|toml)$/i
const site = /^[^/]+\.(?:com|org|net|io|dev|app|ai|eu|de|cn)(?:\/|$)/i
/** Folders that new code goes to, whatever stands before their name. */
const usualFolders = new Set([
  'src',
  'lib',
  'app',
  'apps',
  'packages',
  'test',
  'tests',
  'bin',
  'scripts',
  'docs',
  'server',
  'client',
])
const word = /[^\s"'`“”„‘’‚«»‹›「」『』《》<>|*?!;、。，！？；：{}]{1,300}/gu
const spaceless = String.raw`\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}`
const spacelessSign = new RegExp(`[${spaceless}]`, 'u')
const plainSign = /[\p{L}\p{M}\p{N}_./@+$~\\-]/u

/**
 * Every path that a text names, in order. `files` are those of the repository, which are found
 * whatever characters their names have.
 */
export function pathsIn(text: string, files: readonly string[] = []): NamedPath[] {
  return readPaths(text, files).found.toSorted((one, other) => one.start - other.start)
}

/** Words of a text that look like the path of a code file, and cannot be one. */
export function unusablePaths(text: string, files: readonly string[] = []): string[] {
  return [...new Set(readPaths(text, files).unusable)].slice(0, 10)
}

function readPaths(
  text: string,
  files: readonly string[],
): { readonly found: readonly NamedPath[]; readonly unusable: readonly string[] } {
  const found: NamedPath[] = []
  const unusable: string[] = []
  const isFree = (start: number, end: number) =>
    found.every((one) => one.end <= start || one.start >= end)
  for (const path of files
    .filter((file) => /[./]/.test(file) && text.includes(file))
    .toSorted((one, other) => other.length - one.length)
    .slice(0, 50)) {
    for (const start of placesOf(text, path)) {
      if (isFree(start, start + path.length) && safePath(path) === path) {
        found.push({ path, start, end: start + path.length, isQuoted: false })
      }
    }
  }
  const covered: { readonly start: number; readonly end: number }[] = []
  for (const literal of literalsOf(text)) {
    const { kind, start, end } = literal
    if (kind === 'quoted' || kind === 'code') {
      const inner = text.slice(...literal.inner)
      const path = quotedPath(inner)
      if (path !== undefined && isFree(start, end)) found.push({ path, start, end, isQuoted: true })
      else if (path === undefined && looksLikeCode(inner) && !/\s/.test(inner)) unusable.push(inner)
    }
    // A program's arguments are not paths of the request; a call may be part of a path,
    // `app/(shop)/cart.js`.
    if (kind !== 'block' && kind !== 'value' && !isInPath(text, literal))
      covered.push({ start, end })
  }
  let next = 0
  for (const match of text.matchAll(word)) {
    const start = match.index
    while ((covered[next]?.end ?? Infinity) <= start) next++
    const cover = covered[next]
    if (cover !== undefined && cover.start <= start) continue
    for (const piece of piecesOf(match[0], start, files)) {
      if (!isFree(piece.start, piece.end)) continue
      if (piece.path === undefined) unusable.push(piece.words)
      else found.push({ path: piece.path, start: piece.start, end: piece.end, isQuoted: false })
    }
  }
  return { found, unusable }
}

/** Where a text has a path as a word of its own, at most 20 places. */
function placesOf(text: string, path: string): number[] {
  const places: number[] = []
  for (
    let at = text.indexOf(path);
    at !== -1 && places.length < 20;
    at = text.indexOf(path, at + 1)
  ) {
    const end = at + path.length
    const before = text.slice(Math.max(0, at - 2), at) === './' ? text[at - 3] : text[at - 1]
    const after = text[end]
    const goesOn = after === '.' ? plainSign.test(text[end + 1] ?? ' ') : stretches(after)
    if (!goesOn && !stretches(before)) places.push(at)
  }
  return places
}

/**
 * Whether a character next to a path belongs to its word. Chinese and Japanese words stand next to
 * others without a blank.
 */
function stretches(sign: string | undefined): boolean {
  return sign !== undefined && plainSign.test(sign) && !spacelessSign.test(sign)
}

/** A quoted text is a path as a whole, with its blanks, or not at all. */
function quotedPath(inner: string): string | undefined {
  if (inner.length > 200 || safePath(inner) !== inner || notFiles.has(inner.toLowerCase()))
    return undefined
  const isFile = inner.includes('/') ? /[^/]\.[A-Za-z]\w{0,7}$/.test(inner) : knownEnds.test(inner)
  return isFile && (inner.includes('/') || !inner.includes(' ')) ? inner : undefined
}

function looksLikeCode(words: string): boolean {
  return isCode(words) && /[/\\]/.test(words) && !/^\w+:\/\//.test(words)
}

function isInPath(
  text: string,
  { kind, start, end }: { kind: string; start: number; end: number },
): boolean {
  return (
    (kind === 'call' || kind === 'pattern') &&
    (text[start - 1] === '/' || text[end] === '/' || text[end] === '.')
  )
}

interface Piece {
  readonly words: string
  readonly path: string | undefined
  readonly start: number
  readonly end: number
}

/** The paths of one word, which may hold a link, a list, or marks around them. */
function piecesOf(token: string, at: number, files: readonly string[]): Piece[] {
  // A word without a dot is not the name of a file.
  if (!token.includes('.')) return []
  if (/^[^/]{0,30}:\/\//.test(token) || (token.includes('@') && /^\S+@\S+:/.test(token))) return []
  const outside = absolutePath(token, files)
  if (outside !== undefined)
    return [{ words: token, path: outside.path, start: at, end: at + token.length }]
  const pieces: Piece[] = []
  let from = 0
  for (const part of splitWord(token)) {
    const start = token.indexOf(part, from)
    from = start + part.length
    const words = unwrapped(part)
    const path = pathOf(words, files)
    const place = at + start + part.indexOf(words)
    if (path !== undefined) pieces.push({ words, path, start: place, end: place + words.length })
    else if (looksLikeCode(words))
      pieces.push({ words, path: undefined, start: place, end: place + words.length })
  }
  return pieces
}

/** An absolute path: the file of the repository that it ends with, if there is one. */
function absolutePath(
  token: string,
  files: readonly string[],
): { readonly path: string | undefined } | undefined {
  if (!/^(?:[A-Za-z]:[\\/]|\/|~\/|\$[A-Z_]+\/)/.test(token)) return undefined
  const plain = unwrapped(token).replaceAll('\\', '/')
  const path = files
    .filter((file) => plain.endsWith(`/${file}`))
    .toSorted((one, other) => other.length - one.length)[0]
  return path === undefined && !isCode(plain) ? undefined : { path }
}

function splitWord(token: string): string[] {
  return token.split(/\]\(|:/).flatMap((part) => {
    const list = part.split(',').filter((one) => one !== '')
    return list.length > 1 && list.every((one) => knownEnds.test(unwrapped(one))) ? list : [part]
  })
}

const pairs: Readonly<Record<string, string>> = { '(': ')', '[': ']' }

/**
 * A word without the marks of the sentence around it: dots and commas at the end, brackets that
 * open or close alone.
 */
function unwrapped(part: string): string {
  let [start, end] = [0, part.length]
  for (;;) {
    const [first = '', last = ''] = [part[start], part[end - 1]]
    const close = pairs[first]
    const inner = part.slice(start + 1, end)
    if (start >= end) return ''
    if ('.,'.includes(last)) end--
    else if (
      close !== undefined &&
      (!inner.includes(close) || (last === close && !inner.slice(0, -1).includes(close)))
    )
      start++
    else if (
      (last === ')' || last === ']') &&
      !part.slice(start, end - 1).includes(last === ')' ? '(' : '[')
    )
      end--
    else return part.slice(start, end)
  }
}

const leading = new RegExp(`^[${spaceless}]{1,40}(?=[A-Za-z_.@])`, 'u')
const trailing = new RegExp(
  `(?<=\\.[A-Za-z]{1,5})[${spaceless}][${spaceless}\\p{L}\\p{N}_()]{0,80}$`,
  'u',
)

function pathOf(words: string, files: readonly string[]): string | undefined {
  const head =
    trailing.test(words) && knownEnds.test(words.replace(trailing, ''))
      ? words.replace(trailing, '')
      : words
  const plain = /^[\w.-]+(?:\\[\w.-]+)+$/.test(head) ? head.replaceAll('\\', '/') : head
  const short = plain.replace(leading, '')
  const [folder = ''] = short.split('/')
  const isKnown =
    short.includes('/') &&
    (usualFolders.has(folder) || files.some((file) => file.startsWith(`${folder}/`)))
  const candidate = (isKnown ? short : plain).replace(/^\.\//, '')
  if (
    notFiles.has(candidate.toLowerCase()) ||
    site.test(candidate) ||
    safePath(candidate) !== candidate
  )
    return undefined
  if (candidate.includes('/'))
    return /[^/]\.[A-Za-z]\w{0,7}$/.test(candidate) ? candidate : undefined
  return extensionOf(candidate) !== '' && knownEnds.test(candidate) && !/[()[\],=]/.test(candidate)
    ? candidate
    : undefined
}
