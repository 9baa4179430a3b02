import { pathPattern } from '../api/schema.ts'

/** In any case of letters: git itself and some file systems take `.GIT` for `.git`. */
const forbiddenFolders = new Set(['.git', 'node_modules', '__pycache__', '.guildhall'])

/**
 * A path as the API allows it, made from what a model or a person wrote, or undefined when it leads outside, into a
 * forbidden folder, looks like an option, or names no file. Leading `./` and `/` are forgiven: models mean the top of
 * the repository.
 */
export function safePath(raw: string): string | undefined {
  const path = raw
    .trim()
    .replace(/^[`'"]+|[`'"]+$/g, '')
    .replaceAll('\\', '/')
    .replace(/\/{2,}/g, '/')
    .replace(/^(?:\.?\/)+/, '')
  if (path.length > 200 || path.endsWith('/') || !pathPattern.test(path)) return undefined
  const bad = path.split('/').some(isBadPart)
  return bad || path.startsWith('-') || path.startsWith('path/to/') ? undefined : path
}

function isBadPart(part: string): boolean {
  return part.endsWith('.') || part.trim() !== part || forbiddenFolders.has(part.toLowerCase())
}

/**
 * Whether a file or a folder on the way to it is hidden: settings of CI, editors and tools, which act outside the
 * project, and secrets. A model may write such a file only when the request names it.
 */
export function isHidden(path: string): boolean {
  return path.split('/').some((part) => part.startsWith('.'))
}

/**
 * The path that was meant: the known path that differs in case only; the one with the same file name when the given one
 * names no folder; the one it ends with when it begins with a folder that nobody knows, such as the project's own.
 * A hidden file is meant only by one that is hidden itself.
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

/** The one of `others` that a path cannot stand beside: one of the two would be a file and a folder at once. */
export function clashOf(path: string, others: Iterable<string>): string | undefined {
  for (const other of others) {
    if (other.startsWith(`${path}/`) || path.startsWith(`${other}/`)) return other
  }
  return undefined
}
