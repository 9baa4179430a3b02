/** Lines for people about the work of a program. Never on stdout, which belongs to results. */
export interface Log {
  /** One finished line. */
  readonly line: (text: string) => void
  /**
   * A line about something still going on: replaced by the next one on a terminal, else at most one
   * per 30 s.
   */
  readonly update: (text: string) => void
}

/** A log that says nothing. */
export const silentLog: Log = { line: () => undefined, update: () => undefined }

const updateEvery = 30_000

/** A log on a stream, by default stderr. `now` returns milliseconds. */
export function streamLog(
  stream: Pick<NodeJS.WriteStream, 'write' | 'isTTY'> = process.stderr,
  now: () => number = Date.now,
): Log {
  let lastUpdate = now()
  let open = false
  return {
    line(text) {
      stream.write(`${open ? '\r\x1b[K' : ''}${text}\n`)
      open = false
      lastUpdate = now()
    },
    update(text) {
      if (stream.isTTY) {
        stream.write(`\r\x1b[K${text}`)
        open = true
      } else if (now() - lastUpdate >= updateEvery) {
        stream.write(`${text}\n`)
        lastUpdate = now()
      }
    },
  }
}

/**
 * Says `label` and, while `work` runs, how long it has been running; says how long it took at the
 * end.
 *
 * Errors of `work` pass through.
 */
export async function timed<T>(log: Log, label: string, work: () => Promise<T>): Promise<T> {
  const started = Date.now()
  log.line(`${label} …`)
  const timer = setInterval(() => log.update(`${label} … ${duration(Date.now() - started)}`), 1_000)
  try {
    const result = await work()
    log.line(`${label}: done in ${duration(Date.now() - started)}`)
    return result
  } finally {
    clearInterval(timer)
  }
}

/** Milliseconds as people say them: `0.4 s`, `12 s`, `3 min 5 s`. */
export function duration(milliseconds: number): string {
  const seconds = milliseconds / 1_000
  if (seconds < 10) return `${seconds.toFixed(1)} s`
  if (seconds < 60) return `${Math.round(seconds)} s`
  const whole = Math.round(seconds)
  return `${Math.floor(whole / 60)} min ${whole % 60} s`
}
