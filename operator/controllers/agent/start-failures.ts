import type { AgentType } from '../../../core/api/agent-types.ts'
import { exponential } from '../../../core/base/backoff.ts'
import type { Clock } from '../../../core/base/clock.ts'

/** Why agents of one type do not start. */
export interface StartTrouble {
  /** No agent of the type is made before this time, in milliseconds since 1970. */
  readonly until: number
  /** Why the last one ended. */
  readonly message: string
}

/**
 * The pause after the first agent that ended before it reached the hub; each further one doubles
 * it.
 */
const pauses = { baseMs: 5_000, capMs: 300_000 } as const

/**
 * Counts by type the agents that ended before they reached the hub: with a broken image the
 * operator would otherwise make and remove agents as fast as the cluster can. The counts are lost
 * with the process; a new leader starts without pauses.
 */
export class StartFailures {
  readonly #clock: Clock
  readonly #byType = new Map<AgentType, StartTrouble & { readonly failures: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** An agent of this type ended before it reached the hub. */
  failed(type: AgentType, message: string): void {
    const failures = (this.#byType.get(type)?.failures ?? 0) + 1
    const until = this.#clock.now() + exponential(pauses, failures - 1)
    this.#byType.set(type, { failures, message, until })
  }

  /** An agent of this type reached the hub, so agents of the type can start. */
  succeeded(type: AgentType): void {
    this.#byType.delete(type)
  }

  /** The types of which the scheduler makes no agent for now. */
  get troubles(): ReadonlyMap<AgentType, StartTrouble> {
    return this.#byType
  }
}
