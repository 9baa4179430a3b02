import type { DevRequest } from '../../core/api/devrequest.ts'
import { labels, ports } from '../../core/api/names.ts'
import type { Connection } from '../cluster/connection.ts'
import { withPortForward } from '../cluster/port-forward.ts'
import { counted } from '../../core/api/plain-text.ts'
import {
  hasRequestSucceeded,
  isRequestFinished,
  isRequestUnchecked,
  requestStatus,
} from '../show/snapshot.ts'
import { CliError } from '../failure.ts'
import type { Remote } from './git.ts'
import { readerToken } from './token.ts'

/** Where the result of a request lies on the forge. */
export interface ResultRef {
  readonly repository: string
  readonly branch: string
  /** The commit the work started from; empty for a repository that began with the request. */
  readonly base: string
}

/** Runs `work` with a way to read the forge that lasts as long as `work`. */
export async function withForge<T>(
  options: { readonly connection: Connection; readonly signal: AbortSignal },
  work: (remote: Remote) => Promise<T>,
): Promise<T> {
  const { connection, signal } = options
  const { client, namespace, flags } = connection
  const token = await readerToken({ client, namespace, signal })
  const selector = `${labels.name}=guildhall,${labels.component}=forge`
  return withPortForward(
    { client, flags, namespace, selector, what: 'forge', port: ports.forge, signal },
    (url) => work({ url, token }),
  )
}

/** What a person who takes the branch should know: whether it is the end, how it ended, and how much is on it. */
export function endOf(request: DevRequest): string {
  const { metadata, status } = request
  const commits = status?.commits ?? 0
  const branch = `the branch ${status?.branch ?? ''}`
  const holds =
    commits === 0
      ? `${branch} has no commits of it`
      : `${branch} has ${counted(commits, 'commit')} of it`
  const word = requestStatus(request)
  if (!isRequestFinished(request)) return `${metadata.name} is not finished (${word}): ${holds}`
  if (hasRequestSucceeded(request)) return `${metadata.name} succeeded: ${holds}`
  return isRequestUnchecked(request)
    ? `${metadata.name} is Unchecked, nothing could check all of its work: ${holds}`
    : `${metadata.name} did not succeed (${word}): ${holds}`
}

/** Where the result lies. Errors: `CliError` while there is none. */
export function resultOf(request: DevRequest): ResultRef {
  const { repository, branch, base = '' } = request.status ?? {}
  const { name } = request.metadata
  if (!repository || !branch) {
    throw isRequestFinished(request)
      ? new CliError(`${name} ended without a branch (${requestStatus(request)})`, {
          next: `guild tree ${name}`,
        })
      : new CliError(`${name} has no branch yet`, { next: `guild watch ${name}` })
  }
  return { repository, branch, base }
}
