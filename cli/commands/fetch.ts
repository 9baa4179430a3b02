import { constants, existsSync } from 'node:fs'
import { access, readdir } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { DevRequest } from '../../core/api/devrequest.ts'
import { fileProblem } from '../../core/base/file-problem.ts'
import { type Connection, originOf } from '../cluster/connection.ts'
import { readRequest, resolveName } from '../cluster/requests.ts'
import { CliError, exitCodes } from '../failure.ts'
import { hasRequestSucceeded } from '../../core/view/request.ts'
import { type ResultRef, endOf, resultOf, withForge } from '../forge/access.ts'
import { type Remote, git } from '../forge/git.ts'
import { fetchInto, kinshipOf, mirrorBranch } from '../forge/mirror.ts'
import { closeScratch, openScratch } from '../files.ts'
import type { Terminal } from '../terminal.ts'

interface FetchOptions {
  readonly connection: Connection
  readonly terminal: Terminal
  readonly signal: AbortSignal
  readonly name: string
  /**
   * Makes a new clone there; without it the branch goes into the repository of the current
   * directory.
   */
  readonly directory?: string | undefined
  /** Takes the branch also into Guildhall's own repository. */
  readonly force?: boolean | undefined
  /** Where the person stands. */
  readonly cwd: string
}

/** Takes the result home. Prints the branch, or for a clone its directory. */
export async function fetchResult(options: FetchOptions): Promise<void> {
  const { connection, terminal, signal, cwd } = options
  const { client, namespace } = connection
  const where = { client, namespace, signal }
  const name = await resolveName(where, options.name)
  const request = await readRequest(where, name)
  const result = resultOf(request)
  if (options.directory === undefined) {
    await insideRepository(cwd, name, signal)
    const { repository, branch } = result
    const origin = await originOf(connection)
    const mirror = await withForge({ connection, signal }, (remote) =>
      mirrorBranch({ remote, origin, repository, branch, signal }),
    )
    await checkKinship(name, result, mirror, options)
    await fetchBranch(mirror, branch, { cwd, signal })
    terminal.out(`${result.branch}\n`)
    warnOf(request, terminal)
    terminal.next(`git switch ${result.branch}`)
    return
  }
  const directory = resolve(cwd, options.directory)
  await mustBeFree(directory)
  await withForge({ connection, signal }, (remote) =>
    cloneBranch(remote, result, directory, signal),
  )
  terminal.out(`${directory}\n`)
  warnOf(request, terminal)
  terminal.next(`cd ${directory} && git log --graph --oneline`)
}

/**
 * Refuses a branch of something else in Guildhall's own repository, and warns of it elsewhere.
 * Errors: `CliError` (usage).
 */
export async function checkKinship(
  name: string,
  result: Pick<ResultRef, 'branch' | 'base'>,
  mirror: string,
  {
    cwd,
    signal,
    force = false,
    terminal,
  }: Pick<FetchOptions, 'cwd' | 'signal' | 'force'> & { readonly terminal: Pick<Terminal, 'err'> },
): Promise<void> {
  const kinship = await kinshipOf(result, mirror, { cwd, signal })
  if (kinship === 'kin') return
  if (kinship === 'guildhall' && !force)
    throw new CliError(
      `you stand in Guildhall's own repository, and ${name} is not about it: nothing was fetched`,
      {
        next: `guild fetch ${name} --directory ../${name}   (or stand in the repository that ${name} is about; --force takes it here all the same)`,
        exitCode: exitCodes.usage,
      },
    )
  terminal.err(
    `warning: the repository in ${cwd} holds no commit that ${name} stands on: ${result.branch} has nothing in common with it (git branch -D ${result.branch} removes it again; --directory makes a clone of its own)\n`,
  )
}

/**
 * Warns that the branch is unfinished, failed or unchecked; silent when it holds the whole and
 * proven work.
 */
function warnOf(request: DevRequest, terminal: Pick<Terminal, 'err'>): void {
  const isWhole = hasRequestSucceeded(request) && (request.status?.commits ?? 0) > 0
  if (!isWhole) terminal.err(`${endOf(request)}\n`)
}

/**
 * An ordinary clone of the result branch in `directory`, with that branch checked out. The clone
 * has no remote: the address it came from ends with this command. The person's hooks and filters
 * run while files are checked out, so that is done without the token, from a copy that is thrown
 * away.
 */
export async function cloneBranch(
  remote: Remote,
  { repository, branch }: ResultRef,
  directory: string,
  signal: AbortSignal,
): Promise<void> {
  const parent = await openScratch('guild-fetch-')
  try {
    const copy = join(parent, 'copy.git')
    await fetchInto(copy, { remote, repository, branch, signal })
    const flags = ['--quiet', '--no-tags', '--no-recurse-submodules', '--single-branch']
    const from = ['--origin', 'forge', '--branch', branch, '--', copy, directory]
    await git([...fromHere, 'clone', ...flags, ...from], { own: true, signal }).catch(
      (cause: unknown) => {
        signal.throwIfAborted()
        // The copy is here already: what fails now is the folder that the person named.
        const said = cause instanceof Error ? cause.message : String(cause)
        throw new CliError(`no clone can be made in ${directory}: ${said}`, {
          next: otherDirectory,
          exitCode: exitCodes.usage,
          cause,
        })
      },
    )
    await git(['remote', 'remove', 'forge'], { cwd: directory, own: true, signal })
  } finally {
    await closeScratch(parent)
  }
}

/** Whatever a person allows git elsewhere, this repository lies on this machine. */
const fromHere = ['-c', 'protocol.file.allow=always']

/**
 * Takes a branch from the copy into the repository in which a person stands, without the token:
 * hooks of that repository run, and submodules stay as they are. Not forced: commits that a person
 * added to that branch are not thrown away.
 */
export async function fetchBranch(
  mirror: string,
  branch: string,
  options: { readonly cwd: string; readonly signal: AbortSignal },
): Promise<void> {
  const ref = `refs/heads/${branch}`
  // Not quiet: then it would not say why it refuses.
  const flags = ['--no-tags', '--no-recurse-submodules']
  await git([...fromHere, 'fetch', ...flags, mirror, `${ref}:${ref}`], options)
}

async function insideRepository(cwd: string, name: string, signal: AbortSignal): Promise<void> {
  await git(['rev-parse', '--git-dir'], { cwd, signal }).catch((cause: unknown) => {
    signal.throwIfAborted()
    throw new CliError('the current directory is not a git repository', {
      next: `guild fetch ${name} --directory ${name}`,
      exitCode: exitCodes.usage,
      cause,
    })
  })
}

const otherDirectory = 'guild fetch … --directory with a new directory'

/** Looks before the forge is asked: git finds it out when all else is done. */
async function mustBeFree(directory: string): Promise<void> {
  const refuse = (sentence: string, cause?: unknown): never => {
    throw new CliError(sentence, {
      next: otherDirectory,
      exitCode: exitCodes.usage,
      cause,
    })
  }
  const entries = await readdir(directory).catch((cause: NodeJS.ErrnoException) =>
    cause.code === 'ENOENT' ? [] : refuse(`${directory} cannot be used: ${noFolder(cause)}`, cause),
  )
  if (entries.length > 0) refuse(`the directory ${directory} is not empty`)
  // git makes the folders on the way, too.
  let place = directory
  while (!existsSync(place)) place = dirname(place)
  await access(place, constants.W_OK).catch((cause: unknown) =>
    refuse(`${directory} cannot be made in ${place}: ${fileProblem(cause)}`, cause),
  )
}

const noFolder = (cause: NodeJS.ErrnoException): string =>
  cause.code === 'ENOTDIR' ? 'it, or a folder on the way to it, is a file' : fileProblem(cause)
