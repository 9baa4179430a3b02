import { createHash } from 'node:crypto'
import { mkdir, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { cloneUrl, git, type Remote } from './git.ts'

/**
 * Brings one branch of a repository into a bare copy that is kept between calls, so that the second `diff` is quick.
 * `origin` names the cluster: two clusters may hold different repositories of one name. Returns the git directory.
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
 * Brings one branch of a repository on the forge into a bare repository of this program's own, which is made when there is
 * none. Forced: the copy follows the forge, whatever it held before (a cluster may be made anew).
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
    await mkdir(directory, { recursive: true, mode: 0o700 })
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
