// Whether a branch belongs into the repository in which a person stands: git would take it into any.
import { readFile, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { git } from './git.ts'
import type { ResultRef } from './access.ts'

/** What a repository is to a branch. `guildhall`: a clone of Guildhall, and the branch is of something else. */
export type Kinship = 'kin' | 'stranger' | 'guildhall'

/**
 * Looks whether a repository holds a commit that the branch stands on. `mirror` is the copy that holds the branch.
 * One without any commit takes every branch. Caveat: a shallow clone may look like a stranger.
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
