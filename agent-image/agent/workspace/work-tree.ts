// The folder that project code works in. It lies in a folder that only the agent may write, so that
// project code cannot put something else in its place; where agent and sandbox are one user, the
// folder is checked instead. Both folders are made again for each run.
import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { chmod, lstat, mkdir, open, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join, posix } from 'node:path'
import { execa } from 'execa'
import { TaskFailure } from '../outcome.ts'
import type { Sandbox } from '../sandbox-client.ts'
import { within } from '../timers.ts'
import type { Abortable } from '../../../core/base/wait.ts'
import type { WorkspaceGit } from './git.ts'
import { type CommitTree, safePath } from './tree-listing.ts'

/** Bytes of files, by path. */
export type FileBytes = ReadonlyMap<string, Uint8Array>

/** The content of the tree: a commit and the changes on top of it. */
interface TreeContent {
  readonly commit: string
  readonly listing: CommitTree
  readonly changes: FileBytes
}

interface WorkTree {
  /** Absolute path of the folder. */
  readonly root: string
  /** Makes the folder again, empty. */
  empty(): Promise<void>
  /** Empties the folder, whatever was done to it, and fills it with `content`. */
  layDown(content: TreeContent, options: Abortable): Promise<void>
  /** Those of `paths` that differ from what `layDown` made of them. */
  altered(paths: Iterable<string>): Promise<readonly string[]>
  /** The differences of the whole folder to what `layDown` made of it. */
  left(): Promise<readonly LeftFile[]>
  /** Removes everything; never throws. */
  close(): Promise<void>
}

/**
 * Only the agent may rename or replace entries of the folder that holds the tree; set-group-ID
 * passes on the group that agent and sandbox share.
 */
const holderMode = 0o2755

/** A work tree below `folder`, which belongs to the agent alone. */
export function workTreeIn(folder: string, git: WorkspaceGit, sandbox: Sandbox): WorkTree {
  const root = join(folder, 'tree')
  let filled: TreeContent = { commit: '', listing: new Map(), changes: new Map() }
  let filledAt = 0
  /**
   * Both folders are made again each time, so that nothing is left of what project code put in
   * their place, links and sockets included.
   */
  async function empty(): Promise<void> {
    await removeTree(folder, sandbox)
    await mkdir(folder)
    // Where the volume's owner did not set the group, the kernel may refuse the set-group-ID: then
    // the mode alone must do.
    await chmod(folder, holderMode).catch(() => chmod(folder, 0o755))
    await mkdir(root)
    await chmod(root, 0o2775).catch(() => chmod(root, 0o775))
  }
  return {
    root,
    empty,
    async layDown(content, options) {
      await empty()
      await git.fill(root, content.commit, options)
      await linkInside(root, content.listing, git, options)
      for (const [path, bytes] of content.changes)
        await writeInto(root, path, bytes, content.listing)
      filled = content
      // Setting the mode that it has gives a time of the clock by which the files are dated.
      await chmod(folder, (await lstat(folder)).mode & 0o7777)
      filledAt = (await lstat(folder)).ctimeMs
    },
    async altered(paths) {
      const ours = (await isFolder(folder)) && (await isFolder(root))
      const found: string[] = []
      for (const path of new Set(paths))
        if (isFilled(path, filled) && (!ours || (await isAltered(root, path, filled))))
          found.push(path)
      return found
    },
    left() {
      const { listing, changes } = filled
      const paths = new Set([...listing.keys(), ...changes.keys()])
      return leftIn(root, paths, filledAt, async (path) => {
        return isFilled(path, filled) && isAltered(root, path, filled)
      })
    },
    close: () => removeTree(folder, sandbox),
  }
}

async function isFolder(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined))?.isDirectory() === true
}

/**
 * Makes symbolic links of those that stay inside the tree, so that tests that go through them find
 * their files. Links that lead out stay small files with their target. Only project code ever
 * follows them.
 */
async function linkInside(
  root: string,
  listing: CommitTree,
  git: WorkspaceGit,
  options: Abortable,
): Promise<void> {
  for (const [path, { mode, oid }] of listing) {
    if (mode !== '120000') continue
    const target = await git.output(['cat-file', 'blob', oid], options)
    const leadsTo = posix.normalize(posix.join(posix.dirname(path), target))
    const inside =
      !posix.isAbsolute(target) && !/^\.\.(\/|$)/.test(leadsTo) && !target.includes('\0')
    if (!inside || /(^|\/)\.git(\/|$)/i.test(leadsTo)) continue
    await rm(join(root, path))
    await symlink(target, join(root, path))
  }
}

/** Writes below `root`, which no command has touched since it was filled. Never through a link. */
async function writeInto(
  root: string,
  path: string,
  bytes: Uint8Array,
  listing: CommitTree,
): Promise<void> {
  await refuseLinks(root, safePath(path))
  const target = join(root, path)
  await mkdir(dirname(target), { recursive: true })
  await writeFile(target, bytes)
  if (listing.get(path)?.mode === '100755') await chmod(target, 0o775)
}

async function refuseLinks(root: string, path: string): Promise<void> {
  let at = root
  for (const part of path.split('/')) {
    if (part === '' || part === '.' || part === '..' || part.includes('\0'))
      throw new TaskFailure('ScopeViolated', `${path} leads out of the tree`)
    at = join(at, part)
    const info = await lstat(at).catch(() => undefined)
    if (info !== undefined && !info.isFile() && !info.isDirectory())
      throw new TaskFailure('ScopeViolated', `${path} leads through something that is not a file`)
  }
}

function isFilled(path: string, { changes, listing }: TreeContent): boolean {
  return changes.has(path) || listing.get(path)?.mode.startsWith('100') === true
}

async function isAltered(root: string, path: string, content: TreeContent): Promise<boolean> {
  const found = await readInside(root, path)
  if (found === undefined) return true
  const wanted = content.changes.get(path)
  return wanted === undefined
    ? blobId(found) !== content.listing.get(path)?.oid
    : !found.equals(wanted)
}

async function readInside(root: string, path: string): Promise<Buffer | undefined> {
  try {
    await refuseLinks(root, path)
    const handle = await open(join(root, path), constants.O_RDONLY | constants.O_NOFOLLOW)
    try {
      return await handle.readFile()
    } finally {
      await handle.close()
    }
  } catch {
    return undefined
  }
}

function blobId(bytes: Buffer): string {
  return createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex')
}

/**
 * Removes a tree however deep it is and whatever it holds. Only the sandbox can remove files that
 * its user owns in folders of its own. Never throws.
 */
export async function removeTree(path: string, sandbox: Sandbox): Promise<void> {
  for (let round = 0; round < 2; round++) {
    if ((await lstat(path).catch(() => undefined)) === undefined) return
    // Not fs.rm: it works with whole paths, and 3,000 nested folders are longer than a path may be.
    await execa('rm', ['-rf', '--', path], { reject: false })
    if ((await lstat(path).catch(() => undefined)) === undefined) return
    await sandbox.reset(path, { signal: within(30_000) }).catch(() => undefined)
  }
}

/** Something that a run left. A folder that is new ends with `/`, and nothing below it is named. */
export interface LeftFile {
  readonly path: string
  readonly how: 'new' | 'changed' | 'gone'
}

/** Files that tools keep for themselves: no test reads them, and they are not committed. */
const caches =
  /^(?:\.git|__pycache__|\.(?:pytest|mypy|ruff)_cache|\.hypothesis|\.nyc_output|coverage|\.coverage|node_modules|.*\.pyc)$/
/** A longer list would say nothing more. */
const mostLeft = 20

/**
 * Compares the tree below `root` with the files it was filled with. `since` is the time of the last
 * change before the run, in milliseconds of the file system's clock: older files are taken for what
 * they were. `isAltered` reads one file.
 */
async function leftIn(
  root: string,
  filled: ReadonlySet<string>,
  since: number,
  isAltered: (path: string) => Promise<boolean>,
): Promise<readonly LeftFile[]> {
  const left: LeftFile[] = []
  const seen = new Set<string>()
  const folders = new Set([...filled].flatMap(parentsOf))
  const unread = ['']
  for (let folder = unread.pop(); folder !== undefined; folder = unread.pop()) {
    const entries = await readdir(join(root, folder), { withFileTypes: true }).catch(() => [])
    for (const entry of entries) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`
      seen.add(path)
      if (left.length >= mostLeft) return left
      if (folders.has(path) && entry.isDirectory()) unread.push(path)
      else if (filled.has(path)) {
        const changedAt = (await lstat(join(root, path)).catch(() => undefined))?.ctimeMs ?? since
        if (changedAt >= since && (await isAltered(path))) left.push({ path, how: 'changed' })
      } else if (!caches.test(entry.name))
        left.push({ path: entry.isDirectory() ? `${path}/` : path, how: 'new' })
    }
  }
  const gone = [...filled].filter((path) => !seen.has(path))
  return [...left, ...gone.map((path): LeftFile => ({ path, how: 'gone' }))].slice(0, mostLeft)
}

function parentsOf(path: string): readonly string[] {
  const parts = path.split('/')
  return parts.slice(1).map((_, at) => parts.slice(0, at + 1).join('/'))
}
