/** First come, first served, at most so many at once. */
export interface Turns {
  /** Waits; undefined when `signal` was aborted first. The function given back ends the turn. */
  take(signal: AbortSignal): Promise<(() => void) | undefined>
}

/** Makes turns for `parallel` at once. */
export function createTurns(parallel: number): Turns {
  let free = parallel
  const waiting: (() => void)[] = []
  const release = () => {
    const next = waiting.shift()
    // Handed over, not freed: a newcomer must not slip in between.
    if (next === undefined) free++
    else next()
  }
  return {
    async take(signal) {
      if (signal.aborted) return undefined
      if (free > 0) {
        free--
        return release
      }
      return await new Promise((resolve) => {
        const leave = () => {
          waiting.splice(waiting.indexOf(go), 1)
          resolve(undefined)
        }
        const go = () => {
          signal.removeEventListener('abort', leave)
          resolve(release)
        }
        signal.addEventListener('abort', leave, { once: true })
        waiting.push(go)
      })
    },
  }
}
