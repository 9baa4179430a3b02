// The agent process as a state machine: its states, and the next state and effects for each event.
// Pure; agent.ts carries the effects out.
import type { Assignment, Report } from '../../core/api/agent-protocol.ts'

/** The attempt that is worked on. */
export interface Holding {
  readonly task: string
  readonly uid: string
  readonly attempt: number
}

export type LifeState =
  /** Not yet welcomed. */
  | { readonly phase: 'connecting'; readonly last: Report | undefined }
  /**
   * Waits for work. `last` is the newest report, sent again when the hub assigns the same attempt
   * again.
   */
  | { readonly phase: 'idle'; readonly last: Report | undefined }
  | { readonly phase: 'working'; readonly holding: Holding }
  /** Finishes what it holds, then stops. */
  | { readonly phase: 'draining'; readonly holding: Holding }
  | { readonly phase: 'stopped' }

export type AgentEvent =
  | { readonly kind: 'welcomed' }
  | { readonly kind: 'assigned'; readonly assignment: Assignment }
  | ({ readonly kind: 'cancelled' } & Holding)
  /** The work ended; no report means that the attempt was taken away. */
  | { readonly kind: 'finished'; readonly report: Report | undefined }
  | { readonly kind: 'drained' }
  /** The process was asked to end: there is no time to finish. */
  | { readonly kind: 'terminated' }

export type AgentEffect =
  | { readonly do: 'start'; readonly assignment: Assignment }
  | { readonly do: 'abandon'; readonly why: string }
  | { readonly do: 'report'; readonly report: Report }
  | { readonly do: 'exit' }

interface AgentStep {
  readonly state: LifeState
  readonly effects: readonly AgentEffect[]
}

/**
 * The next state after `event`, and its effects. Events that make no sense in a state change
 * nothing.
 */
export function step(state: LifeState, event: AgentEvent): AgentStep {
  const stay: AgentStep = { state, effects: [] }
  if (state.phase === 'stopped') return stay
  const holding = 'holding' in state ? state.holding : undefined
  switch (event.kind) {
    case 'welcomed':
      return state.phase === 'connecting'
        ? { state: { ...state, phase: 'idle' }, effects: [] }
        : stay
    case 'assigned': {
      // The hub sends a new connection the assignment again that it believes the agent has.
      if (holding !== undefined) return stay
      const { assignment } = event
      const last = 'last' in state ? state.last : undefined
      if (last !== undefined && holds(assignment, last))
        return { state, effects: [{ do: 'report', report: last }] }
      return {
        state: {
          phase: 'working',
          holding: {
            task: assignment.task,
            uid: assignment.uid,
            attempt: assignment.attempt,
          },
        },
        effects: [{ do: 'start', assignment }],
      }
    }
    case 'cancelled':
      return holding !== undefined && holds(event, holding)
        ? { state, effects: [{ do: 'abandon', why: 'the hub took the task away' }] }
        : stay
    case 'finished': {
      if (holding === undefined) return stay
      if (state.phase === 'draining')
        return { state: { phase: 'stopped' }, effects: [{ do: 'exit' }] }
      return { state: { phase: 'idle', last: event.report }, effects: [] }
    }
    case 'drained':
      return holding === undefined
        ? { state: { phase: 'stopped' }, effects: [{ do: 'exit' }] }
        : { state: { phase: 'draining', holding }, effects: [] }
    case 'terminated':
      return {
        state: { phase: 'stopped' },
        effects:
          holding === undefined
            ? [{ do: 'exit' }]
            : [{ do: 'abandon', why: 'the process was asked to end' }, { do: 'exit' }],
      }
  }
}

function holds(one: Holding, other: Holding): boolean {
  return one.uid === other.uid && one.attempt === other.attempt
}
