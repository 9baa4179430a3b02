import type { AgentType } from '../../../core/api/agent-types.ts'
import { exponential } from '../../../core/base/backoff.ts'
import type { Clock } from '../../../core/base/clock.ts'

/** Agents of one type do not start: until when none is tried, in milliseconds since 1970, and what was wrong last. */
export interface StartTrouble {
  readonly until: number
  readonly message: string
}

/** Pause after the first agent that ended before it reached the hub; it doubles with every further one. */
const pauses = { baseMs: 5_000, capMs: 300_000 } as const

/**
 * Agents that ended before they ever reached the hub, counted by type: a broken image must not make and remove agents as
 * fast as the cluster can. In memory only; a new leader starts without pauses.
 */
export class StartFailures {
  readonly #clock: Clock
  readonly #byType = new Map<AgentType, StartTrouble & { readonly failures: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** One of this type ended before it reached the hub. */
  failed(type: AgentType, message: string): void {
    const failures = (this.#byType.get(type)?.failures ?? 0) + 1
    const until = this.#clock.now() + exponential(pauses, failures - 1)
    this.#byType.set(type, { failures, message, until })
  }

  /** One of this type reached the hub: the type works. */
  succeeded(type: AgentType): void {
    this.#byType.delete(type)
  }

  /** What stops each type, for the scheduler. */
  get troubles(): ReadonlyMap<AgentType, StartTrouble> {
    return this.#byType
  }
}
