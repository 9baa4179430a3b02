import { halfJitter } from '../base/backoff.ts'
import type { KubeClient } from './client.ts'
import { KubeError, isGone } from './errors.ts'
import type { Clock, Random } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import { type KubeObject, type Resource, identityOf, isNewer } from './resource.ts'
import { DeadlineError } from '../base/wait.ts'
import { StreamError, type WatchEvent, watch } from './watch.ts'

/**
 * Where a reflector keeps the objects that it reads. All methods are synchronous: nothing may wait
 * between two events.
 */
export interface ReflectorSink<T extends KubeObject, Kept> {
  /**
   * Called for each object of a full reading as it arrives; `replace` gets the returned values.
   * Must not throw.
   */
  read(object: T): Kept
  /** Takes all objects as of `resourceVersion`. */
  replace(items: readonly Kept[], resourceVersion: string): void
  /**
   * Takes events in order. After a watch was resumed, they may be older than the objects in the
   * sink.
   */
  apply(events: readonly WatchEvent<T>[]): void
  /** A watch was given up because the server did not end it in time. */
  stalled(): void
}

/**
 * What a reflector does next.
 * - `streaming`: reads everything as the beginning of a watch, which then goes on (watch-list).
 * - `listing`: reads everything page by page; recovers from everything.
 * - `watching`: follows the changes after `from`, on `stream` if one is open.
 * - `waiting`: backs off for `ms` after a failure, then goes on with `next`.
 */
type ReflectorState<T extends KubeObject> =
  | { readonly kind: 'streaming' | 'listing' }
  | { readonly kind: 'watching'; readonly from: string; readonly stream?: Stream<T> }
  | { readonly kind: 'waiting'; readonly ms: number; readonly next: ReflectorState<T> }

type Stream<T extends KubeObject> = AsyncGenerator<readonly WatchEvent<T>[], void, undefined>

interface ReflectorOptions<T extends KubeObject, Kept> {
  readonly client: Pick<KubeClient, 'list' | 'openWatch'>
  readonly resource: Resource<T>
  readonly namespace?: string | undefined
  readonly labelSelector?: string | undefined
  readonly fieldSelector?: string | undefined
  readonly sink: ReflectorSink<T, Kept>
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

const backoff = { baseMs: 800, capMs: 10_000 }
/**
 * The longest wait that a server may ask for. A cache that sees nothing for longer is worse than
 * one request too many.
 */
const maxAskedMs = 60_000
/**
 * Watches are this short so that a frozen one is found within 45 s of its opening: the server
 * promises to end a watch in time, and promises nothing before. Reopening costs one small request
 * per kind and half minute.
 */
const watchSeconds = { least: 25, spread: 11 }
/** A watch that lived this long, or delivered an event, was healthy. */
const healthyMs = 1_000

/**
 * Keeps a sink equal to what the API server holds: reads everything, then watches from there, for
 * ever.
 * Guarantees: a watch that ends after it did its work is reopened at once from the last version
 * seen, because a loaded server closes watches and a cache that waits sees nothing; only failures
 * back off (0.8 s doubling to 10 s, jittered, or what the server asks for). An expired version
 * leads to a new reading. A watch that freezes is found within 45 s of its opening, which may take
 * 15 s itself.
 * Where the server does not offer watch-list (it refuses, or serves a watch without `initialEnd`),
 * the first attempt finds out, and pages are read from then on. After any other failure of a
 * watch-list, pages are read once.
 * Caveats: between two full readings deletions are seen once, as events; after an outage they show
 * as absence in the next. A server whose data was restored to older versions keeps a watch from a
 * later version open, and sends nothing until it reaches that version. Restore etcd with
 * `--bump-revision --mark-compacted`, as any client of it needs.
 */
export class Reflector<T extends KubeObject, Kept> {
  readonly #options: ReflectorOptions<T, Kept>
  #last = ''
  #failures = 0
  #streams = true

  constructor(options: ReflectorOptions<T, Kept>) {
    this.#options = options
  }

  /** Runs until the signal is aborted; never rejects. */
  async run(options: { readonly signal: AbortSignal }): Promise<void> {
    let state: ReflectorState<T> = this.#fullReading()
    while (!options.signal.aborted) state = await this.#step(state, options.signal)
  }

  async #step(state: ReflectorState<T>, signal: AbortSignal): Promise<ReflectorState<T>> {
    try {
      switch (state.kind) {
        case 'streaming':
          return await this.#readStream(signal)
        case 'listing':
          return await this.#readPages(signal)
        case 'watching':
          return await this.#watch(state, signal)
        case 'waiting':
          await this.#options.clock.sleep(state.ms, { signal })
          return state.next
      }
    } catch (error) {
      return signal.aborted ? state : this.#afterFailure(error, state)
    }
  }

  #fullReading(): ReflectorState<T> {
    return { kind: this.#streams ? 'streaming' : 'listing' }
  }

  #open(resourceVersion: string | undefined, signal: AbortSignal): Stream<T> {
    const { least, spread } = watchSeconds
    const timeoutSeconds = least + Math.floor(this.#options.random.next() * spread)
    const { resource, ...options } = this.#options
    return watch(resource, { ...options, resourceVersion, timeoutSeconds, signal })
  }

  async #readStream(signal: AbortSignal): Promise<ReflectorState<T>> {
    const { sink, clock } = this.#options
    const openedAt = clock.monotonic()
    const stream = this.#open(undefined, signal)
    const items = new Map<string, Kept>()
    for (;;) {
      const { done, value: events } = await stream.next()
      if (done) {
        // A server that does not know watch-list serves a watch for its whole time, without
        // `initialEnd`.
        this.#streams = clock.monotonic() - openedAt < watchSeconds.least * 1_000
        throw new StreamError('the watch ended before it had sent all objects')
      }
      for (const [index, event] of events.entries()) {
        if (event.type === 'BOOKMARK') {
          if (!event.initialEnd) continue
          const { resourceVersion } = event
          this.#replace([...items.values()], resourceVersion)
          this.#apply(events.slice(index + 1))
          return { kind: 'watching', from: resourceVersion, stream }
        }
        const { key } = identityOf(event.object)
        if (event.type === 'DELETED') items.delete(key)
        else items.set(key, sink.read(event.object))
      }
    }
  }

  async #readPages(signal: AbortSignal): Promise<ReflectorState<T>> {
    const { client, resource, namespace, labelSelector, fieldSelector, sink } = this.#options
    const { items, resourceVersion } = await client.list(resource, {
      namespace,
      labelSelector,
      fieldSelector,
      signal,
      transform: (object) => sink.read(object),
    })
    this.#replace(items, resourceVersion)
    return { kind: 'watching', from: resourceVersion }
  }

  async #watch(
    state: Extract<ReflectorState<T>, { readonly kind: 'watching' }>,
    signal: AbortSignal,
  ): Promise<ReflectorState<T>> {
    const { clock, random, log, resource } = this.#options
    const openedAt = clock.monotonic()
    const { stream = this.#open(state.from, signal) } = state
    // A stream from a full reading has delivered events already.
    const from = state.stream === undefined ? this.#last : ''
    const wasHealthy = () => this.#last !== from || clock.monotonic() - openedAt >= healthyMs
    try {
      for await (const events of stream) {
        this.#apply(events)
        if (this.#last !== from) this.#failures = 0
      }
    } catch (error) {
      // A refusal has a meaning; a cut of a healthy watch only ends its connection.
      if (!isCut(error) || !wasHealthy()) throw error
      log.debug({ resource: resource.plural, err: error }, 'watch was cut and is resumed')
    }
    const next: ReflectorState<T> = { kind: 'watching', from: this.#last }
    if (wasHealthy()) {
      this.#failures = 0
      return next
    }
    // The watch was closed at once without an event. Once may be chance; twice in a row means that
    // the server cannot serve.
    this.#failures += 1
    if (this.#failures === 1) return next
    return { kind: 'waiting', ms: halfJitter(backoff, this.#failures - 2, random), next }
  }

  #replace(items: readonly Kept[], resourceVersion: string): void {
    this.#last = resourceVersion
    this.#options.sink.replace(items, resourceVersion)
  }

  #apply(events: readonly WatchEvent<T>[]): void {
    if (events.length === 0) return
    for (const event of events) {
      const version =
        event.type === 'BOOKMARK' ? event.resourceVersion : identityOf(event.object).version
      if (isNewer(version, this.#last)) this.#last = version
    }
    this.#options.sink.apply(events)
  }

  #afterFailure(error: unknown, state: ReflectorState<T>): ReflectorState<T> {
    const { random, log, resource, sink } = this.#options
    const fields = { resource: resource.plural, doing: state.kind, err: error }
    const resumed: ReflectorState<T> = { kind: 'watching', from: this.#last }
    if (error instanceof DeadlineError) {
      log.warn(fields, 'watch is frozen and given up')
      sink.stalled()
      // No back-off: the deadline was wait enough.
      return state.kind === 'watching' ? resumed : { kind: 'listing' }
    }
    const passing = isCut(error) || isPassing(error)
    if (state.kind === 'streaming' && !passing && !isGone(error)) {
      if (isNotOffered(error)) this.#streams = false
      log.info({ ...fields, again: this.#streams }, 'cannot read everything as a stream, listing')
      return { kind: 'listing' }
    }
    this.#failures += 1
    const next = state.kind === 'watching' && passing ? resumed : this.#fullReading()
    if (isGone(error) && this.#failures === 1) {
      log.info(fields, 'watch version expired, reading everything again')
      return next
    }
    const asked = error instanceof KubeError ? (error.retryAfterMs ?? 0) : 0
    const ms = Math.max(
      Math.min(asked, maxAskedMs),
      halfJitter(backoff, this.#failures - 1, random),
    )
    log.warn({ ...fields, retryInMs: Math.round(ms) }, 'cannot follow resource, trying again')
    return { kind: 'waiting', ms, next }
  }
}

/** True for an error below HTTP, such as a cut connection. */
function isCut(error: unknown): boolean {
  return !(
    error instanceof KubeError ||
    error instanceof StreamError ||
    error instanceof DeadlineError
  )
}

/** True when the server refuses the parameters of watch-list. */
function isNotOffered(error: unknown): boolean {
  return error instanceof KubeError && [400, 422].includes(error.status)
}

/**
 * True when the very same request may work later; otherwise (refused version or parameter) only a
 * new reading helps.
 */
function isPassing(error: unknown): boolean {
  if (!(error instanceof KubeError)) return false
  if (error.causes.some((cause) => cause.reason === 'ResourceVersionTooLarge')) return false
  return [0, 401, 403, 429].includes(error.status) || error.status >= 500
}
