// The files of one attempt: a fresh clone whose git directory project code cannot reach. What is committed is what the
// harness holds in memory, never what lies in the work tree after project code ran there.
import { chmod, lstat, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Assignment } from '../../operator/api/agent-protocol.ts'
import { git as gitNames } from '../../operator/api/names.ts'
import { TaskFailure } from './failure.ts'
import { bindGit, type Git } from './git.ts'
import type { Sandbox } from './sandbox-client.ts'
import { backoffMs, pause, within } from './waiting.ts'

type Waiting = { readonly signal: AbortSignal }

/** New text of files, by path. */
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
  files(options: Waiting, commit?: string): Promise<readonly string[]>
  /** Text of a file of a commit (default: head); undefined when there is none, or it is larger than 256 KiB or binary. */
  read(path: string, options: Waiting, commit?: string): Promise<string | undefined>
  /** Makes the work tree equal to a commit (default: head) with `changes` on top, whatever was done to it before. */
  restore(changes: Changes, options: Waiting, commit?: string): Promise<void>
  /** Paths that differ from what `restore` made: tracked files and changes, not new files. */
  altered(options: Waiting): Promise<readonly string[]>
  /** Links, sockets and devices in the work tree, at most 20. */
  specialFiles(): Promise<readonly string[]>
  /** Unified diff between two commits, with three lines of context. */
  diff(from: string, to: string, options: Waiting): Promise<string>
  /** Commits head with `changes`. Throws `TaskFailure` when a path is unsafe. */
  commit(changes: Changes, message: string, options: Waiting): Promise<string>
  /** Pushes to the one branch the attempt may push. Throws `TaskFailure` PushRejected. */
  push(commit: string, options: Waiting): Promise<void>
  /** Removes everything; never throws. */
  close(): Promise<void>
}

/** Clones the request's branch for an attempt. Throws `TaskFailure` CloneFailed. */
export async function openWorkspace(
  assignment: Assignment,
  settings: WorkspaceSettings,
  sandbox: Sandbox,
  { signal }: Waiting,
): Promise<Workspace> {
  const name = `${assignment.task}-${assignment.attempt}`
  const root = join(settings.workspace, name)
  const gitDir = join(settings.gitRoot, name)
  const url = `${assignment.forgeUrl}/${assignment.repository}.git`
  await discard(root, gitDir, sandbox)
  await mkdir(gitDir, { recursive: true, mode: 0o700 })
  await mkdir(root, { recursive: true })
  // The sandbox's user shares the group; set-group-ID hands the group on to what is made below. Where the volume's
  // owner did not set it, the kernel may refuse: then the mode alone must do.
  await chmod(root, 0o2775).catch(() => chmod(root, 0o775))
  const git = bindGit({
    gitDir,
    workTree: root,
    token: settings.token,
    remote: assignment.forgeUrl,
    protocols: settings.protocols,
  })
  await git.output(['init', '--quiet', '--initial-branch=unused', '--template='], { signal })
  await fetchBranch(git, url, assignment.branch, signal)
  const head = (await git.output(['rev-parse', 'FETCH_HEAD'], { signal })).trim()
  const known = await git.run(['cat-file', '-e', `${assignment.base}^{commit}`], { signal })
  if (!/^[0-9a-f]{40}$/.test(assignment.base) || known.exitCode !== 0)
    throw new TaskFailure('CloneFailed', `the branch does not contain its base ${assignment.base}`)

  let expected: Changes = new Map()
  let expectedCommit = head
  return {
    root,
    head,
    async files(options, commit = head) {
      const list = await git.output(['ls-tree', '-r', '-z', commit], options)
      return list
        .split('\0')
        .filter((entry) => entry.startsWith('100'))
        .map((entry) => entry.slice(entry.indexOf('\t') + 1))
        .toSorted()
    },
    async read(path, options, commit = head) {
      const spec = `${commit}:${safePath(path)}`
      const size = await git.run(['cat-file', '-s', spec], options)
      if (size.exitCode !== 0 || Number(size.stdout) > 262_144) return undefined
      const text = await git.run(['cat-file', 'blob', spec], options)
      return text.exitCode !== 0 || text.stdout.includes('\0') ? undefined : text.stdout
    },
    async restore(changes, options, commit = head) {
      // git never touches a `.git` in the work tree, so what project code put there is removed by hand.
      await removeTree(join(root, '.git'), sandbox)
      await git.output(['reset', '--quiet', '--hard', commit], options)
      const cleaned = await git.run(['clean', '-ffdxq'], options)
      if (cleaned.exitCode !== 0) {
        await sandbox.reset(root, options)
        await mkdir(root, { recursive: true })
        await git.output(['reset', '--quiet', '--hard', commit], options)
        await git.output(['clean', '-ffdxq'], options)
      }
      for (const [path, text] of changes) await writeInto(root, path, text)
      expected = changes
      expectedCommit = commit
    },
    async altered(options) {
      const list = await git.output(['diff', '--name-only', '-z', expectedCommit], options)
      const differing = list.split('\0').filter((path) => path !== '' && !expected.has(path))
      for (const [path, text] of expected)
        if ((await readInside(root, path)) !== text) differing.push(path)
      return differing
    },
    specialFiles: () => findSpecialFiles(root),
    diff: (from, to, options) =>
      git.output(['diff', '--no-color', '--no-ext-diff', '--no-renames', from, to], options),
    async commit(changes, message, options) {
      const env = { GIT_INDEX_FILE: join(gitDir, 'guildhall-index') }
      await git.output(['read-tree', head], { ...options, env })
      for (const [path, text] of changes) {
        const input = Buffer.from(text, 'utf8')
        const blob = await git.output(['hash-object', '-w', '--stdin'], { ...options, input })
        const before = await git.output(['ls-tree', head, '--', safePath(path)], options)
        const mode = before.startsWith('100755') ? '100755' : '100644'
        const info = `${mode},${blob.trim()},${path}`
        await git.output(['update-index', '--add', '--cacheinfo', info], { ...options, env })
      }
      const tree = (await git.output(['write-tree'], { ...options, env })).trim()
      const made = await git.output(['commit-tree', tree, '-p', head, '-F', '-'], {
        ...options,
        input: message,
        env: {
          GIT_AUTHOR_NAME: gitNames.committerName,
          GIT_AUTHOR_EMAIL: gitNames.committerEmail,
          GIT_COMMITTER_NAME: gitNames.committerName,
          GIT_COMMITTER_EMAIL: gitNames.committerEmail,
        },
      })
      return made.trim()
    },
    async push(commit, options) {
      await pushBranch(git, url, commit, assignment.taskBranch, options.signal)
    },
    close: () => discard(root, gitDir, sandbox),
  }
}

/** `path` itself, when it is relative, stays inside and touches no git directory; throws `TaskFailure` otherwise. */
export function safePath(path: string): string {
  const parts = path.split('/')
  const bad = parts.some(
    (part) => part === '' || part === '.' || part === '..' || /^\.git$/i.test(part),
  )
  if (bad || path.length > 200 || /[\p{Cc}\\:]/u.test(path))
    throw new TaskFailure('ScopeViolated', `the path ${JSON.stringify(path)} is not allowed`)
  return path
}

async function fetchBranch(
  git: Git,
  url: string,
  branch: string,
  signal: AbortSignal,
): Promise<void> {
  for (let count = 0; ; count++) {
    const args = ['fetch', '--quiet', '--no-tags', '--end-of-options', url, `refs/heads/${branch}`]
    const fetched = await git.run(args, { signal })
    if (fetched.exitCode === 0) return
    if (count === 4)
      throw new TaskFailure('CloneFailed', `git fetch: ${fetched.stderr.trim().slice(-500)}`)
    await pause(
      backoffMs(count, () => 1),
      { signal },
    )
  }
}

async function pushBranch(
  git: Git,
  url: string,
  commit: string,
  branch: string,
  signal: AbortSignal,
): Promise<void> {
  for (let count = 0; ; count++) {
    const args = ['push', '--quiet', '--end-of-options', url, `${commit}:refs/heads/${branch}`]
    const pushed = await git.run(args, { signal })
    if (pushed.exitCode === 0) return
    const refused = /rejected|denied|declined|forbidden|403|401/i.test(pushed.stderr)
    if (count === 4 || (refused && count === 1))
      throw new TaskFailure('PushRejected', `git push: ${pushed.stderr.trim().slice(-500)}`)
    await pause(
      backoffMs(count, () => 1),
      { signal },
    )
  }
}

/** Writes below `root`. A link on the way is an attempt to lead us out and ends the task. */
async function writeInto(root: string, path: string, text: string): Promise<void> {
  await refuseLinks(root, path)
  const target = join(root, path)
  await mkdir(dirname(target), { recursive: true })
  await writeFile(target, text)
}

async function readInside(root: string, path: string): Promise<string | undefined> {
  try {
    await refuseLinks(root, path)
    return await readFile(join(root, path), 'utf8')
  } catch {
    return undefined
  }
}

async function refuseLinks(root: string, path: string): Promise<void> {
  let at = root
  for (const part of safePath(path).split('/')) {
    at = join(at, part)
    const info = await lstat(at).catch(() => undefined)
    if (info !== undefined && !info.isFile() && !info.isDirectory())
      throw new TaskFailure('ScopeViolated', `${path} leads through something that is not a file`)
  }
}

async function findSpecialFiles(root: string): Promise<readonly string[]> {
  const found: string[] = []
  const entries = await readdir(root, { withFileTypes: true, recursive: true }).catch(() => [])
  for (const entry of entries) {
    if (entry.isFile() || entry.isDirectory()) continue
    found.push(join(entry.parentPath, entry.name).slice(root.length + 1))
    if (found.length === 20) break
  }
  return found
}

async function discard(root: string, gitDir: string, sandbox: Sandbox): Promise<void> {
  await removeTree(root, sandbox)
  await rm(gitDir, { recursive: true, force: true }).catch(() => undefined)
}

/** Removes a tree; what the sandbox's user owns in folders of its own only the sandbox can remove. */
async function removeTree(path: string, sandbox: Sandbox): Promise<void> {
  const info = await lstat(path).catch(() => undefined)
  if (info === undefined) return
  await rm(path, { recursive: true, force: true }).catch(async () => {
    await sandbox.reset(path, { signal: within(30_000) }).catch(() => undefined)
    await rm(path, { recursive: true, force: true }).catch(() => undefined)
  })
}
