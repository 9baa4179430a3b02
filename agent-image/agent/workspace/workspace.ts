// The files of one attempt: a clone whose git directory project code cannot reach, and a work tree
// that it can. A commit takes the text that the harness holds in memory, never files of the work
// tree in which project code ran.
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Assignment } from '../../../core/api/agent-protocol.ts'
import { git as gitNames } from '../../../core/api/names.ts'
import { TaskFailure } from '../outcome.ts'
import type { Sandbox } from '../sandbox-client.ts'
import { systemClock } from '../../../core/base/clock.ts'
import { backoffMs } from '../timers.ts'
import type { Abortable } from '../../../core/base/wait.ts'
import { type WorkspaceGit, bindGit } from './git.ts'
import { encodeText } from './text-form.ts'
import {
  type FileState,
  type CommitTree,
  contentState,
  entryState,
  filesOf,
  parseListing,
  safePath,
} from './tree-listing.ts'
import { type FileBytes, type LeftFile, removeTree, workTreeIn } from './work-tree.ts'

/**
 * New text of files, by path: `\n` at the end of each line, no byte order mark, whatever the file
 * has.
 */
export type Changes = ReadonlyMap<string, string>

export interface WorkspaceSettings {
  /** Folder for work trees, shared with the sandbox. */
  readonly workspace: string
  /** Folder for git directories, not shared. */
  readonly gitRoot: string
  readonly token: () => Promise<string>
  readonly protocols: readonly string[]
}

export interface Workspace {
  /** Absolute path of the work tree. */
  readonly root: string
  /** The commit the request's branch was at when the attempt began. */
  readonly head: string
  /** Paths of the regular files of a commit (default: head), sorted. */
  files(options: Abortable, commit?: string): Promise<readonly string[]>
  /**
   * The state of a path of a commit (default: head), with the reason when it cannot be rewritten.
   */
  stateOf(path: string, options: Abortable, commit?: string): Promise<FileState>
  /**
   * The text at a path of a commit (default: head); undefined when there is no file, or no text
   * that can be shown.
   */
  read(path: string, options: Abortable, commit?: string): Promise<string | undefined>
  /** The same for many files at once; those without a text are left out. */
  readAll(
    paths: readonly string[],
    options: Abortable,
    commit?: string,
  ): Promise<ReadonlyMap<string, string>>
  /**
   * Makes the work tree equal to a commit (default: head) with `changes` on top, whatever was done
   * to it before.
   */
  restore(changes: Changes, options: Abortable, commit?: string): Promise<void>
  /**
   * Which of `paths` differ from what `restore` made of them. Paths that it did not make never do.
   */
  altered(paths: Iterable<string>): Promise<readonly string[]>
  /**
   * Files that were made, changed or removed in the work tree since `restore`, without the caches
   * of tools.
   */
  left(): Promise<readonly LeftFile[]>
  /** Unified diff between two commits, with three lines of context. */
  diff(from: string, to: string, options: Abortable): Promise<string>
  /**
   * Commits head with `changes`; each file keeps its line ends, byte order mark and mode. Throws
   * `TaskFailure` `ScopeViolated` for an unsafe path and `Unsupported` for a file that cannot be
   * rewritten.
   */
  commit(changes: Changes, message: string, options: Abortable): Promise<string>
  /** Pushes to the one branch the attempt may push. Throws `TaskFailure` PushRejected. */
  push(commit: string, options: Abortable): Promise<void>
  /** Removes everything; never throws. */
  close(): Promise<void>
}

/** Clones the request's branch for an attempt. Throws `TaskFailure` CloneFailed. */
export async function openWorkspace(
  assignment: Assignment,
  settings: WorkspaceSettings,
  sandbox: Sandbox,
  { signal }: Abortable,
): Promise<Workspace> {
  const name = `${assignment.task}-${assignment.attempt}`
  const gitDir = join(settings.gitRoot, name)
  const url = `${assignment.forgeUrl}/${assignment.repository}.git`
  const folder = join(settings.workspace, name)
  openFolders.add(folder)
  await sweep(settings.workspace, sandbox)
  await removeTree(gitDir, sandbox)
  await mkdir(gitDir, { recursive: true, mode: 0o700 })
  const git = bindGit({
    gitDir,
    token: settings.token,
    remote: assignment.forgeUrl,
    protocols: settings.protocols,
  })
  await git.init({ signal })
  await fetchBranch(git, url, assignment.branch, signal)
  const head = (await git.output(['rev-parse', 'FETCH_HEAD'], { signal })).trim()
  const known = await git.run(['cat-file', '-e', `${assignment.base}^{commit}`], { signal })
  if (!/^[0-9a-f]{40}$/.test(assignment.base) || known.exitCode !== 0)
    throw new TaskFailure('CloneFailed', `the branch does not contain its base ${assignment.base}`)
  const tree = workTreeIn(folder, git, sandbox)
  await tree.empty()

  const listings = new Map<string, CommitTree>()
  const listingOf = async (commit: string, options: Abortable): Promise<CommitTree> => {
    const known = listings.get(commit)
    if (known !== undefined) return known
    const list = parseListing(await git.bytes(['ls-tree', '-r', '-l', '-z', commit], options))
    listings.set(commit, list)
    return list
  }
  const blob = (oid: string, options: Abortable): Promise<Buffer> =>
    git.bytes(['cat-file', 'blob', oid], options)
  const stateOf = async (path: string, options: Abortable, commit = head): Promise<FileState> => {
    const listing = await listingOf(commit, options)
    // A file that is there can be read whatever its name is; a new file needs a safe name.
    const state = entryState(listing, listing.has(path) ? path : safePath(path))
    return state.kind === 'blob' ? contentState(path, await blob(state.oid, options)) : state
  }
  /** The bytes of each change, in the form of the file that it replaces. */
  const bytesOf = async (
    changes: Changes,
    options: Abortable,
    commit: string,
  ): Promise<FileBytes> => {
    const bytes = new Map<string, Uint8Array>()
    for (const [path, text] of changes) {
      const state = await stateOf(safePath(path), options, commit)
      if (state.kind === 'unreadable') throw new TaskFailure('Unsupported', state.why)
      const entry = (await listingOf(commit, options)).get(path)
      const before = entry === undefined ? undefined : await blob(entry.oid, options)
      bytes.set(path, encodeText(text, before))
    }
    return bytes
  }

  return {
    root: tree.root,
    head,
    files: async (options, commit = head) => filesOf(await listingOf(commit, options)),
    stateOf,
    async read(path, options, commit = head) {
      const state = await stateOf(path, options, commit)
      return state.kind === 'text' ? state.text : undefined
    },
    async readAll(paths, options, commit = head) {
      const listing = await listingOf(commit, options)
      const wanted = paths.flatMap((path) => {
        const state = entryState(listing, path)
        return state.kind === 'blob' ? [{ path, oid: state.oid }] : []
      })
      const blobs = await readBlobs(
        git,
        wanted.map(({ oid }) => oid),
        options,
      )
      return new Map(
        wanted.flatMap(({ path }, at) => {
          const state = contentState(path, blobs[at] ?? Buffer.alloc(0))
          return state.kind === 'text' ? [[path, state.text] as const] : []
        }),
      )
    },
    async restore(changes, options, commit = head) {
      const listing = await listingOf(commit, options)
      const bytes = await bytesOf(changes, options, commit)
      await tree.layDown({ commit, listing, changes: bytes }, options)
    },
    altered: (paths) => tree.altered(paths),
    left: () => tree.left(),
    diff: (from, to, options) =>
      git.output(
        ['diff', '--no-color', '--no-ext-diff', '--no-textconv', '--no-renames', from, to],
        options,
      ),
    async commit(changes, message, options) {
      const env = { GIT_INDEX_FILE: join(gitDir, 'guildhall-index') }
      const listing = await listingOf(head, options)
      await git.output(['read-tree', head], { ...options, env })
      for (const [path, input] of await bytesOf(changes, options, head)) {
        const oid = await git.output(['hash-object', '-w', '--stdin'], { ...options, input })
        const info = `${listing.get(path)?.mode ?? '100644'},${oid.trim()},${path}`
        await git.output(['update-index', '--add', '--cacheinfo', info], { ...options, env })
      }
      const made = (await git.output(['write-tree'], { ...options, env })).trim()
      const commit = await git.output(['commit-tree', made, '-p', head, '-F', '-'], {
        ...options,
        input: message,
        env: {
          GIT_AUTHOR_NAME: gitNames.committerName,
          GIT_AUTHOR_EMAIL: gitNames.committerEmail,
          GIT_COMMITTER_NAME: gitNames.committerName,
          GIT_COMMITTER_EMAIL: gitNames.committerEmail,
        },
      })
      return commit.trim()
    },
    push: (commit, options) => pushBranch(git, url, commit, assignment.taskBranch, options.signal),
    async close() {
      await tree.close()
      openFolders.delete(folder)
      await sweep(settings.workspace, sandbox)
      await rm(gitDir, { recursive: true, force: true }).catch(() => undefined)
    },
  }
}

/** Folders of work trees that this process has open. */
const openFolders = new Set<string>()

/**
 * Removes everything next to the open work trees. The folder belongs to the agent alone; project
 * code may have renamed a tree in it, and an agent that was killed may have left one.
 */
async function sweep(workspace: string, sandbox: Sandbox): Promise<void> {
  for (const name of await readdir(workspace).catch(() => []))
    if (!openFolders.has(join(workspace, name))) await removeTree(join(workspace, name), sandbox)
}

/** The contents of blobs, in one call. */
async function readBlobs(
  git: WorkspaceGit,
  oids: readonly string[],
  options: Abortable,
): Promise<readonly Buffer[]> {
  if (oids.length === 0) return []
  const output = await git.bytes(['cat-file', '--batch'], { ...options, input: oids.join('\n') })
  const blobs: Buffer[] = []
  for (let at = 0; at < output.length; ) {
    const line = output.indexOf(10, at)
    const size = Number(output.subarray(at, line).toString().split(' ').at(2))
    if (line === -1 || !Number.isInteger(size))
      throw new TaskFailure('InternalError', 'git cat-file lacks an object')
    blobs.push(output.subarray(line + 1, line + 1 + size))
    at = line + 1 + size + 1
  }
  return blobs
}

async function fetchBranch(
  git: WorkspaceGit,
  url: string,
  branch: string,
  signal: AbortSignal,
): Promise<void> {
  for (let count = 0; ; count++) {
    const args = ['fetch', '--quiet', '--no-tags', '--no-recurse-submodules', '--end-of-options']
    const fetched = await git.remote([...args, url, `refs/heads/${branch}`], { signal })
    if (fetched.exitCode === 0) return
    if (count === 4)
      throw new TaskFailure('CloneFailed', `git fetch: ${fetched.stderr.trim().slice(-500)}`)
    await systemClock.sleep(
      backoffMs(count, () => 1),
      { signal },
    )
  }
}

async function pushBranch(
  git: WorkspaceGit,
  url: string,
  commit: string,
  branch: string,
  signal: AbortSignal,
): Promise<void> {
  for (let count = 0; ; count++) {
    const args = ['push', '--quiet', '--end-of-options', url, `${commit}:refs/heads/${branch}`]
    const pushed = await git.remote(args, { signal })
    if (pushed.exitCode === 0) return
    const refused = /rejected|denied|declined|forbidden|403|401/i.test(pushed.stderr)
    if (count === 4 || (refused && count === 1))
      throw new TaskFailure('PushRejected', `git push: ${pushed.stderr.trim().slice(-500)}`)
    await systemClock.sleep(
      backoffMs(count, () => 1),
      { signal },
    )
  }
}
