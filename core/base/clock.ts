import { randomUUID } from 'node:crypto'
import { performance } from 'node:perf_hooks'

/** Undoes a timer; calling it twice, or after the timer fired, does nothing. */
export type Cancel = () => void

/** Time, injected wherever logic depends on it. All figures are milliseconds. */
export interface Clock {
  /** Wall-clock time since 1970. May jump; use it for what people read, never to measure. */
  now(): number
  /** Time since some fixed moment. Never goes back; use it to measure. */
  monotonic(): number
  /** Calls `run` once after `ms`, unless cancelled. */
  after(ms: number, run: () => void): Cancel
  /** Resolves after `ms`; rejects with the signal's reason as soon as it is aborted. */
  sleep(ms: number, options: { readonly signal?: AbortSignal | undefined }): Promise<void>
}

/** Chance, injected so that a run can be repeated from its seed. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number
  /** A version 4 UUID. */
  uuid(): string
}

/** The longest delay that timers take; a longer one fires at once. */
const maxTimerMs = 2 ** 31 - 1

/** The real time. The only place in the product that reads it or sets a timer. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (ms, run): Cancel => {
    const timer = setTimeout(run, Math.min(ms, maxTimerMs))
    return () => clearTimeout(timer)
  },
  sleep: (ms, { signal }) => sleepOn(systemClock, ms, signal),
}

/**
 * A clock whose wall time is what it was when this process began, plus what the monotonic clock
 * counted since. For whatever compares stored times with the present: when an administrator or NTP
 * moves the wall clock by an hour, no deadline passes and no pause grows. Caveat: it keeps an error
 * that the wall clock had at the start.
 */
export function steadyClock(clock: Clock): Clock {
  const offset = clock.now() - clock.monotonic()
  return {
    now: () => offset + clock.monotonic(),
    monotonic: () => clock.monotonic(),
    after: (ms, run) => clock.after(ms, run),
    sleep: async (ms, options) => clock.sleep(ms, options),
  }
}

/** Real chance. */
export const systemRandom: Random = {
  next: () => Math.random(),
  uuid: () => randomUUID(),
}

/** `sleep` in terms of `after`, for other clocks. */
export async function sleepOn(
  clock: Pick<Clock, 'after'>,
  ms: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  signal?.throwIfAborted()
  await new Promise<void>((resolve, reject) => {
    const cancel = clock.after(ms, () => {
      signal?.removeEventListener('abort', stop)
      resolve()
    })
    const stop = () => {
      cancel()
      reject(signal?.reason)
    }
    signal?.addEventListener('abort', stop, { once: true })
  })
}

/** `metav1.MicroTime`: RFC 3339 with six fractional digits; the API server refuses three. */
export function formatMicroTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 23)}000Z`
}
