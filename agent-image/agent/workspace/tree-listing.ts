// The entries of a commit by path, and whether the harness may write there.
import { TaskFailure } from '../outcome.ts'
import { decodeText } from './text-form.ts'

/** One entry of a commit's tree, as `git ls-tree -r -l` prints it. */
interface TreeEntry {
  /** `100644`, `100755`, `120000` (a symbolic link) or `160000` (a submodule). */
  readonly mode: string
  readonly oid: string
  /** Bytes; 0 for a submodule. */
  readonly size: number
}

/** Every entry of a commit whose path is UTF-8, by path. */
export type CommitTree = ReadonlyMap<string, TreeEntry>

/** The state of a path of a commit. Only `absent` and `text` may be written. */
export type FileState =
  | { readonly kind: 'absent' }
  | { readonly kind: 'text'; readonly text: string }
  /** `why` is a sentence that names the file, `what` the end of one: `is a symbolic link`. */
  | { readonly kind: 'unreadable'; readonly why: string; readonly what: string }

/** Longest text that is shown to a model or written again, in bytes. */
const largestText = 262_144

/**
 * Parses `git ls-tree -r -l -z`. Paths that are not UTF-8 are left out, because a task cannot name
 * them.
 */
export function parseListing(output: Buffer): CommitTree {
  const listing = new Map<string, TreeEntry>()
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  for (let at = 0; at < output.length; ) {
    const end = output.indexOf(0, at)
    const entry = output.subarray(at, end === -1 ? output.length : end)
    at = end === -1 ? output.length : end + 1
    const tab = entry.indexOf(9)
    const [mode = '', , oid = '', size = '0'] = entry.subarray(0, tab).toString().split(/ +/)
    try {
      const path = decoder.decode(entry.subarray(tab + 1))
      listing.set(path, { mode, oid, size: Number(size) || 0 })
    } catch {
      continue
    }
  }
  return listing
}

/** Paths of regular files, sorted. */
export function filesOf(listing: CommitTree): readonly string[] {
  return [...listing]
    .filter(([, { mode }]) => mode.startsWith('100'))
    .map(([path]) => path)
    .toSorted()
}

/** The state of a path as far as the listing shows it; `blob` when the content decides. */
export function entryState(
  listing: CommitTree,
  path: string,
): Exclude<FileState, { kind: 'text' }> | { readonly kind: 'blob'; readonly oid: string } {
  const unreadable = (what: string): FileState & { kind: 'unreadable' } =>
    unreadableState(path, what)
  const entry = listing.get(path)
  if (entry?.mode === '120000') return unreadable('is a symbolic link')
  if (entry?.mode === '160000') return unreadable('is a submodule')
  if (entry !== undefined && entry.size > largestText)
    return unreadable(`is larger than ${largestText / 1024} KiB`)
  if (entry !== undefined) return { kind: 'blob', oid: entry.oid }
  const parts = path.split('/')
  for (let depth = 1; depth < parts.length; depth++) {
    const parent = parts.slice(0, depth).join('/')
    const mode = listing.get(parent)?.mode
    if (mode === undefined) continue
    const what =
      mode === '120000' ? 'a symbolic link' : mode === '160000' ? 'a submodule' : 'a file'
    return unreadable(`would lie behind ${parent}, which is ${what}`)
  }
  const folded = fold(path)
  for (const other of listing.keys()) {
    if (other.startsWith(`${path}/`)) return unreadable('is a folder')
    // Systems that do not distinguish upper and lower case could check out only one of the two.
    if (fold(other) === folded) return unreadable(`would differ from ${other} only in case`)
  }
  return { kind: 'absent' }
}

/** The state of a file with this content. */
export function contentState(path: string, bytes: Uint8Array): FileState {
  const decoded = decodeText(bytes)
  return decoded.kind === 'text' ? decoded : unreadableState(path, decoded.why)
}

function unreadableState(path: string, what: string): FileState & { kind: 'unreadable' } {
  return { kind: 'unreadable', what, why: `${path} ${what}, so it is not rewritten.` }
}

function fold(path: string): string {
  return path.normalize('NFC').toLowerCase()
}

/**
 * `path` itself, when it is relative, stays inside and touches no git directory; throws
 * `TaskFailure` otherwise.
 */
export function safePath(path: string): string {
  const parts = path.split('/')
  const bad = parts.some(
    (part) => part === '' || part === '.' || part === '..' || /^\.git$/i.test(part),
  )
  if (bad || path.length > 200 || /[\p{Cc}\\:]/u.test(path))
    throw new TaskFailure('ScopeViolated', `the path ${JSON.stringify(path)} is not allowed`)
  return path
}
