import { type Cancel, type Clock, type Random, sleepOn } from '../../core/base/clock.ts'

interface Timer {
  readonly at: number
  readonly order: number
  readonly run: () => void
}

/** A clock that stands still until it is moved: for tests and for simulation. */
export class VirtualClock implements Clock {
  #now: number
  #elapsed = 0
  #order = 0
  #timers: Timer[] = []

  constructor(now: number = Date.UTC(2026, 0, 1)) {
    this.#now = now
  }

  now(): number {
    return this.#now
  }

  monotonic(): number {
    return this.#elapsed
  }

  after(ms: number, run: () => void): Cancel {
    this.#order += 1
    const timer = { at: this.#elapsed + Math.max(0, ms), order: this.#order, run }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }

  async sleep(ms: number, options: { readonly signal?: AbortSignal | undefined }): Promise<void> {
    await sleepOn(this, ms, options.signal)
  }

  /** Milliseconds until the next timer, or undefined when nothing waits. */
  next(): number | undefined {
    const timer = this.#earliest()
    return timer === undefined ? undefined : timer.at - this.#elapsed
  }

  /** How many timers wait. */
  get pending(): number {
    return this.#timers.length
  }

  /** Moves on by `ms`, fires what is due in order, and lets promises settle after each. */
  async advance(ms: number): Promise<void> {
    const end = this.#elapsed + ms
    // Code that was started just now may be about to set its timers.
    await settled()
    for (;;) {
      const timer = this.#earliest()
      if (timer === undefined || timer.at > end) break
      this.#move(Math.max(0, timer.at - this.#elapsed))
      this.#timers = this.#timers.filter((other) => other !== timer)
      timer.run()
      await settled()
    }
    this.#move(end - this.#elapsed)
    await settled()
  }

  /**
   * Time passes while the process is stopped: nothing fires until the next `advance`, which then
   * finds it overdue.
   */
  suspend(ms: number): void {
    this.#move(ms)
  }

  /** Moves the wall clock alone, as an administrator or NTP does. */
  jump(ms: number): void {
    this.#now += ms
  }

  #move(ms: number): void {
    this.#now += ms
    this.#elapsed += ms
  }

  #earliest(): Timer | undefined {
    let first: Timer | undefined
    for (const timer of this.#timers) {
      if (!first || timer.at < first.at || (timer.at === first.at && timer.order < first.order)) {
        first = timer
      }
    }
    return first
  }
}

/** Lets everything that is ready to run do so. */
async function settled(): Promise<void> {
  await new Promise<void>((resolve) => {
    setImmediate(resolve)
  })
}

/** Chance from a seed (mulberry32): the same seed gives the same run. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const word = () =>
    Math.floor(next() * 2 ** 32)
      .toString(16)
      .padStart(8, '0')
  return {
    next,
    uuid: () => {
      const [one, two, three] = [word(), word(), word()]
      return `${word()}-${one.slice(0, 4)}-4${one.slice(5)}-8${two.slice(5)}-${two.slice(0, 4)}${three}`
    },
  }
}
