import type { Clock } from '../../core/base/clock.ts'
import type { KubeObject } from '../../core/kube/resource.ts'
import { Memory, type Remembered } from '../../core/kube/runtime/memory.ts'

interface Seen {
  readonly state: string
  /** On the monotonic clock. */
  readonly at: number
}

/**
 * Measures how long objects have been in a state, as this process saw them. Dates in objects do not
 * serve for that: they come from other clocks, and a status is written later than the change that
 * it tells.
 */
export class Stopwatch<K extends KubeObject> {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #seen: Memory<K, Seen>

  /**
   * Objects of which `until` is true are not measured; their next state counts as seen for the
   * first time.
   */
  constructor(
    view: Remembered<K>,
    clock: Pick<Clock, 'monotonic'>,
    options: { readonly until?: (object: K) => boolean } = {},
  ) {
    this.#clock = clock
    this.#seen = new Memory(view, options)
  }

  /**
   * Milliseconds since the object came into this state; `already` had passed when this process
   * first saw the object.
   */
  msIn(object: K, state: string, already: number): number {
    const now = this.#clock.monotonic()
    const known = this.#seen.get(object)
    if (known?.state === state) return now - known.at
    // This process saw the object in another state before, so this state began now, even if a
    // status says otherwise.
    const at = known === undefined ? now - Math.max(0, already) : now
    this.#seen.set(object, { state, at })
    return now - at
  }
}
