// The forge's two questions to the Kubernetes API, on the real client.
import { agentTasks } from '../core/api/kinds.ts'
import { audiences } from '../core/api/names.ts'
import type { Clock } from '../core/base/ports.ts'
import type { KubeClient } from '../core/kube/client.ts'
import { tokenReviews } from '../core/kube/core.ts'
import { isNotFound, isTransient } from '../core/kube/errors.ts'
import { ForgeError } from './problem.ts'
import type { IdentityReviewer } from './identity.ts'
import type { TaskReader } from './task-reader.ts'

const podUidKey = 'authentication.kubernetes.io/pod-uid'

const reviewTries = 3
const reviewPauseMs = 200

/**
 * TokenReview with both audiences. Needs `create` on `tokenreviews`.
 * Asked up to three times after a passing failure: unlike other creations, a review may be repeated.
 */
export function kubeReviewer(
  client: Pick<KubeClient, 'create'>,
  clock: Pick<Clock, 'sleep'>,
): IdentityReviewer {
  const ask = async (token: string, signal: AbortSignal) => {
    const spec = { token, audiences: [audiences.hub, audiences.forge] }
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await client.create(tokenReviews, { metadata: { name: '' }, spec }, { signal })
      } catch (error) {
        if (attempt === reviewTries || !isTransient(error)) throw error
        await clock.sleep(reviewPauseMs, { signal })
      }
    }
  }
  return {
    review: async (token, { signal }) => {
      const { status } = await ask(token, signal)
      const { authenticated = false, audiences: granted = [], user } = status ?? {}
      return {
        authenticated,
        audiences: granted,
        username: user?.username ?? '',
        podUid: user?.extra?.[podUidKey]?.[0],
      }
    },
  }
}

/** Live GET of an AgentTask. Needs `get` on `agenttasks`. */
export function kubeTaskReader(client: Pick<KubeClient, 'get'>, namespace: string): TaskReader {
  return {
    read: async (name, { signal }) => {
      try {
        return await client.get(agentTasks, { name, namespace, signal })
      } catch (error) {
        if (isNotFound(error)) return undefined
        throw new ForgeError(
          'Internal',
          'The Kubernetes API cannot be asked right now; try again.',
          {
            status: 503,
            cause: error,
          },
        )
      }
    },
  }
}
