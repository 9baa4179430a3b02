/** Milliseconds as people read them in a table: `12s`, `3m05s`, `2h07m`, `4d`. Never negative. */
export function duration(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000))
  if (seconds < 60) return `${seconds}s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${pad(seconds % 60)}s`
  if (seconds < 86_400)
    return `${Math.floor(seconds / 3600)}h${pad(Math.floor(seconds / 60) % 60)}m`
  return `${Math.floor(seconds / 86_400)}d`
}

/** From one RFC 3339 time to another, or to `now` (milliseconds since 1970) when there is no end. */
export function between(start: string, end: string | undefined, now: number): string {
  return duration((end === undefined ? now : Date.parse(end)) - Date.parse(start))
}

/** A count as people read it: `950`, `41.3k`, `1.2M`. */
export function amount(value: number): string {
  if (value < 1000) return String(value)
  if (value < 1_000_000) return `${(value / 1000).toFixed(1)}k`
  return `${(value / 1_000_000).toFixed(1)}M`
}

/** The part of a commit id that people compare. */
export const shortCommit = (commit: string): string => commit.slice(0, 8)

function pad(value: number): string {
  return String(value).padStart(2, '0')
}
