// Whether a task may be worked on. Pure.
import type { AgentTask } from '../api/agent-task.ts'
import { hasFailed, isComplete, isFinished } from '../api/task-state.ts'

/** What the tasks that a task waits for allow. */
export type Readiness =
  | { readonly state: 'ready' }
  | { readonly state: 'waiting' }
  /** `by` did not succeed, and this one cannot do without it. */
  | { readonly state: 'broken'; readonly by: string }

/** Judges by `find`, which gives a task of the same request by name. One that is not there (yet) is waited for. */
export function readinessOf(
  task: AgentTask,
  find: (name: string) => AgentTask | undefined,
): Readiness {
  const needed = task.spec.after.map(find)
  const broken = needed.find((other) => other !== undefined && hasFailed(other) && !maySpare(other))
  if (broken !== undefined) return { state: 'broken', by: broken.metadata.name }
  const met = needed.every(
    (other) => other !== undefined && (isComplete(other) || (isFinished(other) && maySpare(other))),
  )
  return { state: met ? 'ready' : 'waiting' }
}

/** The request goes on without it. Not when it was skipped itself: what it waited for is missing for those behind, too. */
function maySpare(task: AgentTask): boolean {
  return task.spec.onFailure === 'Continue' && task.status?.failure?.reason !== 'DependencyFailed'
}
