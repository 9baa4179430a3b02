import type { Clock } from '../../core/base/clock.ts'
import type { Logger } from '../../core/base/logger.ts'

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
      const error = 'err' in fields ? fields.err : undefined
      const why = error instanceof Error ? `: ${error.message}` : ''
      tell(`the cluster does not answer, trying again${why}`)
    },
    error: (_, message) => tell(message),
  }
}
