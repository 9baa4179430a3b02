import { z } from 'zod'
import { audiences } from '../../core/api/names.ts'
import { isForbidden, isNotFound } from '../../core/kube/errors.ts'
import type { KubeClient } from '../../core/kube/client.ts'
import { CliError } from '../failure.ts'

/** The ServiceAccount whose tokens open the forge for reading and nothing else. */
export const readerAccount = 'guildhall-reader'

const tokenAnswer = z.object({ status: z.object({ token: z.string().min(1) }) })

/** Long enough for a large clone; the shortest time that Kubernetes allows. */
const tokenSeconds = 600

/**
 * Asks the API server for a token that lets one read the forge for ten minutes.
 * Errors: `CliError` when the person may not have one.
 */
export async function readerToken(options: {
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
