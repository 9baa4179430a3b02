import type { AgentTask } from '../../../core/api/agent-task.ts'
import type { Plan } from '../../../core/api/devrequest.ts'
import type { FailureReason } from '../../../core/api/failures.ts'
import { hasFailed, isComplete } from '../../../core/api/task-state.ts'

/** A unit of a plan that failed, with its evidence and the tasks that succeeded. */
export interface FailedPart {
  readonly unit: string
  /** The failure's message, and digests of what the agent ran. */
  readonly evidence: readonly string[]
  /** Names of the tasks whose work stands. */
  readonly succeeded: readonly string[]
}

/** Failures that a plan with smaller units may avoid. The others have causes outside the work. */
const curable: ReadonlySet<FailureReason> = new Set([
  'ChecksFailed',
  'OutputUnusable',
  'ContextTooSmall',
  'ScopeViolated',
])
/** A plan is revised once: a unit of the revised plan that fails is not planned again. */
const lastRevision = 2

/**
 * The unit to plan again when all tasks have ended; undefined when none failed, or when another
 * plan would not help.
 */
export function failedPart(
  plan: Plan | undefined,
  tasks: readonly AgentTask[],
): FailedPart | undefined {
  if (plan === undefined || plan.source === 'person' || plan.revision >= lastRevision)
    return undefined
  const failed = tasks.find(
    (task) =>
      hasFailed(task) &&
      task.spec.unit !== undefined &&
      task.spec.onFailure === 'FailRequest' &&
      curable.has(task.status?.failure?.reason ?? 'InternalError'),
  )
  if (failed?.spec.unit === undefined) return undefined
  const { failure, result } = failed.status ?? {}
  return {
    unit: failed.spec.unit,
    evidence: [
      failure?.message ?? '',
      ...(result?.evidence ?? []).map(({ digest }) => digest),
    ].filter((line) => line !== ''),
    succeeded: tasks.filter(isComplete).map(({ metadata }) => metadata.name),
  }
}
