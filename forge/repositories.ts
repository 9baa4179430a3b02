import { mkdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { EnsureRepository, RepositoryState } from '../core/api/forge-protocol.ts'
import type { Clock, Random } from '../core/base/clock.ts'
import { type DiskGuard, whileThereIsRoom } from './disk.ts'
import { fetchAll, type From } from './fetch-source.ts'
import { commitAt, type Git } from './git.ts'
import { ForgeRefusal } from './problem.ts'
import { baseRef, isRefName, isRepositoryName, parseResultBranch } from './ref-names.ts'
import type { SourceDoor } from './source-hosts.ts'
import {
  checkSource,
  commitTemplate,
  oneLine,
  packageName,
  resolveStart,
  type Source,
  sourceLine,
  upstream,
} from './source.ts'

/** What making repositories needs. */
interface RepositoriesOptions {
  readonly git: Git
  readonly disk: DiskGuard
  readonly lock: RepositoryLock
  /** Says which hosts a source may be on. */
  readonly door: SourceDoor
  readonly clock: Clock
  readonly random: Random
  /** Holds `<name>.git`. */
  readonly root: string
  /** Same file system as `root`; emptied at start. */
  readonly staging: string
  /** Holds one directory per template. */
  readonly templates: string
}

const sourceKey = 'guildhall.source'
const mainBranch = 'main'
const zeroId = '0'.repeat(40)
const upstreamPlaces = [upstream.heads, upstream.tags] as const

/** The bare repositories on the volume. */
export class Repositories {
  readonly #options: RepositoriesOptions

  constructor(options: RepositoriesOptions) {
    this.#options = options
  }

  /** Path of a repository that exists. Errors: BadRequest for a bad name, NotFound. */
  async pathOf(name: string): Promise<string> {
    const path = this.#path(name)
    if (await exists(path)) return path
    throw new ForgeRefusal('NotFound', `There is no repository ${name}.`)
  }

  /**
   * Makes the repository and the request's branch, or finds them.
   * Guarantees: a repository appears complete or not at all; a branch that exists is never moved;
   * the same body again changes nothing; a `caller` who gives up ends his waiting, not work that
   * has begun (a long mirror would never end).
   * Errors: BadRequest, SourceUnavailable, DiskFull.
   */
  async ensure(
    name: string,
    wanted: EnsureRepository,
    { signal, caller }: { readonly signal: AbortSignal; readonly caller: AbortSignal },
  ): Promise<RepositoryState> {
    const path = this.#path(name)
    const request = parseResultBranch(wanted.branch)?.request
    if (request === undefined) {
      throw new ForgeRefusal('BadRequest', 'The branch of a request is named guild/<request>.')
    }
    checkSource(wanted.source)
    const work = async (): Promise<RepositoryState> => {
      const { source } = wanted
      if (await exists(path)) await this.#checkSource(path, name, source, { signal })
      else await this.#make(path, name, wanted, { signal })
      const found = await this.#branch(path, request, wanted.branch, { signal })
      if (found !== undefined) return { repository: name, branch: wanted.branch, ...found }
      const { disk, clock } = this.#options
      const base = await whileThereIsRoom(disk, (limit) => this.#start(path, name, source, limit), {
        clock,
        signal,
      })
      const lines = [
        'start',
        `create refs/heads/${wanted.branch} ${base}`,
        `update ${baseRef(request)} ${base}`,
        'commit',
      ]
      await this.#run(path, ['update-ref', '--stdin'], signal, `${lines.join('\n')}\n`)
      return { repository: name, branch: wanted.branch, base, head: base }
    }
    return this.#options.lock.hold(name, work, { signal: caller })
  }

  /** The request's branch and the commit it was made from, if both are there. */
  async #branch(
    path: string,
    request: string,
    branch: string,
    options: { readonly signal: AbortSignal },
  ): Promise<{ readonly base: string; readonly head: string } | undefined> {
    const { git } = this.#options
    const head = await commitAt(git, path, `refs/heads/${branch}`, options)
    if (head === undefined) return undefined
    const base = await commitAt(git, path, baseRef(request), options)
    return { base: base ?? head, head }
  }

  /** The commit a new branch starts from. A mirror is brought up to date first. */
  async #start(path: string, name: string, source: Source, signal: AbortSignal): Promise<string> {
    const { git } = this.#options
    const heads = 'refs/heads/'
    const common = { git, repository: path, signal }
    if ('git' in source) {
      const { url, ref } = source.git
      const from = { kind: 'url', url, door: this.#options.door } as const
      const defaultBranch = await this.#mirror(path, { from, label: url, ref }, signal)
      return resolveStart({ ...common, label: url, ref, defaultBranch, places: upstreamPlaces })
    }
    const symbolic = await this.#run(path, ['symbolic-ref', 'HEAD'], signal)
    const defaultBranch = symbolic.trim().replace(/^refs\/heads\//, '')
    const ref = 'repository' in source ? source.repository.ref : undefined
    const places = [heads, 'refs/tags/', ...upstreamPlaces]
    return resolveStart({ ...common, label: `repository ${name}`, ref, defaultBranch, places })
  }

  /**
   * Fetches everything and moves the mirror's own branch along: the default branch, or `ref` where
   * the source has none. Returns the default branch.
   */
  async #mirror(
    path: string,
    source: { readonly from: From; readonly label: string; readonly ref: string | undefined },
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const { git } = this.#options
    const { label, ref } = source
    const branch = await fetchAll({ git, repository: path, ...source, signal })
    const own = branch !== undefined && isOwnName(branch) ? branch : mainBranch
    const names = { label, ref: branch === undefined ? ref : undefined, defaultBranch: branch }
    const common = { git, repository: path, signal, places: upstreamPlaces }
    const commit = await resolveStart({ ...common, ...names })
    await this.#run(path, ['update-ref', `refs/heads/${own}`, commit], signal)
    await this.#run(path, ['symbolic-ref', 'HEAD', `refs/heads/${own}`], signal)
    return branch
  }

  /** A repository keeps its source: the same name with another one is a mistake, not an update. */
  async #checkSource(
    path: string,
    name: string,
    source: Source,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<void> {
    // Working on what is there, whatever it came from.
    if ('repository' in source && source.repository.name === name) return
    const kept = (await this.#run(path, ['config', '--local', sourceKey], signal)).trim()
    if (kept === sourceLine(source)) return
    throw new ForgeRefusal(
      'BadRequest',
      `Repository ${name} exists already and was made from ${kept}; use spec.source.repository.name ${name} to work on it, or another name.`,
    )
  }

  /** Makes the repository aside and moves it into place in one step. */
  async #make(
    path: string,
    name: string,
    wanted: EnsureRepository,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<void> {
    const { disk, clock, random, staging } = this.#options
    const { source } = wanted
    if ('repository' in source && !(await exists(this.#path(source.repository.name)))) {
      const other = source.repository.name
      throw new ForgeRefusal('SourceUnavailable', `There is no repository ${other} on the forge.`)
    }
    const draft = join(staging, random.uuid())
    try {
      await whileThereIsRoom(disk, (limit) => this.#fill(draft, name, wanted, limit), {
        clock,
        signal,
      })
      await rename(draft, path)
    } finally {
      await rm(draft, { recursive: true, force: true })
    }
  }

  async #fill(
    draft: string,
    name: string,
    wanted: EnsureRepository,
    signal: AbortSignal,
  ): Promise<void> {
    const { git, clock, templates } = this.#options
    const { source, title } = wanted
    await mkdir(draft)
    const init = ['init', '--quiet', '--bare', '--template=', `--initial-branch=${mainBranch}`]
    await git.run([...init, '--end-of-options', draft], { signal })
    await this.#run(draft, ['config', '--local', sourceKey, sourceLine(source)], signal)
    if ('git' in source) {
      const { url, ref } = source.git
      const from = { kind: 'url', url, door: this.#options.door } as const
      await this.#mirror(draft, { from, label: url, ref }, signal)
    } else if ('repository' in source) {
      const other = source.repository.name
      const from = { kind: 'path', path: this.#path(other) } as const
      const { ref } = source.repository
      await this.#mirror(draft, { from, label: `repository ${other}`, ref }, signal)
    } else {
      const commit = await commitTemplate({
        git,
        repository: draft,
        directory: join(templates, source.template.name),
        values: { title: oneLine(title) || name, name: packageName(title) },
        nowMs: clock.now(),
        signal,
      })
      await this.#run(draft, ['update-ref', `refs/heads/${mainBranch}`, commit, zeroId], signal)
      await rm(join(draft, 'template.index'), { force: true })
    }
  }

  #path(name: string): string {
    if (!isRepositoryName(name)) {
      throw new ForgeRefusal(
        'BadRequest',
        'A repository name is a DNS label: lower-case letters, digits and hyphens, at most 63.',
      )
    }
    return join(this.#options.root, `${name}.git`)
  }

  async #run(
    repository: string,
    args: readonly string[],
    signal: AbortSignal,
    input?: string,
  ): Promise<string> {
    const how = { repository, signal, ...(input === undefined ? {} : { input }) }
    return (await this.#options.git.run(args, how)).stdout
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    (entry) => entry.isDirectory(),
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false
      throw error
    },
  )
}

/**
 * A name that the mirror's own branch may have too. Names of ours are still usable as a start; it
 * is called main then.
 */
function isOwnName(branch: string): boolean {
  return isRefName(branch) && !/^guild(?:-task)?(?:\/|$)/.test(branch)
}

/**
 * Runs work on one repository at a time, in the order it was asked for; other repositories do not
 * wait.
 */
export class RepositoryLock {
  readonly #tails = new Map<string, Promise<void>>()

  /**
   * Errors: those of `work`; the signal's reason when the caller gave up while waiting. Work that
   * has begun is not interrupted from here.
   */
  async hold<T>(
    repository: string,
    work: () => Promise<T>,
    options: { readonly signal: AbortSignal },
  ): Promise<T> {
    const before = this.#tails.get(repository) ?? Promise.resolve()
    const turn = Promise.withResolvers<void>()
    const tail = before.then(() => turn.promise)
    this.#tails.set(repository, tail)
    try {
      await before
      options.signal.throwIfAborted()
      return await work()
    } finally {
      turn.resolve()
      if (this.#tails.get(repository) === tail) this.#tails.delete(repository)
    }
  }
}
