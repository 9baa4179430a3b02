import type { Clock } from '../kube/ports.ts'

/**
 * When something that only tells more about the same state may be written again.
 * Guarantees: each key at most every `everyMs`, and all keys together at most `perSecond`, however many there are.
 */
export class Pace {
  readonly #options: {
    readonly clock: Pick<Clock, 'monotonic'>
    readonly everyMs: number
    readonly perSecond: number
  }
  readonly #last = new Map<string, number>()

  constructor(options: {
    readonly clock: Pick<Clock, 'monotonic'>
    readonly everyMs: number
    readonly perSecond: number
  }) {
    this.#options = options
  }

  /** Notes a write of any kind. */
  written(key: string): void {
    this.#last.set(key, this.#options.clock.monotonic())
  }

  /** How long to wait, in milliseconds; 0 when it may be written now. */
  leftMs(key: string): number {
    const last = this.#last.get(key)
    if (last === undefined) return 0
    const { clock, everyMs, perSecond } = this.#options
    const everyoneMs = (this.#last.size * 1000) / perSecond
    return Math.max(0, last + Math.max(everyMs, everyoneMs) - clock.monotonic())
  }

  /** Lets go of one that is over. */
  forget(key: string): void {
    this.#last.delete(key)
  }
}
