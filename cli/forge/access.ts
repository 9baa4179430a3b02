import type { DevRequest } from '../../core/api/devrequest.ts'
import { audiences, labels, ports } from '../../core/api/names.ts'
import { type Connection, withPortForward } from '../cluster/connection.ts'
import { counted } from '../../core/api/plain-text.ts'
import {
  hasRequestSucceeded,
  isRequestFinished,
  isRequestUnchecked,
  requestStatus,
} from '../../core/view/request.ts'
import { CliError } from '../failure.ts'
import type { Remote } from './git.ts'
import { z } from 'zod'
import { isForbidden, isNotFound } from '../../core/kube/errors.ts'
import type { KubeClient } from '../../core/kube/client.ts'

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
    (url) => work({ url, token, namespace }),
  )
}

/**
 * What a person who takes the branch should know: whether it is the end, how it ended, and how much
 * is on it.
 */
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

/** The ServiceAccount whose tokens open the forge for reading and nothing else. */
const readerAccount = 'guildhall-reader'

const tokenAnswer = z.object({ status: z.object({ token: z.string().min(1) }) })

/** Long enough for a large clone; the shortest time that Kubernetes allows. */
const tokenSeconds = 600

/**
 * Asks the API server for a token that lets one read the forge for ten minutes.
 * Errors: `CliError` when the person may not have one.
 */
async function readerToken(options: {
  readonly client: Pick<KubeClient, 'raw'>
  readonly namespace: string
  readonly signal: AbortSignal
}): Promise<string> {
  const { client, namespace, signal } = options
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/serviceaccounts/${readerAccount}/token`
  const body = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { audiences: [audiences.forge], expirationSeconds: tokenSeconds },
  }
  try {
    const answer = tokenAnswer.safeParse(await client.raw('POST', path, body, { signal }))
    if (answer.success) return answer.data.status.token
    throw new CliError('the API server answered the token request without a token', {
      next: `kubectl create token ${readerAccount} -n ${namespace} --audience ${audiences.forge}`,
    })
  } catch (error) {
    if (isForbidden(error)) {
      throw new CliError(`you may not read the forge: ${error.message}`, {
        next: `kubectl auth can-i create serviceaccounts/token --subresource=token -n ${namespace}`,
        cause: error,
      })
    }
    if (isNotFound(error)) {
      throw new CliError(`there is no ServiceAccount ${readerAccount} in ${namespace}`, {
        next: `helm status guildhall -n ${namespace}`,
        cause: error,
      })
    }
    throw error
  }
}
