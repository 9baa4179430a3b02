import { type BackoffPolicy, fullJitter } from '../../base/backoff.ts'
import type { Cancel, Clock, Random } from '../../base/clock.ts'

/** Takes the reports of a queue, for metrics; times are seconds. */
export interface QueueObserver {
  onAdd(depth: number): void
  /** A key was handed out after it had waited for this time. */
  onStart(waitedSeconds: number, depth: number): void
  onDone(workedSeconds: number): void
  onRetry(): void
}

interface WorkQueueOptions {
  readonly clock: Clock
  readonly random: Random
  /** Back-off of one failing key; by default 200 ms doubling to 5 min. */
  readonly backoff?: BackoffPolicy
  readonly observer?: QueueObserver | undefined
}

/**
 * Keys to work on, with the semantics of client-go's work queue.
 * Guarantees: a key waits at most once however often it is added; a key that is being worked on is
 * handed out again only after `done`, and then once if it was added meanwhile; delayed adds of one
 * key merge, the earlier time wins. Between two handings out of one key the event loop turns, so that
 * keys which ask for themselves or for each other at once hold up neither timers nor other keys.
 * Difference to client-go: `shutDown` drops what still waits, since a level-based controller finds
 * it again.
 */
export class WorkQueue {
  readonly #options: WorkQueueOptions
  readonly #waiting = new Set<string>()
  readonly #addedAt = new Map<string, number>()
  readonly #processing = new Map<string, number>()
  /** To be handed out once more when their run is done and the turn of the event loop is over. */
  readonly #again = new Set<string>()
  /** Handed out in this turn of the event loop. */
  readonly #thisTurn = new Set<string>()
  #cancelTurn: Cancel | undefined
  readonly #failures = new Map<string, number>()
  readonly #delayed: DelayedKeys
  readonly #takers: ((key: string | undefined) => void)[] = []
  #onIdle: (() => void)[] = []
  #closed = false

  constructor(options: WorkQueueOptions) {
    this.#options = options
    this.#delayed = new DelayedKeys(options.clock, (key) => this.add(key))
  }

  /** How many keys wait to be worked on. */
  get depth(): number {
    return this.#waiting.size
  }

  /** When each key under work was handed out, in monotonic milliseconds. */
  get processing(): ReadonlyMap<string, number> {
    return this.#processing
  }

  add(key: string): void {
    if (this.#closed || this.#waiting.has(key) || this.#again.has(key)) return
    if (this.#processing.has(key) || this.#thisTurn.has(key)) {
      this.#again.add(key)
      this.#addedAt.set(key, this.#options.clock.monotonic())
      this.#options.observer?.onAdd(this.#waiting.size)
      return
    }
    this.#addedAt.set(key, this.#options.clock.monotonic())
    this.#push(key)
    this.#options.observer?.onAdd(this.#waiting.size)
  }

  /**
   * Adds the key after `ms`: as soon as `add` does for 0 or less, else after 1 ms at least, so that
   * the rest of a wait that was rounded down does not spin. If the key already waits for a time, the
   * earlier one holds. `ms` has to be a number, not `NaN`.
   */
  addAfter(key: string, ms: number): void {
    if (this.#closed) return
    if (ms <= 0) this.add(key)
    else this.#delayed.put(key, Math.max(1, ms))
  }

  /**
   * Adds the key after its own back-off, which grows until `forget` and comes on top of
   * `atLeastMs`.
   */
  addRateLimited(key: string, atLeastMs = 0): void {
    const { backoff = { baseMs: 200, capMs: 300_000 }, random, observer } = this.#options
    const failures = this.#failures.get(key) ?? 0
    this.#failures.set(key, failures + 1)
    observer?.onRetry()
    this.addAfter(key, atLeastMs + fullJitter(backoff, failures, random))
  }

  /** Ends the back-off of a key: its last run was good, or the key is given up. */
  forget(key: string): void {
    this.#failures.delete(key)
  }

  /** Removes a key that waits; one that is being worked on is not stopped. */
  remove(key: string): void {
    this.#delayed.remove(key)
    this.#failures.delete(key)
    if (this.#waiting.delete(key) || this.#again.delete(key)) this.#addedAt.delete(key)
  }

  /** How often the key failed in a row. */
  failures(key: string): number {
    return this.#failures.get(key) ?? 0
  }

  /**
   * The next key; it must be given back with `done`. Resolves undefined once the queue is shut
   * down.
   */
  async get(): Promise<string | undefined> {
    if (this.#closed) return undefined
    const [key] = this.#waiting
    if (key !== undefined) return this.#start(key)
    return new Promise((resolve) => {
      this.#takers.push(resolve)
    })
  }

  done(key: string): void {
    const startedAt = this.#processing.get(key)
    if (startedAt === undefined) return
    this.#processing.delete(key)
    this.#options.observer?.onDone((this.#options.clock.monotonic() - startedAt) / 1000)
    if (!this.#thisTurn.has(key) && this.#again.delete(key)) this.#push(key)
    if (this.#processing.size === 0) {
      for (const resolve of this.#onIdle) resolve()
      this.#onIdle = []
    }
  }

  /** Hands out nothing more; resolves when everything handed out is given back. */
  async shutDown(): Promise<void> {
    this.#closed = true
    this.#waiting.clear()
    this.#again.clear()
    this.#cancelTurn?.()
    this.#delayed.clear()
    for (const take of this.#takers.splice(0)) take(undefined)
    if (this.#processing.size === 0) return
    await new Promise<void>((resolve) => {
      this.#onIdle.push(resolve)
    })
  }

  #push(key: string): void {
    this.#waiting.add(key)
    const taker = this.#takers.shift()
    if (taker !== undefined) taker(this.#start(key))
  }

  #start(key: string): string {
    const now = this.#options.clock.monotonic()
    this.#waiting.delete(key)
    this.#processing.set(key, now)
    if (this.#thisTurn.size === 0)
      this.#cancelTurn = this.#options.clock.after(0, () => this.#nextTurn())
    this.#thisTurn.add(key)
    const waited = (now - (this.#addedAt.get(key) ?? now)) / 1000
    this.#addedAt.delete(key)
    this.#options.observer?.onStart(waited, this.#waiting.size)
    return key
  }

  #nextTurn(): void {
    this.#thisTurn.clear()
    for (const key of this.#again) {
      if (this.#processing.has(key)) continue
      this.#again.delete(key)
      this.#push(key)
    }
  }
}

interface Delayed {
  readonly key: string
  readonly due: number
}

/**
 * Keys with a time each, behind one timer.
 * Guarantees: of several times for one key the earliest holds; adding and firing take logarithmic
 * time, since ten thousand keys wait here and hundreds of them come due in a second.
 */
export class DelayedKeys {
  readonly #clock: Clock
  readonly #onDue: (key: string) => void
  readonly #due = new Map<string, number>()
  /**
   * A binary heap, earliest first. It may hold entries that are out of date; the map `#due` is
   * right.
   */
  #heap: Delayed[] = []
  #cancel: Cancel | undefined
  #timerAt = Number.POSITIVE_INFINITY

  constructor(clock: Clock, onDue: (key: string) => void) {
    this.#clock = clock
    this.#onDue = onDue
  }

  put(key: string, ms: number): void {
    const due = this.#clock.monotonic() + ms
    if ((this.#due.get(key) ?? Number.POSITIVE_INFINITY) <= due) return
    this.#due.set(key, due)
    push(this.#heap, { key, due })
    if (this.#heap.length > 2 * this.#due.size + 64) this.#rebuild()
    if (due < this.#timerAt) this.#arm()
  }

  remove(key: string): void {
    this.#due.delete(key)
  }

  clear(): void {
    this.#cancel?.()
    this.#due.clear()
    this.#heap = []
  }

  #arm(): void {
    this.#cancel?.()
    const [first] = this.#heap
    this.#timerAt = first?.due ?? Number.POSITIVE_INFINITY
    if (first === undefined) return
    const ms = Math.max(0, first.due - this.#clock.monotonic())
    this.#cancel = this.#clock.after(ms, () => this.#fire())
  }

  #fire(): void {
    // Timers may fire a little early on the monotonic clock; without the slack the queue would
    // spin.
    const now = this.#clock.monotonic() + 1
    const ready: string[] = []
    for (let first = this.#heap[0]; first !== undefined && first.due <= now; [first] = this.#heap) {
      pop(this.#heap)
      if (this.#due.get(first.key) !== first.due) continue
      this.#due.delete(first.key)
      ready.push(first.key)
    }
    this.#arm()
    for (const key of ready) this.#onDue(key)
  }

  /** Drops the entries that are out of date; a sorted list is a heap, too. */
  #rebuild(): void {
    this.#heap = [...this.#due]
      .map(([key, due]) => ({ key, due }))
      .toSorted((a, b) => a.due - b.due)
  }
}

function push(heap: Delayed[], item: Delayed): void {
  let at = heap.push(item) - 1
  for (let up = (at - 1) >> 1; at > 0; at = up, up = (at - 1) >> 1) {
    const parent = heap[up]
    if (parent === undefined || parent.due <= item.due) break
    heap[at] = parent
  }
  heap[at] = item
}

function pop(heap: Delayed[]): void {
  const last = heap.pop()
  if (last === undefined || heap.length === 0) return
  let at = 0
  for (;;) {
    let down = 2 * at + 1
    let child = heap[down]
    const right = heap[down + 1]
    if (right !== undefined && child !== undefined && right.due < child.due) {
      child = right
      down += 1
    }
    if (child === undefined || last.due <= child.due) break
    heap[at] = child
    at = down
  }
  heap[at] = last
}
