import { pathPattern } from '../api/schema.ts'

const forbiddenFolders = new Set(['.git', 'node_modules', '__pycache__', '.guildhall'])

/**
 * A path as the API allows it, made from what a model or a person wrote, or undefined when it leads outside, into a
 * forbidden folder, or names no file. Leading `./` and `/` are forgiven: models mean the top of the repository.
 */
export function safePath(raw: string): string | undefined {
  const path = raw
    .trim()
    .replace(/^[`'"]+|[`'"]+$/g, '')
    .replaceAll('\\', '/')
    .replace(/\/{2,}/g, '/')
    .replace(/^(?:\.?\/)+/, '')
  if (path.length > 200 || path.endsWith('/') || !pathPattern.test(path)) return undefined
  const parts = path.split('/')
  const bad = parts.some(
    (part) => part === '..' || part === '.' || part.trim() !== part || forbiddenFolders.has(part),
  )
  return bad || path.startsWith('path/to/') ? undefined : path
}

/** The path that was meant: the one known path with the same file name when the given one names no folder. */
export function meantPath(path: string, known: readonly string[]): string {
  if (path.includes('/') || known.includes(path)) return path
  const same = known.filter((other) => other.endsWith(`/${path}`))
  return same.length === 1 && same[0] !== undefined ? same[0] : path
}
