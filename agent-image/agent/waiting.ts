// All timers of the agent's process: nothing else in this folder sets one.
import { halfJitter } from '../../core/base/backoff.ts'

/** Calls `run` once after `ms`; what it returns calls that off. */
export function after(ms: number, run: () => void): () => void {
  const timer = setTimeout(run, ms)
  return () => clearTimeout(timer)
}

/** Calls `run` every `ms`; what it returns ends that. */
export function every(ms: number, run: () => void): () => void {
  const timer = setInterval(run, ms)
  return () => clearInterval(timer)
}

/** Is aborted after `ms`, with a `TimeoutError`. Does not keep the process alive. */
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
 * Milliseconds before try `count` (from 0): doubled each time up to `mostMs`, then between half and all of it, so that
 * agents cut off together do not come back together. `random` gives [0, 1).
 */
export function backoffMs(
  count: number,
  random: () => number,
  firstMs = 250,
  mostMs = 15_000,
): number {
  return halfJitter({ baseMs: firstMs, capMs: mostMs }, count, { next: random })
}
