import type { EnsureRepository } from '../core/api/forge-protocol.ts'
import { commitAt, type Git } from './git.ts'
import { ForgeRefusal } from './problem.ts'
import { hiddenRefs, isCommitId, isRefName } from './ref-names.ts'
import { readSourceUrl } from './source-url.ts'

/** Where a repository comes from. */
export type Source = EnsureRepository['source']

/** One line that says where a repository comes from; kept in its config, so that a name never changes its meaning. */
export function sourceLine(source: Source): string {
  if ('template' in source) return `template ${source.template.name}`
  if ('git' in source) return `git ${source.git.url}`
  return `repository ${source.repository.name}`
}

/** Branches and tags of the source, apart from the forge's own. */
export const upstream = {
  heads: `${hiddenRefs}/upstream/heads/`,
  tags: `${hiddenRefs}/upstream/tags/`,
} as const

/** Checks what a source says before anything is made. Errors: BadRequest with the field to correct. */
export function checkSource(source: Source): void {
  if ('template' in source) return
  if ('git' in source) readSourceUrl(source.git.url)
  const { ref } = 'git' in source ? source.git : source.repository
  if (ref !== undefined && !isRefName(ref)) {
    throw new ForgeRefusal(
      'BadRequest',
      `${JSON.stringify(ref)} is not the name of a branch, tag or commit (git check-ref-format); set spec.source.${'git' in source ? 'git' : 'repository'}.ref.`,
    )
  }
}

/** Most names of branches in a sentence. */
const mostNames = 10

/** `main, dev and 3 more`. */
export function someOf(names: readonly string[]): string {
  const more = names.length - mostNames
  const shown = names.slice(0, mostNames).join(', ')
  return more > 0 ? `${shown} and ${more} more` : shown
}

/**
 * The commit to start from: branch, tag or full commit id `ref`, or the default branch.
 * Errors: SourceUnavailable when there is no such ref; it names the branches there are.
 */
export async function resolveStart(options: {
  readonly git: Git
  readonly repository: string
  readonly label: string
  readonly ref: string | undefined
  readonly defaultBranch: string | undefined
  /** Where branches and tags are looked for, in this order. */
  readonly places: readonly string[]
  readonly signal: AbortSignal
}): Promise<string> {
  const { git, repository, label, ref, places, signal } = options
  const name = ref ?? options.defaultBranch
  if (name === undefined) throw new ForgeRefusal('SourceUnavailable', `${label} has no branch.`)
  const candidates = places.map((place) => `${place}${name}`)
  if (isCommitId(name)) candidates.push(name)
  for (const candidate of candidates) {
    const commit = await commitAt(git, repository, candidate, { signal })
    if (commit !== undefined) return commit
  }
  const [heads = ''] = places
  const list = ['for-each-ref', '--format=%(refname)', heads]
  const { stdout } = await git.run(list, { repository, signal })
  const names = stdout
    .split('\n')
    .flatMap((line) => (line === '' ? [] : [line.slice(heads.length)]))
  throw new ForgeRefusal(
    'SourceUnavailable',
    `${label} has no branch, tag or commit named ${name}; its branches: ${someOf(names)}.`,
  )
}
