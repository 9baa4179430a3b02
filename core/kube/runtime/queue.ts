import { fullJitter, type BackoffPolicy } from '../../base/backoff.ts'
import type { Clock, Random } from '../../base/clock.ts'
import { DelayedKeys } from './delayed-keys.ts'

/** What a queue reports for metrics; times are seconds. */
export interface QueueObserver {
  onAdd(depth: number): void
  /** An item was handed out after waiting so long. */
  onStart(waitedSeconds: number, depth: number): void
  onDone(workedSeconds: number): void
  onRetry(): void
}

export interface WorkQueueOptions {
  readonly clock: Clock
  readonly random: Random
  /** Back-off of one failing item; 200 ms doubling to 5 min unless told. */
  readonly backoff?: BackoffPolicy
  readonly observer?: QueueObserver | undefined
}

/**
 * Keys to work on, with the semantics of client-go's work queue.
 * Guarantees: a key waits at most once however often it is added; a key that is being worked on is handed out again only
 * after `done`, and then once if it was added meanwhile; delayed adds of one key merge, the earlier time wins.
 * Difference to client-go: `shutDown` drops what still waits, since a level-based controller finds it again.
 */
export class WorkQueue {
  readonly #options: WorkQueueOptions
  readonly #waiting = new Set<string>()
  readonly #addedAt = new Map<string, number>()
  readonly #processing = new Map<string, number>()
  readonly #again = new Set<string>()
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
    if (this.#processing.has(key)) {
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
   * Adds the key after `ms`, 1 at least as timers do: what rounding leaves of a wait must not make it spin. If it already
   * waits for a time, the earlier one holds.
   */
  addAfter(key: string, ms: number): void {
    if (this.#closed) return
    if (ms <= 0) this.add(key)
    else this.#delayed.put(key, Math.max(1, ms))
  }

  /** Adds the key after its own back-off, which grows until `forget` and comes on top of `atLeastMs`. */
  addRateLimited(key: string, atLeastMs = 0): void {
    const { backoff = { baseMs: 200, capMs: 300_000 }, random, observer } = this.#options
    const failures = this.#failures.get(key) ?? 0
    this.#failures.set(key, failures + 1)
    observer?.onRetry()
    this.addAfter(key, atLeastMs + fullJitter(backoff, failures, random))
  }

  /** Ends the back-off of a key: its last run was good, or it is given up. */
  forget(key: string): void {
    this.#failures.delete(key)
  }

  /** Lets go of a key that waits; one that is being worked on is not stopped. */
  remove(key: string): void {
    this.#delayed.remove(key)
    this.#failures.delete(key)
    if (this.#waiting.delete(key) || this.#again.delete(key)) this.#addedAt.delete(key)
  }

  /** How often the key failed in a row. */
  failures(key: string): number {
    return this.#failures.get(key) ?? 0
  }

  /** The next key; it must be given back with `done`. Resolves undefined once the queue is shut down. */
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
    if (this.#again.delete(key) && !this.#closed) this.#push(key)
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
    const waited = (now - (this.#addedAt.get(key) ?? now)) / 1000
    this.#addedAt.delete(key)
    this.#options.observer?.onStart(waited, this.#waiting.size)
    return key
  }
}
