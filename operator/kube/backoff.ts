import type { Random } from './ports.ts'

/** How long to wait between failures, in milliseconds. */
export interface BackoffPolicy {
  readonly baseMs: number
  readonly capMs: number
}

/**
 * Full jitter: uniform between 0 and min(cap, base x 2^attempt), `attempt` counted from 0.
 * Spreads callers that failed together better than a fixed delay with a little noise.
 */
export function fullJitter(policy: BackoffPolicy, attempt: number, random: Random): number {
  // 2^30 is beyond every cap; without the limit a long outage overflows to Infinity.
  const ceiling = Math.min(policy.capMs, policy.baseMs * 2 ** Math.min(attempt, 30))
  return random.next() * ceiling
}

/** Like full jitter, but never less than half: for a single caller whose early retries should not bunch up. */
export function halfJitter(policy: BackoffPolicy, attempt: number, random: Random): number {
  const ceiling = Math.min(policy.capMs, policy.baseMs * 2 ** Math.min(attempt, 30))
  return ceiling / 2 + (random.next() * ceiling) / 2
}
