// What a task may change in its repository: the one place where that is decided.
import type { Action } from '../core/api/agent-types.ts'
import type { Integrate } from '../core/api/forge-protocol.ts'
import { plainLine } from '../core/api/plain-text.ts'
import { isTestPath } from '../core/api/test-paths.ts'
import { commitAt, type Git, GitError, type GitRun } from './git.ts'
import { ForgeRefusal } from './problem.ts'

/**
 * One path that differs between two commits. Modes are git's six octal digits; `000000` where there
 * is no such path.
 */
export interface PathChange {
  readonly path: string
  readonly oldMode: string
  readonly newMode: string
}

/** What the decision rests on besides the change. */
export interface Scope {
  readonly action: Action
  /** `spec.files` of the AgentTask. */
  readonly files: readonly string[]
  /** Whether the path was there when the request began. */
  readonly wasThere: (path: string) => boolean
  /** Paths that earlier tasks of the request changed. */
  readonly changedBefore: ReadonlySet<string>
}

const absent = '000000'
const regular: ReadonlySet<string> = new Set(['100644', '100755'])
const kinds: Readonly<Record<string, string>> = {
  '120000': 'is a symbolic link',
  '160000': 'is a submodule',
}

/**
 * Why a task may not make this change, as the end of a sentence that begins with the path;
 * undefined when it may. Only regular files are ever written, no file that is there gets another
 * mode, and none is deleted but a file of the task.
 */
export function allowedChange(change: PathChange, scope: Scope): string | undefined {
  const { path, oldMode, newMode } = change
  if (path.includes('\uFFFD')) return 'has a name that is not UTF-8'
  if (newMode !== absent && !regular.has(newMode)) return kinds[newMode] ?? `has mode ${newMode}`
  if (oldMode !== absent && newMode !== absent && oldMode !== newMode) {
    return `has mode ${oldMode}, and the commit makes it ${newMode}`
  }
  return allowedPath(change, scope)
}

function allowedPath({ path, oldMode, newMode }: PathChange, scope: Scope): string | undefined {
  const { action, files } = scope
  const deleted = newMode === absent
  const named = files.includes(path)
  switch (action) {
    case 'code':
    case 'fix': {
      if (isTestPath(path)) return 'is a test, which a coding task must leave alone'
      // Without files of its own a fix repairs what the request wrote.
      const anything = action === 'fix' && files.every(isTestPath)
      if (named || (anything && !deleted && oldMode !== absent && scope.changedBefore.has(path))) {
        return undefined
      }
      return deleted ? notDeletable : outside(scope)
    }
    case 'spec':
      if (deleted) return 'is deleted, and a spec task only adds tests'
      if (scope.wasThere(path))
        return 'was there before the request, and a spec task only adds tests'
      return named || isTestPath(path) ? undefined : 'is not the name of a test'
    case 'document':
      if (named) return undefined
      if (deleted) return notDeletable
      return /^readme(?:\.\w+)?$/i.test(path) ? undefined : outside(scope)
    case 'branch':
    case 'verify':
    case 'review':
    case 'deploy':
    case 'finish':
      return `is changed, and a ${action} task changes nothing`
  }
}

const notDeletable = 'is deleted, and the task does not name it'

const outside = ({ files }: Scope): string =>
  files.length === 0
    ? 'is changed, and the task names no files'
    : `is not among the files of the task: ${files.map((file) => plainLine(file, 200)).join(', ')}`

/**
 * Why the changes together are refused, as one sentence that names a path; undefined when they are
 * allowed.
 */
export function allowedChanges(changes: readonly PathChange[], scope: Scope): string | undefined {
  for (const change of changes) {
    const why = allowedChange(change, scope)
    if (why !== undefined) return `${plainLine(change.path, 200)} ${why}.`
  }
  if (scope.action !== 'spec' || changes.length < 2) return undefined
  const paths = changes.slice(0, 5).map(({ path }) => plainLine(path, 200))
  return `A spec task adds one test file, and the commit has ${changes.length}: ${paths.join(', ')}.`
}

/** Changes in the format of `git diff-tree -r -z`. */
export function readChanges(text: string): readonly PathChange[] {
  const parts = text.split('\0')
  const changes: PathChange[] = []
  for (let at = 0; at + 1 < parts.length; at += 2) {
    const [, oldMode, newMode] =
      /^:(\d{6}) (\d{6}) [0-9a-f]+ [0-9a-f]+ [A-Z]\d*$/.exec(parts[at] ?? '') ?? []
    const path = parts[at + 1]
    if (oldMode === undefined || newMode === undefined || path === undefined) {
      throw new Error('git diff-tree gave a line that is not a change')
    }
    changes.push({ path, oldMode, newMode })
  }
  return changes
}

/** A commit that an agent pushed, and where it is to go. */
interface ScopeQuestion {
  readonly git: Git
  /** The bare repository. */
  readonly path: string
  /** Commit of the request's branch as it is now. */
  readonly target: string
  readonly commit: string
  readonly task: Integrate['task']
  /** Ref that keeps where the request's branch began. */
  readonly start: string
  /** The merged tree, when the question is about that and not about the commit. */
  readonly merged?: string
  readonly signal: AbortSignal
}

/** An agent makes one commit; a few more do no harm. */
const maxCommits = 20

/**
 * Why the commit, or the tree that was merged from it, is refused, as a sentence; undefined when
 * its task may do this. A commit is compared with the one it was built on, by git's own objects;
 * each commit on the way is looked at as well, because the history that is delivered holds all of
 * them.
 * Errors: BadRequest for a commit that shares no history with the branch.
 */
export async function scopeRefusal(question: ScopeQuestion): Promise<string | undefined> {
  const { target, commit, merged } = question
  const found = await run(question, ['merge-base', target, commit], { accept: [0, 1] })
  const base = found.trim()
  if (base === '') {
    throw new ForgeRefusal('BadRequest', `${commit} shares no history with the request's branch.`)
  }
  if (merged !== undefined) return judge(question, base, target, merged)
  const whole = await judge(question, base, base, commit)
  if (whole !== undefined) return whole
  const limit = `--max-count=${maxCommits + 1}`
  const list = await run(question, ['rev-list', '--parents', limit, commit, `^${target}`])
  const commits = list.split('\n').flatMap((line) => (line === '' ? [] : [line.split(' ')]))
  if (commits.length > maxCommits) return `The branch has more than ${maxCommits} commits.`
  for (const [id = '', parent, ...others] of commits) {
    if (parent === undefined || others.length > 0) {
      return `Commit ${id} has ${others.length === 0 ? 'no parent' : 'several parents'}; an agent builds on the request's branch.`
    }
    const why = commits.length === 1 ? undefined : await judge(question, base, parent, id)
    if (why !== undefined) return `Commit ${id}: ${why}`
  }
  return undefined
}

/**
 * Why the task may not lead from one tree to the other. `base` is where the request's branch was
 * when it was built on.
 */
async function judge(
  question: ScopeQuestion,
  base: string,
  from: string,
  to: string,
): Promise<string | undefined> {
  try {
    const changes = readChanges(await run(question, [...diffTree, from, to]))
    return allowedChanges(changes, await scopeOf(question, base, changes))
  } catch (error) {
    if (error instanceof GitError && error.tooMuch) return 'The commit changes too many files.'
    throw error
  }
}

// A `.gitmodules` may tell git to overlook a submodule that changed; the flag tells it not to.
const diffTree = ['diff-tree', '-r', '-z', '--no-renames', '--ignore-submodules=none']

async function scopeOf(
  question: ScopeQuestion,
  base: string,
  changes: readonly PathChange[],
): Promise<Scope> {
  const { git, path, signal, task, start } = question
  // A branch from before this was kept is taken to begin where the commit was built.
  const begun = (await commitAt(git, path, start, { signal })) ?? base
  const { action, files } = task
  // More than one is refused for a spec, so a few are enough to refuse very many.
  const paths = changes.slice(0, 50).map((change) => change.path)
  const there =
    action === 'spec' && paths.length > 0
      ? await names(question, [
          'ls-tree',
          '-z',
          '--name-only',
          '--full-tree',
          begun,
          '--',
          ...paths,
        ])
      : new Set<string>()
  const changedBefore =
    action === 'fix'
      ? await names(question, [...diffTree, '--name-only', begun, base])
      : new Set<string>()
  return { action, files, wasThere: (name) => there.has(name), changedBefore }
}

async function names(
  question: ScopeQuestion,
  args: readonly string[],
): Promise<ReadonlySet<string>> {
  const environment = { GIT_LITERAL_PATHSPECS: '1' }
  const text = await run(question, args, { environment })
  return new Set(text.split('\0').filter((name) => name !== ''))
}

async function run(
  { git, path, signal }: ScopeQuestion,
  args: readonly string[],
  how: Pick<GitRun, 'accept' | 'environment'> = {},
): Promise<string> {
  return (await git.run(args, { repository: path, signal, ...how })).stdout
}
