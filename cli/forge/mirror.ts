import { createHash } from 'node:crypto'
import { mkdir, readFile, realpath, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileProblem } from '../../core/base/file-problem.ts'
import { CliError } from '../failure.ts'
import { type Remote, cloneUrl, git } from './git.ts'
import { z } from 'zod'
import type { ResultRef } from './access.ts'

/**
 * Brings one branch of a repository into a bare copy that is kept between calls, so that the second
 * `diff` is quick. `origin` names the cluster: two clusters may hold different repositories of one
 * name. Returns the git directory.
 */
export async function mirrorBranch(options: {
  readonly remote: Remote
  readonly origin: string
  readonly repository: string
  readonly branch: string
  readonly signal: AbortSignal
  readonly env?: Readonly<Record<string, string | undefined>>
}): Promise<string> {
  const { remote, origin, repository, branch, signal, env = process.env } = options
  const cache = env['GUILDHALL_CACHE'] || join(homedir(), '.cache/guildhall')
  const cluster = createHash('sha256').update(origin).digest('hex').slice(0, 12)
  const directory = join(cache, 'mirrors', cluster, `${repository}.git`)
  await fetchInto(directory, { remote, repository, branch, signal })
  // Kept tidy without the token: a fetch that has it starts no other program.
  await git(['gc', '--auto', '--quiet'], { cwd: directory, own: true, signal })
  return directory
}

/**
 * Brings one branch of a repository on the forge into a bare repository of this program's own,
 * which is made when there is none. Forced: the copy follows the forge, whatever it held before (a
 * cluster may be made again).
 */
export async function fetchInto(
  directory: string,
  options: {
    readonly remote: Remote
    readonly repository: string
    readonly branch: string
    readonly signal: AbortSignal
  },
): Promise<void> {
  const { remote, repository, branch, signal } = options
  if ((await stat(join(directory, 'HEAD')).catch(() => undefined)) === undefined) {
    await mkdir(directory, { recursive: true, mode: 0o700 }).catch((cause: unknown) => {
      throw new CliError(`the folder ${directory} cannot be made: ${fileProblem(cause)}`, {
        next: 'GUILDHALL_CACHE=/var/tmp/guildhall guild …   (copies of branches are kept there)',
        cause,
      })
    })
    // Without a template: hooks of the person have no business here.
    const made = ['init', '--quiet', '--bare', '--template=', directory]
    await git(made, { own: true, signal })
  }
  const ref = `refs/heads/${branch}`
  const flags = ['--quiet', '--no-tags', '--no-recurse-submodules']
  await git(['fetch', ...flags, cloneUrl(remote, repository), `+${ref}:${ref}`], {
    cwd: directory,
    remote,
    signal,
  })
}

/**
 * How a repository relates to a branch. git would take a branch into any repository, related or
 * not. `guildhall`: a clone of Guildhall, and the branch belongs to something else.
 */
type Kinship = 'kin' | 'stranger' | 'guildhall'

/**
 * Looks whether a repository holds a commit on which the branch is based. `mirror` is the copy that
 * holds the branch. One without any commit takes every branch. Caveat: a shallow clone may look
 * like a stranger.
 */
export async function kinshipOf(
  { branch, base }: Pick<ResultRef, 'branch' | 'base'>,
  mirror: string,
  options: { readonly cwd: string; readonly signal: AbortSignal },
): Promise<Kinship> {
  const { cwd, signal } = options
  if ((await git(['rev-list', '--all', '--max-count=1'], options)) === '') return 'kin'
  const roots = await git(['rev-list', '--max-parents=0', `refs/heads/${branch}`], {
    cwd: mirror,
    own: true,
    signal,
  })
  for (const commit of [base, ...roots.split('\n').slice(0, 20)])
    if (commit !== '' && (await holds(commit, options))) return 'kin'
  return (await isGuildhall(cwd, signal)) ? 'guildhall' : 'stranger'
}

async function holds(
  commit: string,
  options: { readonly cwd: string; readonly signal: AbortSignal },
): Promise<boolean> {
  return await git(['cat-file', '-e', `${commit}^{commit}`], options).then(
    () => true,
    () => {
      options.signal.throwIfAborted()
      return false
    },
  )
}

const clone = join(import.meta.dirname, '../..')
const manifest = z.looseObject({ name: z.string() })

/** The clone in which this program lies, or another one. */
async function isGuildhall(cwd: string, signal: AbortSignal): Promise<boolean> {
  const top = await git(['rev-parse', '--show-toplevel'], { cwd, signal }).catch(() => '')
  if (top === '') return false
  if ((await realpath(top)) === (await realpath(clone))) return true
  const text = await readFile(join(top, 'package.json'), 'utf8').catch(() => '')
  try {
    return manifest.parse(JSON.parse(text)).name === 'guildhall'
  } catch {
    return false
  }
}
