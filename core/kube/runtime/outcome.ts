/**
 * How a reconcile that did not fail ended.
 * - `done`: nothing to do until something changes.
 * - `requeueAfter`: come back after `ms` even if nothing changes; `reason` is for logs.
 */
export type Result =
  | { readonly kind: 'done' }
  | { readonly kind: 'requeueAfter'; readonly ms: number; readonly reason: string }

/** Nothing to do until something changes. */
export const done: Result = { kind: 'done' }

/** Come back after `ms` even if nothing changes. */
export function requeueAfter(ms: number, reason: string): Result {
  return { kind: 'requeueAfter', ms, reason }
}

/** Thrown when something else has to happen first: the reconcile comes back after `ms`, quietly and without back-off. */
export class WaitError extends Error {
  override readonly name = 'WaitError'
  readonly code = 'wait'
  readonly ms: number

  constructor(ms: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.ms = ms
  }
}
