import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock, Logger, Random } from '../../operator/kube/ports.ts'

/** The time of this machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms)
    return () => clearTimeout(timer)
  },
  sleep: async (ms, { signal }) => {
    await sleep(ms, undefined, signal === undefined ? {} : { signal })
  },
}

/** Chance of this machine. */
export const systemRandom: Random = { next: () => Math.random(), uuid: () => randomUUID() }

/** How long an outage is not mentioned again, in milliseconds. */
const quietMs = 20_000

const quiet = () => undefined

/** The informers' log: a person at a terminal needs to hear only that the cluster does not answer, and not too often. */
export function troubleLog(tell: (sentence: string) => void, clock: Clock): Logger {
  let toldAt = -quietMs
  return {
    debug: quiet,
    info: quiet,
    warn: (fields) => {
      if (clock.monotonic() - toldAt < quietMs) return
      toldAt = clock.monotonic()
      const error = 'error' in fields ? fields.error : undefined
      const why = error instanceof Error ? `: ${error.message}` : ''
      tell(`the cluster does not answer, trying again${why}`)
    },
    error: (_, message) => tell(message),
  }
}
