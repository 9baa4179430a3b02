import type { Agent } from '../../../core/api/agent.ts'
import type { AgentTask } from '../../../core/api/agent-task.ts'
import type { RequestReason } from '../../../core/api/conditions.ts'
import type { DevRequest, Plan } from '../../../core/api/devrequest.ts'

/** Something outside that stops the work; it goes on by itself when the cause is gone. */
export interface Stall {
  readonly reason: RequestReason
  /** A sentence that says what is wrong and what to do. */
  readonly message: string
}

/** Where the planning of a request stands. It runs outside reconciles. */
export type PlanningState =
  | { readonly state: 'idle' }
  | { readonly state: 'running' }
  | { readonly state: 'done'; readonly plan: Plan; readonly tokens: number }

/** Everything a decision about one request rests on. */
export interface RequestObservation {
  readonly request: DevRequest
  /** Why the spec cannot be worked on, if so. */
  readonly invalid: string | undefined
  /** The model's name, the operator's default when the request names none. */
  readonly model: string
  /** Its own tasks. */
  readonly tasks: readonly AgentTask[]
  /** Agents that hold one of them. */
  readonly agents: readonly Agent[]
  readonly planning: PlanningState
  readonly stall: Stall | undefined
  /** The branch as the forge last told. */
  readonly branch: { readonly head: string; readonly commits: number } | undefined
  /** Whether the request is over and the audit log holds all that it and its tasks show. */
  readonly recorded: boolean
  readonly now: number
}
