import type { Cancel, Clock } from '../base/clock.ts'

/**
 * The classes of requests that have to wait, most urgent first. `lease` is for leader election
 * alone, which sends one request at a time. It passes a full in-flight bound, because requests that
 * hang would otherwise cost the leadership.
 */
const requestPriorities = ['lease', 'assign', 'status', 'refill', 'events'] as const
export type RequestPriority = (typeof requestPriorities)[number]

/** Bounds on what one process asks of the API server. */
interface LimiterOptions {
  readonly clock: Clock
  /** Requests per second in the long run. */
  readonly rate: number
  /** Requests that may go at once after a quiet time. */
  readonly burst: number
  /**
   * Requests under way at the same time, besides `lease`. There have to be more connections than
   * that; otherwise requests wait in the pool of connections, which knows no classes.
   */
  readonly inFlight: number
}

interface Waiter {
  readonly go: () => void
}

/**
 * A token bucket and an in-flight bound with priority classes: within a class first come, first
 * served; a less urgent class waits until no more urgent request does.
 * The API server's own fairness protects the server. This limit also protects its other clients,
 * and keeps a flood of events from delaying an assignment.
 */
export class Limiter {
  readonly #options: LimiterOptions
  readonly #waiting: readonly Waiter[][] = requestPriorities.map(() => [])
  #tokens: number
  #filledAt: number
  #underWay = 0
  #cancelTimer: Cancel | undefined

  constructor(options: LimiterOptions) {
    this.#options = options
    this.#tokens = options.burst
    this.#filledAt = options.clock.monotonic()
  }

  /**
   * Waits for its turn. Call `release` once the request is over. Rejects with the signal's reason
   * when it is aborted.
   */
  async acquire(
    priority: RequestPriority,
    options: { readonly signal: AbortSignal },
  ): Promise<void> {
    options.signal.throwIfAborted()
    const line = this.#waiting[requestPriorities.indexOf(priority)] ?? []
    if (this.#waiting.every((queue) => queue.length === 0) && this.#take(priority)) return
    await new Promise<void>((resolve, reject) => {
      const leave = () => {
        line.splice(line.indexOf(waiter), 1)
        reject(options.signal.reason)
      }
      const waiter: Waiter = {
        go: () => {
          options.signal.removeEventListener('abort', leave)
          resolve()
        },
      }
      options.signal.addEventListener('abort', leave, { once: true })
      line.push(waiter)
      this.#serve()
    })
  }

  release(): void {
    this.#underWay -= 1
    this.#serve()
  }

  #isFull(priority: RequestPriority): boolean {
    return priority !== 'lease' && this.#underWay >= this.#options.inFlight
  }

  #take(priority: RequestPriority): boolean {
    const { clock, rate, burst } = this.#options
    const now = clock.monotonic()
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#filledAt) / 1000) * rate)
    this.#filledAt = now
    if (this.#isFull(priority) || this.#tokens < 1) return false
    this.#tokens -= 1
    this.#underWay += 1
    return true
  }

  #serve(): void {
    for (;;) {
      const first = this.#waiting.findIndex((queue) => queue.length > 0)
      const priority = requestPriorities[first]
      if (priority === undefined) return
      if (!this.#take(priority)) {
        if (!this.#isFull(priority)) this.#serveLater()
        return
      }
      this.#waiting[first]?.shift()?.go()
    }
  }

  #serveLater(): void {
    if (this.#cancelTimer !== undefined) return
    const ms = Math.ceil(((1 - this.#tokens) / this.#options.rate) * 1000)
    this.#cancelTimer = this.#options.clock.after(Math.max(1, ms), () => {
      this.#cancelTimer = undefined
      this.#serve()
    })
  }
}
