import { pathPattern } from '../api/schema.ts'

/** In any case of letters, because git itself and some file systems take `.GIT` for `.git`. */
const forbiddenFolders = new Set(['.git', 'node_modules', '__pycache__', '.guildhall'])

/** Longer texts are not paths; a path itself may have 200 characters. */
const longestRaw = 400

/**
 * A path as the API allows it, made from the words of a model or a person; undefined when it leads
 * outside, into a forbidden folder, looks like an option or like another path, or does not name a
 * file. Leading `./` and `/` are accepted, because models mean the top of the repository by them.
 */
export function safePath(raw: string): string | undefined {
  if (raw.length > longestRaw) return undefined
  const path = withoutQuotes(raw.trim())
    .replaceAll('\\', '/')
    .replace(/\/{2,}/g, '/')
    .replace(/^(?:\.?\/)+/, '')
  if (path.length > 200 || path.endsWith('/') || !pathPattern.test(path)) return undefined
  if (path !== path.normalize('NFC') || misleading.test(path)) return undefined
  const bad = path.split('/').some(isBadPart)
  return bad || /^(?:[-~]|path\/to\/|\$[A-Z_]{2,}\/)/.test(path) ? undefined : path
}

/** Letters that cannot be seen. Those that look like plain ones are found one by one. */
const invisible = /\p{Default_Ignorable_Code_Point}/u
const misleading = {
  test: (path: string) =>
    invisible.test(path) ||
    // One Cyrillic letter in a Latin word is there to be overlooked.
    /[A-Za-z]\p{M}*[\p{Script=Cyrillic}\p{Script=Greek}]|[\p{Script=Cyrillic}\p{Script=Greek}]\p{M}*[A-Za-z]/u.test(
      path,
    ) ||
    // `ａ` is another character than `a`, and `ﬁ` than `fi`.
    Array.from(path).some((sign) => sign > '\u007f' && /[ -~]/.test(sign.normalize('NFKC'))),
}

function withoutQuotes(text: string): string {
  let [start, end] = [0, text.length]
  while (start < end && '`\'"'.includes(text[start] ?? '')) start++
  while (end > start && '`\'"'.includes(text[end - 1] ?? '')) end--
  return text.slice(start, end)
}

function isBadPart(part: string): boolean {
  const name = part.toLowerCase()
  // Windows knows `.git` by this name, too.
  return (
    !/[\p{L}\p{Nd}_]/u.test(part) ||
    part.endsWith('.') ||
    part.trim() !== part ||
    /^git~\d/.test(name) ||
    forbiddenFolders.has(name)
  )
}

/**
 * Whether a new file that only a model names may have this name. Brackets and dollars are names of
 * routes and parameters in `[id]`, `(shop)`, `$user`; elsewhere models mean a call by them, as in
 * `wrap(text).js`.
 */
export function isOrdinary(path: string): boolean {
  return path.split('/').every((part) => ordinaryPart.test(part))
}

const ordinaryPart =
  /^(?:\([\p{L}\p{M}\p{Nd}_.-]+\)|(?:[\p{L}\p{M}\p{Nd}_.@+-]*(?:\[{1,2}(?:\.{3})?[\p{L}\p{M}\p{Nd}_=-]+\]{1,2}|\$)?[\p{L}\p{M}\p{Nd}_.@+-]*))$/u

/**
 * Whether a file or a folder on the way to it is hidden: settings of CI, editors and tools, which
 * have effects outside the project, and secrets. A model may write such a file only when the
 * request names it.
 */
export function isHidden(path: string): boolean {
  return path.split('/').some((part) => part.startsWith('.'))
}

/**
 * The path that was meant: the known path that differs in case only; the one with the same file
 * name when the given one names no folder; the one that it ends with when it begins with an unknown
 * folder, such as the project's own.
 * Only a hidden path can mean a hidden file.
 */
export function meantPath(path: string, all: readonly string[]): string {
  if (all.includes(path)) return path
  const known = isHidden(path) ? all : all.filter((other) => !isHidden(other))
  const alike = known.filter((other) => other.toLowerCase() === path.toLowerCase())
  const named = path.includes('/') ? [] : known.filter((other) => other.endsWith(`/${path}`))
  const [top = ''] = path.split('/')
  const stray = !known.some((other) => other.startsWith(`${top}/`))
  const ends = stray ? known.filter((other) => /\//.test(other) && path.endsWith(`/${other}`)) : []
  return [alike, named, ends].find((found) => found.length === 1)?.[0] ?? path
}

/**
 * The one of `others` that cannot exist together with a path, because one of the two would be a
 * file and a folder at once.
 */
export function clashOf(path: string, others: Iterable<string>): string | undefined {
  for (const other of others) {
    if (other.startsWith(`${path}/`) || path.startsWith(`${other}/`)) return other
  }
  return undefined
}
