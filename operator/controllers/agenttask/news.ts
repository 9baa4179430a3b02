import type { AgentTask } from '../../../core/api/agent-task.ts'
import { taskReasons } from '../../../core/api/conditions.ts'
import { findingsInShort } from '../../../core/api/review.ts'
import { isFinished } from '../../../core/api/task-state.ts'
import type { Notice } from '../world.ts'
import type { Transition } from '../../../core/tasks/transitions.ts'

/**
 * What the Events of a request tell about one of its tasks: that it failed, that it is tried again, what its review found.
 * Whoever describes the request sees nothing of the Events of its tasks. `task` is as the transition left it.
 */
export function newsForRequest(
  task: AgentTask,
  { reason, message }: Pick<Transition, 'reason' | 'message'>,
): Notice | undefined {
  const about = { action: 'Progress', minor: true } as const
  const { name } = task.metadata
  if (reason === taskReasons.Retrying)
    return { ...about, type: 'Warning', reason: 'TaskRetrying', message: `${name}: ${message}` }
  if (reason === taskReasons.DeadLettered)
    return { ...about, type: 'Warning', reason: 'TaskFailed', message: `${name}: ${message}` }
  const findings = isFinished(task) ? findingsInShort(task) : ''
  if (findings === '') return undefined
  return { ...about, type: 'Normal', reason: 'Reviewed', message: `${name}: ${findings}` }
}
