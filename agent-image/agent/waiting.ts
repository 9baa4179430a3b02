/** Waits, and throws the signal's reason when it is aborted before. */
export function pause(ms: number, options: { readonly signal: AbortSignal }): Promise<void> {
  return new Promise((resolve, reject) => {
    const { signal } = options
    const stop = (): void => {
      clearTimeout(timer)
      reject(signal.reason as Error)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop)
      resolve()
    }, ms)
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
  const whole = Math.min(mostMs, firstMs * 2 ** Math.min(count, 16))
  return whole / 2 + (whole / 2) * random()
}
