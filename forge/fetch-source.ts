import { plainLine } from '../core/api/plain-text.ts'
import { type Git, GitError, type GitRun } from './git.ts'
import { ForgeRefusal } from './problem.ts'
import type { SourceDoor } from './source-hosts.ts'
import {
  mirrorProtocols,
  readRedirect,
  readSourceUrl,
  remoteOf,
  type CheckedRemote,
} from './source-url.ts'
import { someOf, upstream } from './source.ts'

const mirrorMs = 15 * 60_000
const questionMs = 60_000
/** A renamed repository, a last slash, http to https: three are ample. */
const maxRedirects = 5

/**
 * Faults in old commits and tags that many known projects have and keep (an author without a name,
 * a date without a zone). They concern text that is only shown. What could lead a client astray
 * stays an error: names such as `.git` and `..` in trees, `.gitmodules` and `.gitattributes` that
 * attack, trees out of order. So does `nullSha1`: no tree that holds such an entry can be written
 * again, so no task could be done in it.
 */
const harmlessFaults = [
  'badDate',
  'badDateOverflow',
  'badEmail',
  'badName',
  'badTagName',
  'badTimezone',
  'missingEmail',
  'missingNameBeforeEmail',
  'missingSpaceBeforeDate',
  'missingSpaceBeforeEmail',
  'missingTaggerEntry',
  'multipleAuthors',
  'zeroPaddedDate',
  'zeroPaddedFilemode',
] as const

/**
 * Settings for talking to a source: give up on a dead line, look at what comes in, go nowhere but
 * where we were sent.
 */
const fetchSettings: Readonly<Record<string, string>> = {
  'http.lowSpeedLimit': '1000',
  'http.lowSpeedTime': '30',
  'http.followRedirects': 'false',
  'fetch.fsckObjects': 'true',
  ...Object.fromEntries(harmlessFaults.map((fault) => [`fetch.fsck.${fault}`, 'ignore'])),
  'fetch.fsck.duplicateEntries': 'warn',
}

/** Where to fetch from: a URL of somebody else, or the path of a repository of this forge. */
export type From =
  | { readonly kind: 'url'; readonly url: string; readonly door: SourceDoor }
  | { readonly kind: 'path'; readonly path: string }

/** What fetching needs. */
interface FetchOptions {
  readonly git: Git
  /** The bare repository that is fetched into. */
  readonly repository: string
  readonly from: From
  /** How people know the source. */
  readonly label: string
  /** What the request starts from, when it says so. */
  readonly ref: string | undefined
  readonly signal: AbortSignal
}

/**
 * Brings every branch and tag of the source into the forge's own refs. Gives the name of its
 * default branch; undefined when it has none and `ref` says where to start.
 * Errors: BadRequest for a host that is not allowed; SourceUnavailable with the reason; DiskFull.
 */
export async function fetchAll(options: FetchOptions): Promise<string | undefined> {
  const { label } = options
  try {
    const { remote, head } = await askHead(options)
    const branch = await defaultBranch(options, remote, head)
    const refspecs = [`+refs/heads/*:${upstream.heads}*`, `+refs/tags/*:${upstream.tags}*`]
    const flags = ['--no-tags', '--prune', '--no-write-fetch-head', '--no-recurse-submodules']
    const args = ['fetch', '--quiet', ...flags, '--end-of-options', remote.url, ...refspecs]
    await options.git.run(args, talk(options, remote, mirrorMs))
    return branch
  } catch (error) {
    if (!(error instanceof GitError)) throw error
    throw cannotFetch(label, reasonOf(error), error)
  }
}

const cannotFetch = (label: string, reason: string, cause?: unknown) =>
  new ForgeRefusal('SourceUnavailable', `${label} cannot be fetched: ${reason}`, { cause })

function talk(
  { repository, from, signal }: FetchOptions,
  remote: CheckedRemote,
  timeoutMs: number,
): GitRun {
  return {
    repository,
    signal,
    timeoutMs,
    protocols: from.kind === 'path' ? ['file'] : mirrorProtocols,
    settings: { ...fetchSettings, ...remote.settings },
    environment: remote.environment,
  }
}

/** Asks for HEAD, and follows the server where it stays on its host. */
async function askHead(
  options: FetchOptions,
): Promise<{ readonly remote: CheckedRemote; readonly head: string }> {
  const { from, label, signal } = options
  const ask = async (remote: CheckedRemote) => {
    const args = ['ls-remote', '--symref', '--end-of-options', remote.url, 'HEAD']
    return (await options.git.run(args, talk(options, remote, questionMs))).stdout
  }
  if (from.kind === 'path') {
    const remote = { url: from.path, settings: {}, environment: {} }
    return { remote, head: await ask(remote) }
  }
  let url = readSourceUrl(from.url)
  const open = await from.door.open(url.host, { signal })
  for (let count = 0; count <= maxRedirects; count += 1) {
    const remote = remoteOf(url, open)
    try {
      return { remote, head: await ask(remote) }
    } catch (error) {
      if (!(error instanceof GitError) || !isRedirect(error)) throw error
    }
    const { location } = await headersOf(options, remote)
    const redirect = readRedirect(url, location ?? '')
    if (redirect.kind === 'elsewhere') {
      const address = plainLine(redirect.address, 300)
      throw cannotFetch(
        label,
        `the server redirects to ${address}; name that address in spec.source.git.url.`,
      )
    }
    if (redirect.kind === 'page') throw cannotFetch(label, noRepository)
    url = redirect.url
  }
  throw cannotFetch(label, 'the server redirects again and again.')
}

const noRepository =
  'the server answers with a web page (perhaps to log in) and not as a git server; name the public address for cloning in spec.source.git.url.'

const isRedirect = ({ stderr }: GitError) => /returned error: 30[12378]\b/.test(stderr)

/**
 * What the server says in the head of its answer to git's first question. git shows it in its trace
 * only.
 */
async function headersOf(
  options: FetchOptions,
  remote: CheckedRemote,
): Promise<{ readonly location?: string | undefined; readonly contentType?: string | undefined }> {
  const how = talk(options, remote, questionMs)
  const environment = { ...how.environment, GIT_TRACE_CURL: '1', GIT_TRACE_CURL_NO_DATA: '1' }
  const args = ['ls-remote', '--end-of-options', remote.url, 'HEAD']
  const { stderr } = await options.git.run(args, { ...how, environment, accept: [0, 128] })
  const header = (name: string) =>
    new RegExp(`<= Recv header: ${name}: *(.*)$`, 'im').exec(stderr)?.[1]?.trim()
  return { location: header('location'), contentType: header('content-type') }
}

const sha256Ids =
  'it uses SHA-256 object ids, and the forge reads repositories with SHA-1 ids only.'

/**
 * The branch that HEAD names. Errors: SourceUnavailable when there is none and the request does not
 * say where to start.
 */
async function defaultBranch(
  options: FetchOptions,
  remote: CheckedRemote,
  head: string,
): Promise<string | undefined> {
  const { from, label, ref } = options
  if (/^[0-9a-f]{64}\t/m.test(head)) throw cannotFetch(label, sha256Ids)
  const commit = /^([0-9a-f]{40})\tHEAD$/m.exec(head)?.[1]
  const branch = /^ref: refs\/heads\/(.+)\tHEAD$/m.exec(head)?.[1]
  if (commit !== undefined && branch !== undefined) return branch
  const args = ['ls-remote', '--heads', '--tags', '--refs', '--end-of-options', remote.url]
  const { stdout } = await options.git.run(args, talk(options, remote, questionMs))
  if (/^[0-9a-f]{64}\t/m.test(stdout)) throw cannotFetch(label, sha256Ids)
  const names = (kind: string) =>
    [...stdout.matchAll(new RegExp(`^[0-9a-f]{40}\\trefs/${kind}/(.+)$`, 'gm'))].map(
      ([, name = '']) => plainLine(name, 200),
    )
  const [branches, tags] = [names('heads'), names('tags')]
  if (branches.length + tags.length === 0) {
    const isWeb = from.kind === 'url' && /^https?:/.test(remote.url)
    const { contentType = '' } = isWeb ? await headersOf(options, remote) : {}
    if (/^text\/html\b/i.test(contentType)) throw cannotFetch(label, noRepository)
    throw cannotFetch(label, 'it is empty: it has no branch with a commit; push a first commit.')
  }
  if (ref !== undefined) return undefined
  const what =
    commit === undefined
      ? `points to ${await missingBranch(options, remote)}`
      : 'is a commit and not a branch'
  const choice = someOf([...branches, ...tags])
  throw new ForgeRefusal(
    'SourceUnavailable',
    `HEAD of ${label} ${what}; set spec.source.git.ref to one of: ${choice}.`,
  )
}

/**
 * The branch that HEAD names though it is not there. Newer servers say it, and git shows it in its
 * trace only.
 */
async function missingBranch(options: FetchOptions, remote: CheckedRemote): Promise<string> {
  const how = talk(options, remote, questionMs)
  const environment = { ...how.environment, GIT_TRACE_PACKET: '1' }
  const args = ['ls-remote', '--symref', '--end-of-options', remote.url, 'HEAD']
  const { stderr } = await options.git.run(args, { ...how, environment, accept: [0, 2, 128] })
  const name = /< unborn HEAD symref-target:refs\/heads\/(\S+)$/m.exec(stderr)?.[1]
  return name === undefined
    ? 'a branch that does not exist'
    : `${plainLine(name, 200)}, which does not exist`
}

/** Why git failed, in a sentence for people. What a server sent is never repeated. */
function reasonOf({ stderr }: GitError): string {
  const fault = /^(?:error|fatal): object ([0-9a-f]{40}): (\w+): (.*)$/m.exec(stderr)
  if (fault !== null) {
    const [, object = '', name = '', text = ''] = fault
    return `object ${object} of its history has a fault that the forge does not take in (${name}: ${plainLine(text, 200)}); git fsck shows it in a clone.`
  }
  if (/could not read Username|Authentication failed|terminal prompts disabled/.test(stderr)) {
    return 'the server wants a name and a password. Either the repository is private, which is not supported, or it does not exist.'
  }
  if (/not valid: is this a git repository|invalid content-type/.test(stderr)) return noRepository
  if (/protocol error|bad line length/.test(stderr)) {
    return 'the server does not answer as a git server.'
  }
  const lines = stderr.split('\n').map((line) => line.trim())
  const last = lines.findLast((line) => /^(?:fatal|error):/.test(line)) ?? lines.at(-1) ?? ''
  const text = plainLine(last.replace(/^(?:fatal|error): */, ''), 300)
  return text === '' ? 'it did not answer in time.' : `${text.replace(/\.$/, '')}.`
}
