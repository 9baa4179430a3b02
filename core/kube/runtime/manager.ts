import { aborted } from '../../base/wait.ts'
import type { Clock } from '../../base/clock.ts'
import { releaseMs } from './leader.ts'
import type { Logger } from '../../base/logger.ts'
import type { EventEmitter } from 'node:events'

/** A local copy that is started first; an `Informer` is one. */
interface Cache {
  readonly resource: { readonly plural: string }
  run(options: { readonly signal: AbortSignal }): Promise<void>
  synced(options: { readonly signal: AbortSignal }): Promise<void>
}

/** Decides which of several replicas works; a `LeaderElector` is one. */
interface Election {
  acquire(options: { readonly signal: AbortSignal }): Promise<void>
  keep(options: { readonly signal: AbortSignal }): Promise<'lost' | 'stopped'>
  release(): Promise<void>
}

const drainMs = 30_000
const abortMs = 2_000

/**
 * The longest time that a process takes to stop with the default times: the leading parts drain and
 * are aborted, the parts that always run get `abortMs` to drain and are aborted, and the lease is
 * given back. The Pod's grace period has to be longer.
 */
export const longestStopMs = drainMs + 3 * abortMs + releaseMs

export interface ManagerOptions {
  readonly log: Logger
  readonly clock: Clock
  /** Health and metrics: first up, last down. */
  readonly server?: { start(): Promise<unknown>; stop(): Promise<void> } | undefined
  /** Followers keep them up to date, too. */
  readonly caches: readonly Cache[]
  /**
   * Runs on every replica once the caches are complete; ends after the leading parts, so that it
   * can write the records that they left.
   */
  readonly always?: readonly Runnable[]
  /** Without it this process leads at once. */
  readonly election?: Election | undefined
  /** Runs only while this process leads. */
  readonly leading: readonly Runnable[]
  /** How long the runs under way may take to end; 30 s by default. See `longestStopMs`. */
  readonly drainMs?: number
  /** How long an aborted part may take to end before it is left behind; 2 s by default. */
  readonly abortMs?: number
}

/**
 * Another replica leads now. The process has to end, because it may no longer act on what it knows.
 */
export class LeadershipLostError extends Error {
  override readonly name = 'LeadershipLostError'
  readonly code = 'leadership_lost'

  constructor() {
    super('the lease was lost to another replica; this process ends and starts again as a follower')
  }
}

/**
 * Starts and stops the parts of a process in order.
 * Start: server, caches, always, election, leading. Stop: leading (drained), always, caches,
 * release the lease, server.
 * Guarantees: on a lost lease the leading parts are aborted at once, not drained; the lease is
 * renewed until the drain is over, and given back only after the last write. The parts that always
 * run drain in the time that the leading parts left, and in `abortMs` at least.
 * Errors: `run` rejects with the first failure of a part, or `LeadershipLostError`, after
 * everything has been stopped; also when the failure came while the process was stopping.
 */
export class Manager {
  readonly #options: ManagerOptions
  readonly #drainMs: number
  readonly #abortMs: number
  #phase: 'starting' | 'ready' | 'stopping' = 'starting'

  constructor(options: ManagerOptions) {
    this.#options = options
    this.#drainMs = options.drainMs ?? drainMs
    this.#abortMs = options.abortMs ?? abortMs
  }

  /**
   * A sentence while the caches are not complete or the process is stopping, for the readiness
   * check.
   */
  problem(): string | undefined {
    if (this.#phase === 'ready') return undefined
    return this.#phase === 'starting' ? 'the caches are not complete' : 'the process is stopping'
  }

  /** Runs until the signal is aborted or a part fails. */
  async run(options: { readonly signal: AbortSignal }): Promise<void> {
    const { log, server, caches, election, always = [], leading } = this.#options
    // Its reason is the first failure.
    const failed = new AbortController()
    const ending = new AbortController()
    const end = ending.signal
    const stop = () => ending.abort(options.signal.reason)
    const fail = (error: unknown) => {
      failed.abort(error)
      ending.abort(error)
    }
    if (options.signal.aborted) stop()
    options.signal.addEventListener('abort', stop, { once: true })
    const until = async (work: Promise<unknown>): Promise<void> => {
      try {
        await Promise.race([work, aborted(end)])
      } catch (error) {
        if (!end.aborted) throw error
      }
    }

    await server?.start()
    const cacheLife = new AbortController()
    const renewal = new AbortController()
    const background = this.#group(always, fail)
    const work = this.#group(leading, fail)
    const running = caches.map((cache) => cache.run({ signal: cacheLife.signal }).catch(fail))
    let keeping: Promise<void> | undefined
    try {
      await until(Promise.all(caches.map((cache) => this.#warm(cache, cacheLife.signal))))
      if (end.aborted) return
      this.#phase = 'ready'
      background.start()
      await until(election?.acquire({ signal: end }) ?? Promise.resolve())
      if (end.aborted) return
      keeping = this.#keep(renewal.signal, work.abort).catch(fail)
      log.info({ parts: leading.map((part) => part.name) }, 'starting the leading parts')
      work.start()
      await aborted(end)
    } finally {
      this.#phase = 'stopping'
      log.info({}, 'stopping')
      const { clock } = this.#options
      const drainedAt = clock.monotonic() + this.#drainMs
      await work.stop(this.#drainMs)
      await background.stop(Math.max(this.#abortMs, drainedAt - clock.monotonic()))
      cacheLife.abort(new Error('the process is stopping'))
      renewal.abort(new Error('the process is stopping'))
      await Promise.allSettled([...running, keeping])
      await election?.release()
      await server?.stop()
      log.info({}, 'stopped')
      failed.signal.throwIfAborted()
    }
  }

  async #keep(signal: AbortSignal, abort: () => void): Promise<void> {
    if ((await this.#options.election?.keep({ signal })) !== 'lost') return
    abort()
    throw new LeadershipLostError()
  }

  async #warm(cache: Cache, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options
    const startedAt = clock.monotonic()
    await cache.synced({ signal })
    const ms = Math.round(clock.monotonic() - startedAt)
    log.info({ resource: cache.resource.plural, ms }, 'cache complete')
  }

  /** Parts that start, drain and end together. */
  #group(parts: readonly Runnable[], fail: (error: unknown) => void) {
    const { clock, log } = this.#options
    const stop = new AbortController()
    const abort = new AbortController()
    let running: Promise<unknown> = Promise.resolve()
    const end = () => {
      stop.abort(new Error('the process is stopping'))
      abort.abort(new Error('the process is stopping'))
    }
    return {
      start: () => {
        const signals = { stop: stop.signal, abort: abort.signal }
        running = Promise.all(
          parts.map((part) =>
            part.run(signals).catch((error: unknown) => {
              log.error({ part: part.name, err: error }, 'a part of the process failed')
              fail(error)
            }),
          ),
        )
      },
      abort: end,
      stop: async (ms: number) => {
        stop.abort(new Error('the process is stopping'))
        const drained = new AbortController()
        const overdue = clock.sleep(abort.signal.aborted ? 0 : ms, drained).then(() => {
          end()
          // A part that ignores its signal must not keep the process from ending.
          return clock.sleep(this.#abortMs, drained)
        })
        await Promise.race([running, overdue])
        drained.abort()
        overdue.catch(() => undefined)
      },
    }
  }
}

/** When a runnable has to end. */
export interface RunSignals {
  /** Take nothing new and finish the work under way. */
  readonly stop: AbortSignal
  /**
   * Drop everything now; follows `stop` after the grace period, or comes with it when the lease is
   * lost.
   */
  readonly abort: AbortSignal
}

/**
 * A part of a process: it works until `stop` and resolves when it has ended. A rejection ends the
 * process.
 */
export interface Runnable {
  readonly name: string
  run(signals: RunSignals): Promise<void>
}

/**
 * A signal that is aborted by the first SIGTERM or SIGINT; a second one calls `onSecond`, which
 * should end the process at once.
 */
export function stopSignal(process: EventEmitter, onSecond: () => void): AbortSignal {
  const controller = new AbortController()
  const stop = (name: string) => {
    if (controller.signal.aborted) onSecond()
    else controller.abort(new Error(`the process received ${name}`))
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  return controller.signal
}
