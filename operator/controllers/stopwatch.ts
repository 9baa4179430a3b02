import type { Clock } from '../../core/base/clock.ts'
import type { KubeObject } from '../../core/kube/resource.ts'
import { Memory, type Remembered } from '../../core/kube/runtime/memory.ts'

interface Seen {
  readonly state: string
  /** On the monotonic clock. */
  readonly at: number
}

/**
 * How long objects have been as they are, as this process saw them: dates in objects come from other clocks, and a status
 * is written later than what it tells happened.
 */
export class Stopwatch<K extends KubeObject> {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #seen: Memory<K, Seen>

  /** With `until`, nothing is measured of an object of which it is true; a later state of it is seen for the first time. */
  constructor(
    view: Remembered<K>,
    clock: Pick<Clock, 'monotonic'>,
    options: { readonly until?: (object: K) => boolean } = {},
  ) {
    this.#clock = clock
    this.#seen = new Memory(view, options)
  }

  /** Milliseconds since the object came into this state; `already` is what had passed when it was seen for the first time. */
  msIn(object: K, state: string, already: number): number {
    const now = this.#clock.monotonic()
    const known = this.#seen.get(object)
    if (known?.state === state) return now - known.at
    // What changes before our eyes began now, whatever a status still says.
    const at = known === undefined ? now - Math.max(0, already) : now
    this.#seen.set(object, { state, at })
    return now - at
  }
}
