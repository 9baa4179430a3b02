// All timers of the agent's process: nothing else in this folder sets one.
import { halfJitter } from '../../core/base/backoff.ts'

/** The options of every call that can wait. */
export interface Abortable {
  readonly signal: AbortSignal
}

/** Calls `run` once after `ms`; the function that it returns cancels that. */
export function after(ms: number, run: () => void): () => void {
  const timer = setTimeout(run, ms)
  return () => clearTimeout(timer)
}

/** Calls `run` every `ms`; the function that it returns ends that. */
export function every(ms: number, run: () => void): () => void {
  const timer = setInterval(run, ms)
  return () => clearInterval(timer)
}

/**
 * A signal that is aborted after `ms`, with a `TimeoutError`. It does not keep the process alive.
 */
export function within(ms: number): AbortSignal {
  return AbortSignal.timeout(ms)
}

/** Waits, and throws the signal's reason when it is aborted before. */
export function pause(ms: number, options: { readonly signal: AbortSignal }): Promise<void> {
  return new Promise((resolve, reject) => {
    const { signal } = options
    const stop = (): void => {
      cancel()
      reject(signal.reason as Error)
    }
    const cancel = after(ms, () => {
      signal.removeEventListener('abort', stop)
      resolve()
    })
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })
}

/**
 * Milliseconds before try `count` (from 0): doubled each time up to `mostMs`, then between half of
 * it and all of it, so that agents that were cut off together do not come back together. `random`
 * gives [0, 1).
 */
export function backoffMs(
  count: number,
  random: () => number,
  firstMs = 250,
  mostMs = 15_000,
): number {
  return halfJitter({ baseMs: firstMs, capMs: mostMs }, count, { next: random })
}
