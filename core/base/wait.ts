import type { Clock } from './clock.ts'

/** The options of every call that can wait. */
export interface Abortable {
  readonly signal: AbortSignal
}

/** A named wait took longer than it may. */
export class DeadlineError extends Error {
  override readonly name = 'DeadlineError'
  readonly code = 'deadline'
  readonly ms: number

  constructor(waitingFor: string, ms: number) {
    super(`${waitingFor} took longer than ${ms} ms`)
    this.ms = ms
  }
}

/**
 * Runs `work` with a signal that is aborted when the caller's is, or when `ms` are over.
 * Guarantees: leaves no timer and no listener behind, which `AbortSignal.any` on a process-long
 * signal does not promise.
 * Caveat: work that ignores its signal is waited for; nothing can stop it.
 */
export async function withDeadline<R>(
  options: {
    readonly clock: Clock
    readonly ms: number
    readonly name: string
    readonly signal?: AbortSignal | undefined
  },
  work: (signal: AbortSignal) => Promise<R>,
): Promise<R> {
  const { clock, ms, name, signal } = options
  signal?.throwIfAborted()
  const controller = new AbortController()
  const stop = () => controller.abort(signal?.reason)
  signal?.addEventListener('abort', stop, { once: true })
  const cancel = clock.after(ms, () => controller.abort(new DeadlineError(name, ms)))
  try {
    return await work(controller.signal)
  } finally {
    cancel()
    signal?.removeEventListener('abort', stop)
  }
}

/**
 * The result of `work`, or the signal's reason as soon as it is aborted, for work that notices its
 * signal late.
 * Caveat: the work goes on unobserved; what it yields after that is dropped.
 */
export async function orAborted<R>(signal: AbortSignal, work: Promise<R>): Promise<R> {
  if (signal.aborted) {
    work.catch(() => undefined)
    throw signal.reason
  }
  const gaveUp = Promise.withResolvers<never>()
  const stop = () => gaveUp.reject(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await Promise.race([work, gaveUp.promise])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** Resolves when the signal is aborted; never rejects. */
export async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
