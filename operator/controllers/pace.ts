import type { Clock } from '../kube/ports.ts'

/**
 * When something that only tells more about the same state may be written again.
 * Guarantees: each key at most every `everyMs`; all keys together `perSecond` and never in a bunch, in the order in which
 * they asked, so that many objects that change at once do not fill the API server at once.
 */
export class Pace {
  readonly #options: {
    readonly clock: Pick<Clock, 'monotonic'>
    readonly everyMs: number
    readonly perSecond: number
  }
  readonly #last = new Map<string, number>()
  /** Whose turn is when, of those who had to wait. */
  readonly #turns = new Map<string, number>()
  #nextTurn = 0

  constructor(options: {
    readonly clock: Pick<Clock, 'monotonic'>
    readonly everyMs: number
    readonly perSecond: number
  }) {
    this.#options = options
  }

  /** Asks to write: 0 when it may be done now (then call `written`), else how many milliseconds to wait before asking again. */
  take(key: string): number {
    const { clock, perSecond } = this.#options
    const now = clock.monotonic()
    const restMs = this.#restMs(key, now)
    if (restMs > 0) return restMs
    const turn = this.#turns.get(key) ?? Math.max(now, this.#nextTurn)
    if (!this.#turns.has(key)) this.#nextTurn = turn + 1_000 / perSecond
    if (turn > now) {
      this.#turns.set(key, turn)
      return turn - now
    }
    this.#turns.delete(key)
    return 0
  }

  /** Whether `take` would say 0. */
  isDue(key: string): boolean {
    const now = this.#options.clock.monotonic()
    return this.#restMs(key, now) <= 0 && (this.#turns.get(key) ?? this.#nextTurn) <= now
  }

  /** Notes a write, also one that could not wait. */
  written(key: string): void {
    this.#last.set(key, this.#options.clock.monotonic())
  }

  /** Lets go of one that is over. */
  forget(key: string): void {
    this.#last.delete(key)
    this.#turns.delete(key)
  }

  #restMs(key: string, now: number): number {
    const last = this.#last.get(key)
    return last === undefined ? 0 : last + this.#options.everyMs - now
  }
}
