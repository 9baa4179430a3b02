import { readdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Connection } from '../cluster/connection.ts'
import { readRequest, resolveName } from '../cluster/requests.ts'
import { CliError, exitCodes } from '../failure.ts'
import { resultOf, withForge, type ResultRef } from '../forge/access.ts'
import { cloneUrl, git, type Remote } from '../forge/git.ts'
import type { Terminal } from '../terminal.ts'

export interface FetchOptions {
  readonly connection: Connection
  readonly terminal: Terminal
  readonly signal: AbortSignal
  readonly name: string
  /** Makes a new clone there; without it the branch goes into the repository of the current directory. */
  readonly directory?: string | undefined
  /** Where the person stands. */
  readonly cwd: string
}

/** Takes the result home. Prints the branch, or for a clone its directory. */
export async function fetchResult(options: FetchOptions): Promise<void> {
  const { connection, terminal, signal, cwd } = options
  const { client, namespace } = connection
  const where = { client, namespace, signal }
  const name = await resolveName(where, options.name)
  const result = resultOf(await readRequest(where, name))
  if (options.directory === undefined) {
    await insideRepository(cwd, name, signal)
    await withForge({ connection, signal }, (remote) =>
      fetchBranch(remote, result, { cwd, signal }),
    )
    terminal.out(`${result.branch}\n`)
    terminal.next(`git switch ${result.branch}`)
    return
  }
  const directory = resolve(cwd, options.directory)
  await mustBeFree(directory)
  await withForge({ connection, signal }, (remote) =>
    cloneBranch(remote, result, directory, signal),
  )
  terminal.out(`${directory}\n`)
  terminal.next(`cd ${directory} && git log --graph --oneline`)
}

/**
 * An ordinary clone of the result branch in `directory`, with that branch checked out.
 * The clone has no remote: the address it came from ends with this command.
 */
export async function cloneBranch(
  remote: Remote,
  { repository, branch }: ResultRef,
  directory: string,
  signal: AbortSignal,
): Promise<void> {
  const from = cloneUrl(remote, repository)
  const flags = ['--quiet', '--no-tags', '--origin', 'forge', '--branch', branch]
  await git(['clone', ...flags, '--', from, directory], { remote, signal })
  await git(['remote', 'remove', 'forge'], { cwd: directory, signal })
}

/** Not forced: commits that a person added to that branch are not thrown away. */
async function fetchBranch(
  remote: Remote,
  { repository, branch }: ResultRef,
  options: { readonly cwd: string; readonly signal: AbortSignal },
): Promise<void> {
  const ref = `refs/heads/${branch}`
  await git(['fetch', '--quiet', '--no-tags', cloneUrl(remote, repository), `${ref}:${ref}`], {
    ...options,
    remote,
  })
}

async function insideRepository(cwd: string, name: string, signal: AbortSignal): Promise<void> {
  await git(['rev-parse', '--git-dir'], { cwd, signal }).catch((cause: unknown) => {
    signal.throwIfAborted()
    throw new CliError('the current directory is no git repository', {
      next: `guild fetch ${name} --directory ${name}`,
      exitCode: exitCodes.usage,
      cause,
    })
  })
}

async function mustBeFree(directory: string): Promise<void> {
  const entries = await readdir(directory).catch(() => [])
  if (entries.length === 0) return
  throw new CliError(`the directory ${directory} is not empty`, {
    next: 'guild fetch … --directory with a new directory',
    exitCode: exitCodes.usage,
  })
}
