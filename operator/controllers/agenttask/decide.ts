import type { AgentTask } from '../../../core/api/agent-task.ts'
import { firstClaim, heldBy, isFinished, isIntegrating } from '../../../core/api/task-state.ts'
import {
  type Readiness,
  type Transition,
  attemptOver,
  skip,
} from '../../../core/tasks/transitions.ts'
import type { Holder } from './holder.ts'

/** Everything a decision about one task rests on. */
export interface TaskObservation {
  readonly task: AgentTask
  /** What the tasks it waits for allow. */
  readonly readiness: Readiness
  /** Meaningless while nobody holds it. */
  readonly holder: Holder
  /** Every task that its holder's Pod holds, itself among them. */
  readonly claims: readonly AgentTask[]
  /** For how long this process has seen its deadline passed. */
  readonly overdueMs: number
  /** Milliseconds since 1970. */
  readonly now: number
}

export type TaskDecision =
  | { readonly kind: 'rest'; readonly nextAt: number | undefined }
  | { readonly kind: 'write'; readonly transition: Transition }
  /** Merge the accepted commit into the request's branch, then write what came of it. */
  | { readonly kind: 'integrate' }

/** What to do about one task now. Guards first; the first that applies decides. Giving it to an agent is the scheduler's. */
export function decideTask(seen: TaskObservation): TaskDecision {
  const { task, readiness, now } = seen
  if (isFinished(task)) return { kind: 'rest', nextAt: undefined }
  if (isIntegrating(task)) return { kind: 'integrate' }
  const held = heldBy(task)
  if (held !== undefined) return decideHeld(seen, held)
  if (readiness.state === 'broken') return write(skip(task, readiness.by, now))
  return { kind: 'rest', nextAt: undefined }
}

/** Past its deadline a holder that cannot be judged has this long to come back and report. */
const reportMs = 60_000

function decideHeld(
  seen: TaskObservation,
  held: NonNullable<ReturnType<typeof heldBy>>,
): TaskDecision {
  const { task, now, holder, claims } = seen
  const first = firstClaim(claims)
  if (first !== undefined && first.metadata.uid !== task.metadata.uid)
    return write(
      attemptOver(
        task,
        {
          reason: 'AgentWithdrawn',
          message: `${held.agent} was given ${first.metadata.name} before`,
        },
        now,
      ),
    )
  if (holder.state === 'lost') {
    const reason = holder.blameless ? 'AgentWithdrawn' : 'AgentLost'
    return write(attemptOver(task, { reason, message: holder.why }, now))
  }
  const end = Date.parse(held.deadline)
  // Its result may be on the way: it could not report while there was no operator, or no API server. Not for ever, though.
  if (
    end <= now &&
    (holder.state === 'reporting' || (holder.state === 'unknown' && seen.overdueMs < reportMs))
  )
    return { kind: 'rest', nextAt: now + 1_000 }
  if (end <= now)
    return write(
      attemptOver(
        task,
        { reason: 'TimedOut', message: `there was no result after ${task.spec.timeoutSeconds} s` },
        now,
      ),
    )
  return { kind: 'rest', nextAt: end }
}

function write(transition: Transition): TaskDecision {
  return { kind: 'write', transition }
}
