import type { Random } from './clock.ts'

/** How long to wait between failures, in milliseconds. */
export interface BackoffPolicy {
  readonly baseMs: number
  readonly capMs: number
}

/**
 * min(cap, base × 2^attempt), `attempt` counted from 0: a fixed pause for one caller, and the
 * ceiling of those with chance.
 */
export function exponential({ baseMs, capMs }: BackoffPolicy, attempt: number): number {
  // 2^30 is beyond every cap; without the limit a long outage overflows to Infinity.
  return Math.min(capMs, baseMs * 2 ** Math.min(attempt, 30))
}

/**
 * Full jitter: uniform between 0 and the ceiling. Spreads callers that failed together better than
 * a fixed delay with a little noise.
 */
export function fullJitter(policy: BackoffPolicy, attempt: number, random: Random): number {
  return random.next() * exponential(policy, attempt)
}

/**
 * Between half the ceiling and all of it: for a single caller whose early retries should not bunch
 * up.
 */
export function halfJitter(
  policy: BackoffPolicy,
  attempt: number,
  random: Pick<Random, 'next'>,
): number {
  const ceiling = exponential(policy, attempt)
  return ceiling / 2 + (random.next() * ceiling) / 2
}
