import type { Dispatcher } from 'undici'
import { fullJitter } from '../base/backoff.ts'
import type { KubeConfig } from './config.ts'
import { KubeError, WriteBarredError, isTooManyRequests } from './errors.ts'
import { Limiter, type RequestPriority } from './limiter.ts'
import type { Clock, Random } from '../base/clock.ts'
import { type HttpTransport, Transport } from './transport.ts'
import { DeadlineError, withDeadline } from '../base/wait.ts'

/** Options of every call. */
export interface RequestOptions {
  readonly signal?: AbortSignal | undefined
  /**
   * The class of the request, which decides who goes first when several wait; `status` by default.
   */
  readonly priority?: RequestPriority | undefined
  /** For the whole call with its retries; by default 15 s, and 60 s for a list. */
  readonly timeoutMs?: number | undefined
}

/** Query parameters; absent, empty and zero ones are left out. */
export type Query = Readonly<Record<string, string | number | boolean | undefined>>

/** One finished request, for metrics. */
export interface RequestReport {
  readonly method: string
  readonly host: string
  /** HTTP status as text, or `<error>` when there was no answer. */
  readonly code: string
  readonly seconds: number
}

/**
 * The number of milliseconds for which this process may still write; 0 when it may not. A leader
 * elector knows it (`writableMs`). The client calls the guard synchronously, at the last moment
 * before a write leaves the process, so that the process cannot be paused between the answer and
 * the write.
 */
export type WriteGuard = () => number

export interface CallerOptions {
  readonly config: KubeConfig
  readonly clock: Clock
  readonly random: Random
  readonly userAgent?: string
  /** Requests per second in the long run, and at once; 500 and 1000 by default. */
  readonly rate?: number
  readonly burst?: number
  /** The deadline of a page of a list where the call names none, in milliseconds; by default 60 s. */
  readonly listMs?: number
  /** Carries the requests; by default HTTP to `config.server`. */
  readonly transport?: HttpTransport
  readonly onRequest?: (report: RequestReport) => void
}

/** One call: the request, and whether it may be sent again. */
interface Call extends RequestOptions {
  readonly method: Dispatcher.HttpMethod
  readonly path: string
  readonly query?: Query
  readonly body?: unknown
  readonly contentType?: string
  /** True when sending the request twice has the same effect as sending it once. */
  readonly repeatable: boolean
  /** True when the answer may also be text or empty; by default it has to be a JSON object. */
  readonly mayBeText?: boolean
}

const inFlight = 32
const callMs = 15_000
const maxRetries = 3
const retryPolicy = { baseMs: 100, capMs: 5_000 }

/**
 * Sends calls over one transport, each with a deadline, a place in the queue, retries and a report
 * for metrics.
 */
export class Caller {
  readonly #options: CallerOptions
  readonly #transport: HttpTransport
  readonly #limiter: Limiter
  readonly #host: string
  readonly #guard: WriteGuard | undefined

  constructor(
    options: CallerOptions,
    shared: { readonly limiter?: Limiter; readonly guard?: WriteGuard } = {},
  ) {
    const { config, clock, rate = 500, burst = 1_000, userAgent = 'guildhall (node)' } = options
    this.#options = options
    // One connection more, because a request for the lease goes even when all others are in use.
    const connections = inFlight + 1
    this.#transport = options.transport ?? new Transport({ config, userAgent, connections })
    this.#limiter = shared.limiter ?? new Limiter({ clock, rate, burst, inFlight })
    this.#host = new URL(config.server).host
    this.#guard = shared.guard
  }

  /**
   * A caller with the same connections and the same queue, which sends writes only while the guard
   * allows them.
   */
  guarded(guard: WriteGuard): Caller {
    const options = { ...this.#options, transport: this.#transport }
    return new Caller(options, { limiter: this.#limiter, guard })
  }

  /**
   * Sends a call, waits for its turn, repeats it where that is safe, and returns the parsed answer.
   * Caveat: the type of the answer is the API's promise; nothing here checks its shape.
   */
  async call<R>(call: Call): Promise<R> {
    const { clock, random } = this.#options
    const ms = call.timeoutMs ?? callMs
    const name = `${call.method} ${call.path}`
    const path = call.path + queryOf(call.query)
    const body = call.body === undefined ? undefined : JSON.stringify(call.body)
    const endsAt = clock.monotonic() + ms
    const work = async (signal: AbortSignal): Promise<unknown> => {
      for (let attempt = 0; ; attempt += 1) {
        try {
          return await this.#once({ ...call, path, body, signal })
        } catch (error) {
          const delay = attempt < maxRetries ? retryDelay(error, call, attempt, random) : undefined
          // A retry after the deadline would only replace this error by a time-out.
          if (delay === undefined || clock.monotonic() + delay >= endsAt) throw error
          await clock.sleep(delay, { signal })
        }
      }
    }
    try {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the one border where JSON gets its type
      return (await withDeadline({ clock, ms, name, signal: call.signal }, work)) as R
    } catch (cause) {
      if (!(cause instanceof DeadlineError)) throw cause
      // A deadline of the caller raises the same error, and has to reach the caller unchanged.
      if (call.signal?.aborted === true) throw call.signal.reason
      throw new KubeError({ status: 0, reason: 'Timeout', message: cause.message, cause })
    }
  }

  async #once(
    call: Call & { readonly body: string | undefined; readonly signal: AbortSignal },
  ): Promise<unknown> {
    const { method, path, body, contentType, signal } = call
    await this.#limiter.acquire(call.priority ?? 'status', { signal })
    try {
      return await this.#whileAllowed(call, async (within, beforeSend) => {
        const answer = await this.#reported(method, () =>
          this.#transport.call({ method, path, body, contentType, signal: within, beforeSend }),
        )
        return call.mayBeText === true
          ? answer.body
          : objectOf(answer, `${method} ${path.split('?', 1)[0]}`)
      })
    } finally {
      this.#limiter.release()
    }
  }

  /**
   * Gives up a write without an answer when the time that the guard allows is over, because another
   * process may lead by then.
   */
  async #whileAllowed(
    call: Call & { readonly signal: AbortSignal },
    send: (signal: AbortSignal, beforeSend?: () => void) => Promise<unknown>,
  ): Promise<unknown> {
    const { method, path, signal } = call
    const guard = this.#guard
    if (guard === undefined || method === 'GET') return send(signal)
    const name = `${method} ${path}`
    const beforeSend = () => {
      if (guard() <= 0) throw new WriteBarredError(name)
    }
    beforeSend()
    const { clock } = this.#options
    return withDeadline({ clock, ms: guard(), name, signal }, (within) => send(within, beforeSend))
  }

  async #reported<R extends { readonly status: number }>(
    method: string,
    work: () => Promise<R>,
  ): Promise<R> {
    const { clock, onRequest } = this.#options
    if (onRequest === undefined) return work()
    const start = clock.monotonic()
    const report = (code: string) =>
      onRequest({ method, host: this.#host, code, seconds: (clock.monotonic() - start) / 1000 })
    try {
      const result = await work()
      report(String(result.status))
      return result
    } catch (error) {
      report(error instanceof KubeError && error.status > 0 ? String(error.status) : '<error>')
      throw error
    }
  }

  /**
   * Opens a stream. It has no limit, no retry and no deadline; the reader of the stream adds them.
   */
  async stream(
    path: string,
    query: Query,
    options: { readonly signal: AbortSignal },
  ): Promise<AsyncIterable<Buffer>> {
    const { signal } = options
    const answer = await this.#reported('WATCH', () =>
      this.#transport.stream({ method: 'GET', path: path + queryOf(query), signal }),
    )
    return answer.body
  }

  /** Closes all connections, which ends the requests under way. */
  async close(): Promise<void> {
    await this.#transport.close()
  }
}

/** A proxy in between may also answer with status 200, and with a page of its own. */
function objectOf(answer: { readonly status: number; readonly body: unknown }, what: string) {
  const { status, body } = answer
  if (typeof body === 'object' && body !== null) return body
  const shown = body === undefined || body === null ? 'empty' : JSON.stringify(body).slice(0, 300)
  const message = `${what}: HTTP status ${status}, but the answer is not a JSON object, it is ${shown}`
  throw new KubeError({ status: 0, reason: 'Unreadable', message })
}

/** How long to wait before the request is sent again; undefined when it must not be sent again. */
function retryDelay(
  error: unknown,
  call: Call,
  attempt: number,
  random: Random,
): number | undefined {
  if (!(error instanceof KubeError)) return undefined
  const jitter = fullJitter(retryPolicy, attempt, random)
  if (error.retryAfterMs !== undefined && (call.repeatable || isTooManyRequests(error))) {
    return error.retryAfterMs + jitter
  }
  const passing = [429, 502, 503, 504].includes(error.status) || error.reason === 'Unreachable'
  return call.repeatable && passing ? jitter : undefined
}

function queryOf(query: Query = {}): string {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== '' && value !== 0) parameters.set(name, String(value))
  }
  return parameters.size === 0 ? '' : `?${parameters.toString()}`
}
