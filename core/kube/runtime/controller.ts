import { WriteBarredError, isConflict, isTooManyRequests } from '../errors.ts'
import { isNewer, refOf } from '../resource.ts'
import { DeadlineError, withDeadline } from '../../base/wait.ts'
import type { Clock, Random } from '../../base/clock.ts'
import { type Logger, withFields } from '../../base/logger.ts'
import { type QueueObserver, WorkQueue } from './queue.ts'
import type { RunSignals, Runnable } from './manager.ts'

/**
 * Makes the state of the world match what one object asks for. It gets only a key and reads the
 * rest itself; it may run at any time and any number of times, also for an object that is gone.
 * When it throws, it is repeated with back-off; see also `WaitError`.
 */
export type Reconcile = (
  key: string,
  context: { readonly signal: AbortSignal; readonly log: Logger },
) => Promise<Result>

/** How one run ended, as the metrics count it. */
export type Outcome = 'success' | 'requeue_after' | 'requeue' | 'error' | 'timeout' | 'panic'

/** Takes the reports of a controller, for metrics. */
export interface ControllerObserver extends QueueObserver {
  onRunStart(): void
  onRunEnd(outcome: Outcome, seconds: number): void
}

/**
 * A view that has to include the writes of this process before a reconcile acts on it; an
 * `Informer` is one.
 */
export interface View {
  /**
   * The latest version that this process wrote, to one object or to any, and that the view does not
   * include yet.
   */
  pending(key?: string): string | undefined
  /** Resolves to false when the view does not reach the version in time. */
  waitForVersion(
    version: string,
    options: { readonly signal: AbortSignal; readonly timeoutMs: number },
  ): Promise<boolean>
}

interface ControllerOptions {
  readonly name: string
  readonly reconcile: Reconcile
  /** Keys worked on at the same time; 1 by default. */
  readonly concurrency?: number
  /** After this time a run's signal is aborted; 60 s by default. */
  readonly timeoutMs?: number
  /**
   * Caches that the reconcile reads. A run waits until each of them includes the writes that were
   * noted (`noteWrite`) when the key's last run ended, and all writes to the key's object since.
   */
  readonly views?: readonly View[]
  readonly log: Logger
  readonly clock: Clock
  readonly random: Random
  readonly metrics?:
    | { controller(name: string, queue: WorkQueueView, concurrency: number): ControllerObserver }
    | undefined
}

/** The figures a scrape reads from a queue. */
export type WorkQueueView = Pick<WorkQueue, 'depth' | 'processing'>

/** How long a run waits until the views include own writes, before it is put off. */
const catchUpMs = 5_000

/** What to do after a run, as one value, so that every case is in one place. */
interface Verdict {
  readonly outcome: Outcome
  readonly next:
    | { readonly kind: 'forget' }
    | { readonly kind: 'after'; readonly ms: number }
    | { readonly kind: 'backOff'; readonly atLeastMs: number }
  readonly level: 'debug' | 'warn' | 'error'
  readonly message: string
}

/**
 * Runs a reconcile for each key that is enqueued, never twice for one key at the same time.
 * Guarantees: one failing or hanging key does not hold up others (until all workers hang); a
 * programming error in a reconcile fails that run only; conflicts are repeated without noise.
 */
export class Controller implements Runnable {
  readonly name: string
  readonly #options: ControllerOptions
  readonly #queue: WorkQueue
  readonly #observer: ControllerObserver | undefined
  /** By key, for each view: the version that was pending when the key's last run ended. */
  readonly #marks = new Map<string, readonly (string | undefined)[]>()

  constructor(options: ControllerOptions) {
    this.name = options.name
    this.#options = options
    let observer: ControllerObserver | undefined
    const { clock, random } = options
    this.#queue = new WorkQueue({
      clock,
      random,
      // Made after the queue, because it reads the queue's depth on each scrape.
      observer: {
        onAdd: (depth) => observer?.onAdd(depth),
        onStart: (seconds, depth) => observer?.onStart(seconds, depth),
        onDone: (seconds) => observer?.onDone(seconds),
        onRetry: () => observer?.onRetry(),
      },
    })
    observer = options.metrics?.controller(options.name, this.#queue, options.concurrency ?? 1)
    this.#observer = observer
  }

  /** Asks for a run as soon as a worker is free. Keys that came before `run` are kept. */
  enqueue(key: string): void {
    this.#queue.add(key)
  }

  /** Works until `stop`, then lets the runs under way end; `abort` cuts them off. Never rejects. */
  async run(signals: RunSignals): Promise<void> {
    const { concurrency = 1 } = this.#options
    const workers = Array.from({ length: concurrency }, () => this.#work(signals.abort))
    const close = () => void this.#queue.shutDown()
    if (signals.stop.aborted) close()
    signals.stop.addEventListener('abort', close, { once: true })
    await Promise.all(workers)
    signals.stop.removeEventListener('abort', close)
  }

  async #work(abort: AbortSignal): Promise<void> {
    for (let key = await this.#queue.get(); key !== undefined; key = await this.#queue.get()) {
      try {
        await this.#runOnce(key, abort)
      } finally {
        this.#queue.done(key)
      }
    }
  }

  async #runOnce(key: string, abort: AbortSignal): Promise<void> {
    const { clock, random } = this.#options
    const { namespace, name } = refOf(key)
    const log = withFields(this.#options.log, {
      controller: this.name,
      ...(namespace === '' ? {} : { namespace }),
      name,
      reconcileId: random.uuid(),
    })
    const startedAt = clock.monotonic()
    this.#observer?.onRunStart()
    const { outcome, next, level, message, error } = await this.#attempt(key, abort, log)
    this.#mark(key)
    this.#observer?.onRunEnd(outcome, (clock.monotonic() - startedAt) / 1000)
    if (abort.aborted) return
    if (next.kind === 'backOff') this.#queue.addRateLimited(key, next.atLeastMs)
    else this.#queue.forget(key)
    if (next.kind === 'after') this.#queue.addAfter(key, next.ms)
    if (error === undefined) log.debug({ outcome, ...next }, message)
    else log[level]({ outcome, failures: this.#queue.failures(key), err: error }, message)
  }

  async #attempt(
    key: string,
    abort: AbortSignal,
    log: Logger,
  ): Promise<Verdict & { readonly error?: unknown }> {
    const { clock, timeoutMs = 60_000, reconcile } = this.#options
    try {
      const result = await withDeadline(
        { clock, ms: timeoutMs, name: `reconcile of ${key}`, signal: abort },
        async (signal) => {
          await this.#catchUp(key, signal)
          return reconcile(key, { signal, log })
        },
      )
      const refusal = result.kind === 'requeueAfter' ? refusalOfNaN(result.ms, key) : undefined
      if (refusal !== undefined) throw refusal
      return ofResult(result)
    } catch (thrown) {
      const error = thrown instanceof WaitError ? (refusalOfNaN(thrown.ms, key) ?? thrown) : thrown
      return { ...ofError(error), error }
    }
  }

  /**
   * A decision on a view older than the key's own last write would be taken twice. The newest
   * version that the process has written when a run ends covers all writes of that run, and is one
   * version per view to remember. A run does not wait for writes that other keys make meanwhile:
   * these arrive as events, like the writes of another process.
   */
  async #catchUp(key: string, signal: AbortSignal): Promise<void> {
    const marks = this.#marks.get(key)
    const { views = [] } = this.#options
    const reached = await Promise.all(
      views.map(async (view, index) => {
        const versions = [marks?.[index] ?? '', view.pending(key) ?? '']
        const version = versions.reduce((one, other) => (isNewer(other, one) ? other : one))
        return version === '' || view.waitForVersion(version, { signal, timeoutMs: catchUpMs })
      }),
    )
    if (reached.includes(false)) throw new WaitError(1_000, 'own writes have not come back yet')
    this.#marks.delete(key)
  }

  #mark(key: string): void {
    const marks = this.#options.views?.map((view) => view.pending()) ?? []
    if (marks.some((version) => version !== undefined)) this.#marks.set(key, marks)
    // The views include all own writes, so no key has to wait.
    else this.#marks.clear()
  }
}

/** No time is `NaN` ms from now: the error of a reconcile that computed its wait wrongly. */
function refusalOfNaN(ms: number, key: string): RangeError | undefined {
  if (!Number.isNaN(ms)) return undefined
  return new RangeError(`the reconcile of ${key} asks to be repeated after ${ms} ms`)
}

function ofResult(result: Result): Verdict {
  if (result.kind === 'done') {
    const next = { kind: 'forget' } as const
    return { outcome: 'success', next, level: 'debug', message: 'reconciled' }
  }
  const message = `reconciled, to be repeated: ${result.reason}`
  const next = { kind: 'after', ms: result.ms } as const
  return { outcome: 'requeue_after', next, level: 'debug', message }
}

function ofError(error: unknown): Verdict {
  const backOff = { kind: 'backOff', atLeastMs: 0 } as const
  if (error instanceof WaitError) {
    const next = { kind: 'after', ms: error.ms } as const
    return { outcome: 'requeue_after', next, level: 'debug', message: 'reconcile waits' }
  }
  if (error instanceof WriteBarredError) {
    // The next leader finds the key again; this process is about to end.
    const message = 'reconcile stopped: this process may no longer write'
    return { outcome: 'error', next: { kind: 'forget' }, level: 'warn', message }
  }
  if (isConflict(error)) {
    return {
      outcome: 'requeue',
      next: backOff,
      level: 'debug',
      message: 'reconcile met a conflict',
    }
  }
  if (isTooManyRequests(error) && error.retryAfterMs !== undefined) {
    // The server may ask for no pause at all, and asks all clients for the same one, so the
    // back-off is added.
    const next = { ...backOff, atLeastMs: error.retryAfterMs }
    return { outcome: 'requeue', next, level: 'warn', message: 'reconcile was turned away' }
  }
  if (error instanceof DeadlineError) {
    return { outcome: 'timeout', next: backOff, level: 'error', message: 'reconcile took too long' }
  }
  const isSlip =
    error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError
  return isSlip
    ? { outcome: 'panic', next: backOff, level: 'error', message: 'reconcile has a defect' }
    : { outcome: 'error', next: backOff, level: 'error', message: 'reconcile failed' }
}

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

/**
 * Come back after `ms` even if nothing changes; for 0 or less in the next turn of the event loop.
 * `NaN` fails the run.
 */
export function requeueAfter(ms: number, reason: string): Result {
  return { kind: 'requeueAfter', ms, reason }
}

/**
 * Thrown when something else has to happen first: the reconcile comes back after `ms`, quietly and
 * without back-off.
 */
export class WaitError extends Error {
  override readonly name = 'WaitError'
  readonly code = 'wait'
  readonly ms: number

  constructor(ms: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.ms = ms
  }
}
