import type { Integrate, IntegrateResult } from '../core/api/forge-protocol.ts'
import type { Clock } from '../core/base/clock.ts'
import type { Logger } from '../core/base/logger.ts'
import type { DiskGuard } from './disk.ts'
import { commitAt, type Git, GitError, isAncestor } from './git.ts'
import { ForgeRefusal } from './problem.ts'
import { baseRef, isCommitId, parseResultBranch, parseTaskBranch } from './ref-names.ts'
import type { RepositoryLock } from './repositories.ts'
import { scopeRefusal } from './scope.ts'
import { commitDates, oneLine } from './source.ts'

/** What integrating needs. */
interface IntegratorOptions {
  readonly git: Git
  readonly disk: DiskGuard
  readonly lock: RepositoryLock
  readonly clock: Clock
  readonly log: Logger
}

const maxConflictFiles = 100

/**
 * Merges a task's commit into its request's branch, one at a time per repository. Nothing else
 * moves such a branch.
 * Guarantees: what the task may not change is not merged, whatever its agent reported (`scope.ts`);
 * the merge is computed before anything moves; the branch moves in one step and only from the
 * commit the merge was computed for; a repeated call answers `contained`. A merge commit is always
 * made, even where git could move forward, because its trailers are the record of who did the work.
 */
export class Integrator {
  readonly #options: IntegratorOptions

  constructor(options: IntegratorOptions) {
    this.#options = options
  }

  /**
   * `path` is the bare repository, `name` what it is called.
   * Errors: BadRequest (names, unrelated histories), NotFound (a branch), BranchMoved, DiskFull.
   */
  async integrate(
    repository: { readonly name: string; readonly path: string },
    wanted: Integrate,
    options: { readonly signal: AbortSignal; readonly caller: AbortSignal },
  ): Promise<IntegrateResult> {
    checkNames(wanted)
    const work = () => this.#merge(repository.path, wanted, options.signal)
    return this.#options.lock.hold(repository.name, work, { signal: options.caller })
  }

  async #merge(path: string, wanted: Integrate, signal: AbortSignal): Promise<IntegrateResult> {
    const { git, disk } = this.#options
    const { into, from, commit } = wanted
    const target = await commitAt(git, path, `refs/heads/${into}`, { signal })
    if (target === undefined) throw new ForgeRefusal('NotFound', `There is no branch ${into}.`)
    const known = await commitAt(git, path, commit, { signal })
    // Before the task branch is looked at: an answer that got lost must be answered again, whatever
    // happened since.
    if (known !== undefined && (await isAncestor(git, path, commit, target, { signal }))) {
      return { outcome: 'contained', commit: target }
    }
    const tip = await commitAt(git, path, `refs/heads/${from}`, { signal })
    if (tip === undefined) throw new ForgeRefusal('NotFound', `There is no branch ${from}.`)
    if (tip !== commit) {
      throw new ForgeRefusal('BranchMoved', `${from} is at ${tip}, not at ${commit}.`)
    }
    const asked = { git, path, target, commit, task: wanted.task, start: startOf(into), signal }
    const outside = await scopeRefusal(asked)
    if (outside !== undefined) return { outcome: 'refused', message: outside }
    await disk.room()
    const merge = await mergeTrees(git, path, target, commit, signal)
    if (merge.kind === 'conflict') return { outcome: 'conflict', files: [...merge.files] }
    const spilt = await scopeRefusal({ ...asked, merged: merge.tree })
    if (spilt !== undefined) return { outcome: 'refused', message: spilt }
    const merged = await this.#commit(path, merge.tree, target, wanted, signal)
    await this.#tidy(path, signal)
    return { outcome: 'merged', commit: merged }
  }

  async #commit(
    path: string,
    tree: string,
    target: string,
    wanted: Integrate,
    signal: AbortSignal,
  ): Promise<string> {
    const { git, clock } = this.#options
    const args = ['commit-tree', tree, '-p', target, '-p', wanted.commit, '-F', '-']
    const { stdout } = await git.run(args, {
      repository: path,
      signal,
      input: mergeMessage(wanted),
      environment: commitDates(clock.now()),
    })
    const merged = stdout.trim()
    try {
      const update = ['update-ref', '-m', 'integrate', `refs/heads/${wanted.into}`, merged, target]
      await git.run(update, { repository: path, signal })
    } catch (cause) {
      const now = await commitAt(git, path, `refs/heads/${wanted.into}`, { signal })
      if (now === target || !(cause instanceof GitError)) throw cause
      throw new ForgeRefusal('BranchMoved', `${wanted.into} moved meanwhile; ask again.`, { cause })
    }
    return merged
  }

  /** Packs what has piled up. The merge stands, whatever comes of this. */
  async #tidy(path: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#options.git.run(['gc', '--auto', '--quiet'], { repository: path, signal })
    } catch (error) {
      if (!signal.aborted) this.#options.log.warn({ err: error, path }, 'tidying failed')
    }
  }
}

function checkNames(wanted: Integrate): void {
  if (parseResultBranch(wanted.into) === undefined) {
    throw new ForgeRefusal('BadRequest', 'into must be guild/<request>.')
  }
  if (parseTaskBranch(wanted.from) === undefined) {
    throw new ForgeRefusal('BadRequest', 'from must be guild-task/<task>/<attempt>.')
  }
  if (!isCommitId(wanted.commit)) throw new ForgeRefusal('BadRequest', 'commit must be a full id.')
  const bad = wanted.trailers.find(({ name }) => !/^[A-Za-z][A-Za-z0-9-]{0,63}$/.test(name))
  if (bad !== undefined) {
    throw new ForgeRefusal(
      'BadRequest',
      `${JSON.stringify(bad.name)} is not the name of a trailer.`,
    )
  }
}

/**
 * Subject, blank line, trailers in their order. Nothing that comes in can start a line of its own.
 */
export function mergeMessage(wanted: Pick<Integrate, 'subject' | 'trailers' | 'from'>): string {
  const subject = oneLine(wanted.subject) || `Integrate ${wanted.from}`
  const trailers = wanted.trailers.map(({ name, value }) => `${name}: ${oneLine(value)}\n`)
  return [`${subject}\n`, ...(trailers.length === 0 ? [] : ['\n', ...trailers])].join('')
}

/** The ref that keeps where the request's branch began. */
function startOf(into: string): string {
  const request = parseResultBranch(into)?.request
  if (request === undefined) throw new ForgeRefusal('BadRequest', 'into must be guild/<request>.')
  return baseRef(request)
}

type Merge =
  | { readonly kind: 'clean'; readonly tree: string }
  | { readonly kind: 'conflict'; readonly files: readonly string[] }

/** What the merge of two commits would be. Touches no branch and no work tree. */
async function mergeTrees(
  git: Git,
  path: string,
  ours: string,
  theirs: string,
  signal: AbortSignal,
): Promise<Merge> {
  const args = ['merge-tree', '--write-tree', '-z', '--name-only', '--no-messages', ours, theirs]
  // Without renames every path is merged with itself alone, so that what was allowed is what is
  // merged.
  const settings = { 'merge.renames': 'false', 'merge.directoryRenames': 'false' }
  const how = { repository: path, signal, settings, accept: [0, 1] }
  const { exitCode, stdout } = await git.run(args, how)
  const [tree = '', ...files] = stdout.split('\0').filter((part) => part.trim() !== '')
  if (exitCode === 0) return { kind: 'clean', tree }
  return { kind: 'conflict', files: [...new Set(files)].slice(0, maxConflictFiles) }
}
