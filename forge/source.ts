import type { EnsureRepository } from '../operator/api/forge-protocol.ts'
import { commitAt, type Git, GitError } from './git.ts'
import { ForgeError } from './problem.ts'
import { isCommitId, isRefName } from './ref-names.ts'

/** Where a repository comes from. */
export type Source = EnsureRepository['source']

/** One line that says where a repository comes from; kept in its config, so that a name never changes its meaning. */
export function sourceLine(source: Source): string {
  if ('template' in source) return `template ${source.template.name}`
  if ('git' in source) return `git ${source.git.url}`
  return `repository ${source.repository.name}`
}

/** Transports a mirror may use. No `ssh` (no keys here), no `file`, no `ext`. */
const mirrorProtocols = ['http', 'https', 'git'] as const

/** Below it are refs that clients never see (`transfer.hideRefs`). */
export const hiddenRefs = 'refs/guildhall'

/** Branches and tags of the source, apart from the forge's own. */
export const upstream = {
  heads: `${hiddenRefs}/upstream/heads/`,
  tags: `${hiddenRefs}/upstream/tags/`,
} as const

const mirrorMs = 15 * 60_000

/** Settings for talking to a source: give up on a dead line, look at what comes in. */
const fetchSettings: Readonly<Record<string, string>> = {
  'http.lowSpeedLimit': '1000',
  'http.lowSpeedTime': '30',
  'http.followRedirects': 'initial',
  'fetch.fsckObjects': 'true',
  // Old, harmless faults of well-known repositories.
  'fetch.fsck.zeroPaddedFilemode': 'ignore',
  'fetch.fsck.missingSpaceBeforeDate': 'ignore',
  'fetch.fsck.badTimezone': 'ignore',
  'fetch.fsck.badTimezoneOverflow': 'ignore',
  'fetch.fsck.duplicateEntries': 'warn',
}

/** Checks what a source says before anything is made. Errors: BadRequest with the field to correct. */
export function checkSource(source: Source): void {
  if ('template' in source) return
  if ('git' in source) checkGitUrl(source.git.url)
  const { ref } = 'git' in source ? source.git : source.repository
  if (ref !== undefined && !isRefName(ref)) {
    throw new ForgeError('BadRequest', `${JSON.stringify(ref)} is not a branch, tag or commit.`)
  }
}

/** No other transport, no missing host, no credentials: they would end up in the repository's config. */
function checkGitUrl(url: string): void {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (
    parsed === undefined ||
    url.length > 500 ||
    /[\s\p{Cc}\\]/u.test(url) ||
    parsed.hostname === '' ||
    !mirrorProtocols.some((name) => parsed.protocol === `${name}:`)
  ) {
    throw new ForgeError(
      'BadRequest',
      'A git source is an http, https or git URL; set spec.source.git.url.',
    )
  }
  if (parsed.username !== '' || parsed.password !== '') {
    throw new ForgeError(
      'BadRequest',
      'A git URL must not carry credentials; take them out of spec.source.git.url.',
    )
  }
}

/**
 * Brings every branch and tag of the source into the forge's own refs and returns the name of its default branch.
 * `from` is a checked URL, or the path of a repository of this forge.
 * Errors: SourceUnavailable with git's reason; DiskFull.
 */
export async function fetchAll(options: {
  readonly git: Git
  readonly repository: string
  readonly from: string
  /** How people know the source. */
  readonly label: string
  readonly local: boolean
  readonly signal: AbortSignal
}): Promise<string> {
  const { git, repository, from, label, signal } = options
  const protocols = options.local ? ['file'] : mirrorProtocols
  const how = { repository, signal, protocols, settings: fetchSettings }
  try {
    const { stdout } = await git.run(['ls-remote', '--symref', '--end-of-options', from, 'HEAD'], {
      ...how,
      timeoutMs: 60_000,
    })
    const branch = /^ref: refs\/heads\/(\S+)\tHEAD$/m.exec(stdout)?.[1]
    if (branch === undefined || !/^[0-9a-f]{40}\tHEAD$/m.test(stdout)) {
      throw new ForgeError('SourceUnavailable', `${label} has no default branch with a commit.`)
    }
    const refspecs = [`+refs/heads/*:${upstream.heads}*`, `+refs/tags/*:${upstream.tags}*`]
    const flags = ['--no-tags', '--prune', '--no-write-fetch-head', '--no-recurse-submodules']
    await git.run(['fetch', '--quiet', ...flags, '--end-of-options', from, ...refspecs], {
      ...how,
      timeoutMs: mirrorMs,
    })
    return branch
  } catch (error) {
    if (!(error instanceof GitError)) throw error
    throw new ForgeError('SourceUnavailable', `${label} cannot be fetched: ${reasonOf(error)}`, {
      cause: error,
    })
  }
}

/** The last words of git, on one line, without its prefixes. */
function reasonOf(error: GitError): string {
  const lines = error.stderr.split('\n').map((line) => line.trim())
  const last = lines.findLast((line) => /^(?:fatal|error):/.test(line)) ?? lines.at(-1) ?? ''
  const text = last.replace(/^(?:fatal|error): */, '').slice(0, 300)
  return text === '' ? 'it did not answer in time.' : `${text.replace(/\.$/, '')}.`
}

/**
 * The commit to start from: branch, tag or full commit id `ref`, or the default branch.
 * Errors: SourceUnavailable when there is no such ref; BadRequest when git could misread it.
 */
export async function resolveStart(options: {
  readonly git: Git
  readonly repository: string
  readonly label: string
  readonly ref: string | undefined
  readonly defaultBranch: string
  /** Where branches and tags are looked for, in this order. */
  readonly places: readonly string[]
  readonly signal: AbortSignal
}): Promise<string> {
  const { git, repository, label, ref, signal } = options
  const name = ref ?? options.defaultBranch
  const candidates = options.places.map((place) => `${place}${name}`)
  if (isCommitId(name)) candidates.push(name)
  for (const candidate of candidates) {
    const commit = await commitAt(git, repository, candidate, { signal })
    if (commit !== undefined) return commit
  }
  throw new ForgeError('SourceUnavailable', `${label} has no branch, tag or commit named ${name}.`)
}
