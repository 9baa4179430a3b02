/** A slot that was given. */
export interface Turn {
  /** From 0. */
  readonly slot: number
  /** Ends the turn. */
  readonly release: () => void
}

/** First come, first served, at most so many at once. */
export interface Turns {
  /** Waits; undefined when `signal` was aborted first. */
  take(signal: AbortSignal): Promise<Turn | undefined>
}

/** Makes turns for `parallel` at once. */
export function createTurns(parallel: number): Turns {
  const free = Array.from({ length: parallel }, (_, slot) => slot)
  const waiting: ((slot: number) => void)[] = []
  const turnOf = (slot: number): Turn => ({
    slot,
    release() {
      const next = waiting.shift()
      // Handed over, not freed: a newcomer must not slip in between.
      if (next === undefined) free.push(slot)
      else next(slot)
    },
  })
  return {
    async take(signal) {
      if (signal.aborted) return undefined
      const slot = free.shift()
      if (slot !== undefined) return turnOf(slot)
      return await new Promise((resolve) => {
        const leave = () => {
          waiting.splice(waiting.indexOf(go), 1)
          resolve(undefined)
        }
        const go = (given: number) => {
          signal.removeEventListener('abort', leave)
          resolve(turnOf(given))
        }
        signal.addEventListener('abort', leave, { once: true })
        waiting.push(go)
      })
    },
  }
}
