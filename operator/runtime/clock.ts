import { randomUUID } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import type { Cancel, Clock, Random } from '../kube/ports.ts'

export type { Cancel, Clock, Random } from '../kube/ports.ts'

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

/** Real chance. */
export const systemRandom: Random = {
  next: () => Math.random(),
  uuid: () => randomUUID(),
}

/** `sleep` in terms of `after`, for whoever writes another clock. */
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
