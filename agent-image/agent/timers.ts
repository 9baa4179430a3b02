// Timers of the agent's process besides those of `systemClock`.
import { halfJitter } from '../../core/base/backoff.ts'

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
