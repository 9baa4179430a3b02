/**
 * What the Kubernetes client asks of its surroundings. `runtime/clock.ts` holds the real ones, `test/support/virtual-clock.ts`
 * the ones that move only when told.
 */

/** Undoes a timer; calling it twice, or after the timer fired, does nothing. */
export type Cancel = () => void

/** Time, injected wherever logic depends on it. All figures are milliseconds. */
export interface Clock {
  /** Wall-clock time since 1970. May jump; use it for what people read, never to measure. */
  now(): number
  /** Time since some fixed moment. Never goes back; use it to measure. */
  monotonic(): number
  /** Calls `run` once after `ms`, unless cancelled. */
  after(ms: number, run: () => void): Cancel
  /** Resolves after `ms`; rejects with the signal's reason as soon as it is aborted. */
  sleep(ms: number, options: { readonly signal?: AbortSignal | undefined }): Promise<void>
}

/** Chance, injected so that a run can be repeated from its seed. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number
  /** A version 4 UUID. */
  uuid(): string
}

/** The part of a pino logger that is used: constant lower-case message, variables as fields. */
export interface Logger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}
