// What a run of tests left in the work tree: compared with what the tree was filled with, names first, so that a large tree
// costs little. Links are not followed.
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'

/** Something that a run left. A folder that is new ends with `/`, and nothing below it is named. */
export interface Left {
  readonly path: string
  readonly how: 'new' | 'changed' | 'gone'
}

/** What tools keep for themselves: no test reads it, and nobody commits it. */
const caches =
  /^(?:\.git|__pycache__|\.(?:pytest|mypy|ruff)_cache|\.hypothesis|\.nyc_output|coverage|\.coverage|node_modules|.*\.pyc)$/
/** More than these say nothing more. */
const mostLeft = 20

/**
 * Compares the tree below `root` with the files it was filled with. `since` is the time of the last change before the run,
 * in milliseconds of the file system's clock: older files are taken for what they were. `isAltered` reads one file.
 */
export async function leftIn(
  root: string,
  filled: ReadonlySet<string>,
  since: number,
  isAltered: (path: string) => Promise<boolean>,
): Promise<readonly Left[]> {
  const left: Left[] = []
  const seen = new Set<string>()
  const folders = new Set([...filled].flatMap(parentsOf))
  const open = ['']
  for (let folder = open.pop(); folder !== undefined; folder = open.pop()) {
    const entries = await readdir(join(root, folder), { withFileTypes: true }).catch(() => [])
    for (const entry of entries) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`
      seen.add(path)
      if (left.length >= mostLeft) return left
      if (folders.has(path) && entry.isDirectory()) open.push(path)
      else if (filled.has(path)) {
        const changedAt = (await lstat(join(root, path)).catch(() => undefined))?.ctimeMs ?? since
        if (changedAt >= since && (await isAltered(path))) left.push({ path, how: 'changed' })
      } else if (!caches.test(entry.name))
        left.push({ path: entry.isDirectory() ? `${path}/` : path, how: 'new' })
    }
  }
  const gone = [...filled].filter((path) => !seen.has(path))
  return [...left, ...gone.map((path): Left => ({ path, how: 'gone' }))].slice(0, mostLeft)
}

function parentsOf(path: string): readonly string[] {
  const parts = path.split('/')
  return parts.slice(1).map((_, at) => parts.slice(0, at + 1).join('/'))
}
