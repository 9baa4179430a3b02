import { halfJitter } from './backoff.ts'
import type { KubeClient } from './client.ts'
import { isGone, KubeError } from './errors.ts'
import type { Clock, Logger, Random } from './ports.ts'
import { isNewer, type KubeObject, type Resource } from './resource.ts'
import { watch, type WatchEvent } from './watch.ts'

/** Where a reflector keeps what it sees. All methods are synchronous: nothing may wait between two events. */
export interface ReflectorSink<T extends KubeObject> {
  /** Called for each object of a list as it arrives, before `replace`; what it returns is kept. */
  readonly transform: (object: T) => T
  /** This is everything there is at `resourceVersion`. */
  replace(objects: readonly T[], resourceVersion: string): void
  /** These happened, in order. Events that are older than what is known are possible after a resume. */
  apply(events: readonly WatchEvent<T>[]): void
}

/**
 * What a reflector does next.
 * - `listing`: reads all pages; recovers from everything.
 * - `watching`: follows the changes after `from`.
 * - `waiting`: backs off for `ms` after a failure, then goes on with `next`.
 */
export type ReflectorState =
  | { readonly kind: 'listing' }
  | { readonly kind: 'watching'; readonly from: string }
  | { readonly kind: 'waiting'; readonly ms: number; readonly next: ReflectorState }

export interface ReflectorOptions<T extends KubeObject> {
  readonly client: Pick<KubeClient, 'list' | 'openWatch'>
  readonly resource: Resource<T>
  readonly namespace?: string | undefined
  readonly labelSelector?: string | undefined
  readonly fieldSelector?: string | undefined
  readonly sink: ReflectorSink<T>
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

const backoff = { baseMs: 800, capMs: 30_000 }
const silenceMs = 120_000
/** A watch that lived so long, or delivered anything, was healthy. */
const healthyMs = 1_000

/**
 * Keeps a sink equal to what the API server holds: list, then watch from there, for ever.
 * Guarantees: a watch that ends after it did its work is reopened at once from the last version seen, because a loaded
 * server closes watches and waiting then means blindness; only failures back off (0.8 s doubling to 30 s, jittered).
 * An expired version leads to a new list. A silent connection is given up after two minutes.
 * Caveat: between two lists deletions are seen once, as events; after an outage they show as absence in the next list.
 */
export class Reflector<T extends KubeObject> {
  readonly #options: ReflectorOptions<T>
  #last = ''
  #failures = 0

  constructor(options: ReflectorOptions<T>) {
    this.#options = options
  }

  /** Runs until the signal is aborted; never rejects. */
  async run(options: { readonly signal: AbortSignal }): Promise<void> {
    let state: ReflectorState = { kind: 'listing' }
    while (!options.signal.aborted) state = await this.#step(state, options.signal)
  }

  async #step(state: ReflectorState, signal: AbortSignal): Promise<ReflectorState> {
    try {
      if (state.kind === 'listing') return await this.#list(signal)
      if (state.kind === 'watching') return await this.#watch(state.from, signal)
      await this.#options.clock.sleep(state.ms, { signal })
      return state.next
    } catch (error) {
      return signal.aborted ? state : this.#afterFailure(error, state)
    }
  }

  async #list(signal: AbortSignal): Promise<ReflectorState> {
    const { client, resource, namespace, labelSelector, fieldSelector, sink } = this.#options
    const { items, resourceVersion } = await client.list(resource, {
      namespace,
      labelSelector,
      fieldSelector,
      signal,
      transform: sink.transform,
    })
    this.#last = resourceVersion
    sink.replace(items, resourceVersion)
    return { kind: 'watching', from: resourceVersion }
  }

  async #watch(from: string, signal: AbortSignal): Promise<ReflectorState> {
    const { client, resource, namespace, labelSelector, fieldSelector, sink } = this.#options
    const { clock, random, log } = this.#options
    const openedAt = clock.monotonic()
    const timeoutSeconds = 240 + Math.floor(random.next() * 51)
    const limit = clock.monotonic() + (timeoutSeconds + 15) * 1000
    let delivered = false
    try {
      const stream = watch(resource, {
        client,
        clock,
        namespace,
        labelSelector,
        fieldSelector,
        resourceVersion: from,
        timeoutSeconds,
        silenceMs,
        signal,
      })
      for await (const events of stream) {
        delivered = true
        sink.apply(events.map((event) => this.#seen(event)))
        // A server that forgot its own time limit is not trusted to still send everything.
        if (clock.monotonic() > limit) break
      }
    } catch (error) {
      // A refusal says something; a cut after good service is only the end of this connection.
      if (signal.aborted || error instanceof KubeError || !delivered) throw error
      log.debug({ resource: resource.plural, err: error }, 'watch was cut and is resumed')
    }
    const next: ReflectorState = { kind: 'watching', from: this.#last }
    if (delivered || clock.monotonic() - openedAt >= healthyMs) {
      this.#failures = 0
      return next
    }
    // Closed at once without a word: once is chance, again is a server that cannot serve.
    this.#failures += 1
    if (this.#failures === 1) return next
    return { kind: 'waiting', ms: halfJitter(backoff, this.#failures - 2, random), next }
  }

  #seen(event: WatchEvent<T>): WatchEvent<T> {
    const version =
      event.type === 'BOOKMARK' ? event.resourceVersion : event.object.metadata.resourceVersion
    if (version !== undefined && isNewer(version, this.#last)) this.#last = version
    return event.type === 'BOOKMARK'
      ? event
      : { type: event.type, object: this.#options.sink.transform(event.object) }
  }

  #afterFailure(error: unknown, state: ReflectorState): ReflectorState {
    const { random, log, resource } = this.#options
    this.#failures += 1
    const relist = state.kind === 'listing' || isGone(error) || !isPassing(error)
    const next: ReflectorState = relist
      ? { kind: 'listing' }
      : { kind: 'watching', from: this.#last }
    if (isGone(error) && this.#failures === 1) {
      log.info({ resource: resource.plural }, 'watch version expired, listing again')
      return next
    }
    const asked = error instanceof KubeError ? (error.retryAfterMs ?? 0) : 0
    const ms = Math.max(asked, halfJitter(backoff, this.#failures - 1, random))
    log.warn(
      { resource: resource.plural, doing: state.kind, retryInMs: Math.round(ms), err: error },
      'cannot follow resource, trying again',
    )
    return { kind: 'waiting', ms, next }
  }
}

/** True when the same watch may work later; otherwise (malformed stream, refused version) only a list helps. */
function isPassing(error: unknown): boolean {
  if (!(error instanceof KubeError)) return !(error instanceof SyntaxError)
  if (error.causes.some((cause) => cause.reason === 'ResourceVersionTooLarge')) return false
  return error.status === 0 || error.status === 429 || error.status === 403 || error.status >= 500
}
