import type { Clock } from '../../core/base/clock.ts'
import type { KubeObject } from '../../core/kube/resource.ts'
import { Memory, type Remembered } from '../../core/kube/runtime/memory.ts'

interface Turn {
  /** When the last write was, on the monotonic clock. */
  readonly last: number | undefined
  /** When its next write is due, where it had to wait. */
  readonly turn: number | undefined
}

interface PaceOptions<K> {
  readonly clock: Pick<Clock, 'monotonic'>
  readonly everyMs: number
  readonly perSecond: number
  /** Says of which objects nothing more is written, so that they are forgotten. */
  readonly until?: (object: K) => boolean
}

/**
 * Says when a status that only tells more about the same state may be written again: many objects
 * that change at once must not fill the API server.
 * Guarantees: each object is written at most every `everyMs`; all together are written `perSecond`
 * times, spread over the second, in the order in which they asked.
 */
export class Pace<K extends KubeObject> {
  readonly #options: PaceOptions<K>
  readonly #turns: Memory<K, Turn>
  #nextTurn = 0

  constructor(view: Remembered<K>, options: PaceOptions<K>) {
    this.#options = options
    this.#turns = new Memory(view, options)
  }

  /**
   * Asks to write: 0 when the write may be done now (call `written` then), else the milliseconds
   * before asking again.
   */
  take(object: K): number {
    const { clock, perSecond } = this.#options
    const now = clock.monotonic()
    const restMs = this.#restMs(object, now)
    if (restMs > 0) return restMs
    const { last, turn: own } = this.#of(object)
    const turn = own ?? Math.max(now, this.#nextTurn)
    if (own === undefined) this.#nextTurn = turn + 1_000 / perSecond
    const isDue = turn <= now
    this.#turns.set(object, { last, turn: isDue ? undefined : turn })
    return isDue ? 0 : turn - now
  }

  /** Whether `take` would say 0. */
  isDue(object: K): boolean {
    const now = this.#options.clock.monotonic()
    return this.#restMs(object, now) <= 0 && (this.#of(object).turn ?? this.#nextTurn) <= now
  }

  /** Notes a write, also one that did not wait for its turn. */
  written(object: K): void {
    this.#turns.set(object, { ...this.#of(object), last: this.#options.clock.monotonic() })
  }

  #of(object: K): Turn {
    return this.#turns.get(object) ?? { last: undefined, turn: undefined }
  }

  #restMs(object: K, now: number): number {
    const { last } = this.#of(object)
    return last === undefined ? 0 : last + this.#options.everyMs - now
  }
}
