import { agentTasks } from '../core/api/kinds.ts'
import type { KubeClient } from '../core/kube/client.ts'
import { isNotFound } from '../core/kube/errors.ts'
import { ForgeRefusal } from './problem.ts'
import type { AgentTask } from '../core/api/agent-task.ts'

/** Reads one AgentTask, live: a push is judged by what the API server says now. */
export interface TaskReader {
  /** Undefined when there is no such task. Errors: `ForgeRefusal` when the API server cannot be asked. */
  read(name: string, options: { readonly signal: AbortSignal }): Promise<AgentTask | undefined>
}

/** Live GET of an AgentTask. Needs `get` on `agenttasks`. */
export function kubeTaskReader(client: Pick<KubeClient, 'get'>, namespace: string): TaskReader {
  return {
    read: async (name, { signal }) => {
      try {
        return await client.get(agentTasks, { name, namespace, signal })
      } catch (error) {
        if (isNotFound(error)) return undefined
        throw new ForgeRefusal(
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
