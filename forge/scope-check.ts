import type { Integrate } from '../core/api/forge-protocol.ts'
import { commitAt, type Git, GitError, type GitRun } from './git.ts'
import { ForgeRefusal } from './problem.ts'
import { allowedChanges, readChanges, type Change, type Scope } from './scope.ts'

/** A commit that an agent pushed, and where it is to go. */
export interface ScopeQuestion {
  readonly git: Git
  /** The bare repository. */
  readonly path: string
  /** Commit of the request's branch as it is now. */
  readonly target: string
  readonly commit: string
  readonly task: Integrate['task']
  /** Ref that keeps where the request's branch began. */
  readonly start: string
  /** The merged tree, when that is asked about instead of the commit. */
  readonly merged?: string
  readonly signal: AbortSignal
}

/** An agent makes one commit; a few more do no harm. */
const maxCommits = 20

/**
 * Why the commit, or the tree that was merged from it, is refused, as a sentence; undefined when its task may do this.
 * A commit is compared with the one it was built on, by git's own objects; each commit on the way is looked at as well,
 * because the history that is delivered holds all of them.
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

/** Why the task may not lead from one tree to the other. `base` is where the request's branch was when it was built on. */
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
  changes: readonly Change[],
): Promise<Scope> {
  const { git, path, signal, task, start } = question
  // A branch from before this was kept is taken to begin where the commit was built.
  const begun = (await commitAt(git, path, start, { signal })) ?? base
  const { action, files } = task
  // More than one is refused for a spec, so there is no need to ask about all of very many.
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
