import type { AgentTask } from '../api/agent-task.ts'
import type { AgentType } from '../api/agent-types.ts'
import type { DevRequest, PlannedTask } from '../api/devrequest.ts'
import { ownedBy } from '../api/kinds.ts'
import { labels } from '../api/names.ts'

/**
 * The AgentTask of one planned task. Its name stands in the plan, so the API server refuses to make
 * it twice. `models` are the installation's models by type of agent; a model that the request names
 * is used for all types.
 */
export function agentTaskOf(
  request: DevRequest,
  planned: PlannedTask,
  models: Readonly<Partial<Record<AgentType, string>>>,
): Pick<AgentTask, 'spec'> & {
  readonly metadata: Record<string, unknown> & { readonly name: string }
} {
  const { status, spec } = request
  return {
    metadata: {
      name: planned.name,
      namespace: request.metadata.namespace,
      labels: {
        [labels.request]: request.metadata.name,
        [labels.agentType]: planned.type,
        ...(planned.unit === undefined ? {} : { [labels.unit]: planned.unit }),
      },
      ownerReferences: [ownedBy(request)],
    },
    spec: {
      requestRef: { name: request.metadata.name },
      type: planned.type,
      action: planned.action,
      title: planned.title,
      goal: planned.goal,
      doneWhen: planned.doneWhen,
      files: planned.files,
      ...(planned.unit === undefined ? {} : { unit: planned.unit }),
      after: planned.after,
      priority: spec.priority,
      timeoutSeconds: spec.limits.taskTimeoutSeconds,
      maxAttempts: spec.limits.maxAttempts,
      onFailure: planned.onFailure,
      repository: status?.repository ?? '',
      branch: status?.branch ?? '',
      model: (spec.model === undefined ? models[planned.type] : undefined) ?? status?.model ?? '',
    },
  }
}
