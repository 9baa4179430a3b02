/** Watches an answer while it streams in. */
interface Watchdog {
  /**
   * Takes the next piece. A text says why the stream should be given up; undefined lets it go on.
   */
  push(piece: string): string | undefined
}

/** When an answer counts as running away; figures in characters. */
interface WatchdogLimits {
  readonly whitespace: number
  /** Longest unit whose repetition is noticed. */
  readonly period: number
  /** How much repeated text is too much. */
  readonly repeated: number
  /** And at least this many repetitions. */
  readonly times: number
}

const defaults: WatchdogLimits = { whitespace: 200, period: 160, repeated: 600, times: 8 }

/**
 * Notices the two ways in which small models run away: endless whitespace (constrained JSON), and
 * the same few words again and again.
 * Caveat: it looks for repetition once every 64 characters, so a little more than the limit passes.
 */
export function createWatchdog(limits: WatchdogLimits = defaults): Watchdog {
  const window = Math.max(limits.repeated, limits.period * limits.times)
  let whitespace = 0
  let tail = ''
  let unchecked = 0
  return {
    push(piece) {
      const trimmed = piece.trimEnd()
      whitespace = trimmed === '' ? whitespace + piece.length : piece.length - trimmed.length
      // A single piece may hold the run in its middle; only servers that batch send such pieces.
      const longest = Math.max(whitespace, longestBlank(piece))
      if (longest > limits.whitespace) return 'it wrote nothing but blanks'
      tail = (tail + piece).slice(-window)
      unchecked += piece.length
      if (unchecked < 64) return undefined
      unchecked = 0
      return repeats(tail, limits) ? 'it repeated itself without end' : undefined
    },
  }
}

function longestBlank(piece: string): number {
  if (piece.length < 64) return 0
  return (piece.match(/\s{64,}/g) ?? []).reduce((most, run) => Math.max(most, run.length), 0)
}

function repeats(tail: string, limits: WatchdogLimits): boolean {
  for (let period = 1; period <= limits.period; period++) {
    const needed = Math.max(limits.repeated, period * limits.times)
    if (tail.length < needed) continue
    let matched = period
    let index = tail.length - 1
    while (index - period >= 0 && matched < needed && tail[index] === tail[index - period]) {
      matched++
      index--
    }
    if (matched >= needed) return true
  }
  return false
}
