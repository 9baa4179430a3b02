import type { AgentTask, AgentTaskStatus } from '../../../core/api/agent-task.ts'
import { firstClaim, heldBy, isFinished, isIntegrating } from '../../../core/api/task-state.ts'
import {
  type Readiness,
  type Transition,
  attemptOver,
  skip,
} from '../../../core/tasks/transitions.ts'
import type { Decision } from '../write-status.ts'
import type { Holder } from './holder.ts'

/** Everything that a decision about one task rests on. */
export interface TaskObservation {
  readonly task: AgentTask
  /** Whether the tasks that this task waits for let it begin. */
  readonly readiness: Readiness
  /** Meaningless while no agent holds the task. */
  readonly holder: Holder
  /** Every task that the holder's Pod holds, this task among them. */
  readonly claims: readonly AgentTask[]
  /** For how long this process has seen that the deadline of the attempt passed. */
  readonly overdueMs: number
  /** Milliseconds since 1970. */
  readonly now: number
}

/**
 * `merge`: merge the accepted commit into the request's branch, then write the transition that the
 * merge gave.
 */
interface TaskDecision extends Decision<AgentTaskStatus, 'merge'> {
  /** A transition, because the Events of the request tell of it too. */
  readonly change?: Transition | undefined
}

/**
 * Decides about one task. The first guard that applies decides. Only the scheduler gives a task to
 * an agent, so a task that waits for one is left alone here.
 */
export function decideTask(seen: TaskObservation): TaskDecision {
  const { task, readiness, now } = seen
  if (isFinished(task)) return {}
  if (isIntegrating(task)) return { step: 'merge' }
  const held = heldBy(task)
  if (held !== undefined) return decideHeld(seen, held)
  if (readiness.state === 'broken') return write(skip(task, readiness.by, now))
  return {}
}

/** After the deadline an agent whose state is unknown has this long to come back and report. */
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
  // The result may be on its way: the agent could not report while there was no operator, or no API
  // server. An agent that stays unknown must not hold the task for ever.
  if (
    end <= now &&
    (holder.state === 'reporting' || (holder.state === 'unknown' && seen.overdueMs < reportMs))
  )
    return { nextMs: 1_000 }
  if (end <= now)
    return write(
      attemptOver(
        task,
        { reason: 'TimedOut', message: `there was no result after ${task.spec.timeoutSeconds} s` },
        now,
      ),
    )
  return { nextMs: end - now }
}

function write(transition: Transition): TaskDecision {
  return { change: transition }
}
