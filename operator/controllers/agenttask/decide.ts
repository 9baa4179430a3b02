import type { AgentTask } from '../../api/agent-task.ts'
import { isTrue } from '../../api/condition-list.ts'
import { taskConditions } from '../../api/conditions.ts'
import { hasFailed, hasSucceeded, heldBy, isFinished, isIntegrating } from '../../api/task-state.ts'
import { attemptOver, begin, ready, skip, type Transition } from './transitions.ts'

/** Everything a decision about one task rests on. */
export interface TaskObservation {
  readonly task: AgentTask
  /** The tasks named in `spec.after` that exist. */
  readonly dependencies: readonly AgentTask[]
  /** Whether the agent that holds it can still be heard; meaningless while nobody holds it. */
  readonly holder:
    | { readonly state: 'alive' | 'unknown' }
    | { readonly state: 'lost'; readonly why: string }
  /** Milliseconds since 1970. */
  readonly now: number
}

export type TaskDecision =
  | { readonly kind: 'rest'; readonly nextAt: number | undefined }
  | { readonly kind: 'write'; readonly transition: Transition }
  /** Merge the accepted commit into the request's branch, then write what came of it. */
  | { readonly kind: 'integrate' }

/** What to do about one task now. Guards first; the first that applies decides. */
export function decideTask(seen: TaskObservation): TaskDecision {
  const { task, now } = seen
  if (isFinished(task)) return { kind: 'rest', nextAt: undefined }
  if (task.status?.conditions === undefined) return write(begin(task, now))

  const broken = seen.dependencies.find(
    (dependency) => hasFailed(dependency) && !maySpare(dependency),
  )
  const held = heldBy(task)
  if (broken !== undefined && held === undefined && !isIntegrating(task))
    return write(skip(task, broken.metadata.name, now))

  if (isIntegrating(task)) return { kind: 'integrate' }
  if (held !== undefined) return decideHeld(seen, held.deadline)

  const met = task.spec.after.every((name) =>
    seen.dependencies.some(
      (dependency) =>
        dependency.metadata.name === name &&
        (hasSucceeded(dependency) || (isFinished(dependency) && maySpare(dependency))),
    ),
  )
  if (met && !isTrue(task, taskConditions.Ready)) return write(ready(task, now))
  return { kind: 'rest', nextAt: undefined }
}

/** The request goes on without it. Not when it was skipped itself: what it waited for is missing for those behind, too. */
function maySpare(task: AgentTask): boolean {
  return task.spec.onFailure === 'Continue' && task.status?.failure?.reason !== 'DependencyFailed'
}

function decideHeld(seen: TaskObservation, deadline: string): TaskDecision {
  const { task, now, holder } = seen
  if (holder.state === 'lost')
    return write(attemptOver(task, { reason: 'AgentLost', message: holder.why }, now))
  const end = Date.parse(deadline)
  if (end <= now)
    return write(
      attemptOver(
        task,
        { reason: 'TimedOut', message: `no result after ${task.spec.timeoutSeconds} s` },
        now,
      ),
    )
  return { kind: 'rest', nextAt: end }
}

function write(transition: Transition): TaskDecision {
  return { kind: 'write', transition }
}
