import type { Agent } from '../../../core/api/agent.ts'
import type { AgentTask } from '../../../core/api/agent-task.ts'
import type { RequestReason } from '../../../core/api/conditions.ts'
import type { WaitingReason } from '../../../core/api/waiting-reasons.ts'
import type { DevRequest, Plan } from '../../../core/api/devrequest.ts'

/**
 * A cause outside the request that stops its work. The work goes on by itself when the cause is
 * gone.
 */
export interface Stall {
  readonly reason: RequestReason
  /** A sentence that says what is wrong and what to do; several sentences end with a full stop. */
  readonly message: string
  /** What ends the stall where its reason does not tell it alone. */
  readonly waitsFor?: WaitingReason | undefined
}

/** The state of a request's planning, which runs beside the reconciles. */
export type PlanningState =
  | { readonly state: 'idle' }
  | { readonly state: 'running' }
  | { readonly state: 'done'; readonly plan: Plan; readonly tokens: number }

/** Everything that a decision about one request rests on. */
export interface RequestObservation {
  readonly request: DevRequest
  /** Why the spec is invalid, if it is. */
  readonly invalid: string | undefined
  /** The model's name: the operator's default when the request names none. */
  readonly model: string
  /** The tasks that the request owns. */
  readonly tasks: readonly AgentTask[]
  /** The agents that hold one of these tasks. */
  readonly agents: readonly Agent[]
  readonly planning: PlanningState
  readonly stall: Stall | undefined
  /** The branch as the forge last described it. */
  readonly branch: { readonly head: string; readonly commits: number } | undefined
  /** Whether the request is over and the audit log holds all that it and its tasks show. */
  readonly recorded: boolean
  readonly now: number
}
