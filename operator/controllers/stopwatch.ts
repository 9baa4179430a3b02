import type { Clock } from '../kube/ports.ts'

/**
 * How long things have been as they are, as this process saw them: dates in objects come from other clocks, and a status
 * is written later than what it tells happened.
 */
export class Stopwatch {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #since = new Map<string, { readonly state: string; readonly at: number }>()

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  /** Milliseconds since `id` came into this state; `already` is what had passed when it was seen for the first time. */
  msIn(id: string, state: string, already: number): number {
    const now = this.#clock.monotonic()
    const known = this.#since.get(id)
    if (known?.state === state) return now - known.at
    // What changes before our eyes began now, whatever a status still says.
    const at = known === undefined ? now - Math.max(0, already) : now
    this.#since.set(id, { state, at })
    return now - at
  }

  /** Lets go of something that is gone. */
  forget(id: string): void {
    this.#since.delete(id)
  }
}
