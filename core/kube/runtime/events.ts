import type { KubeClient } from '../client.ts'
import { type Event, type ObjectReference, events } from '../built-in-kinds.ts'
import { isAlreadyExists, isForbidden, isNotFound, isTransient } from '../errors.ts'
import { type KubeObject, type Resource, apiVersionOf } from '../resource.ts'
import { type Clock, type Random, formatMicroTime } from '../../base/clock.ts'
import type { Logger } from '../../base/logger.ts'
import { WorkQueue } from './queue.ts'
import type { RunSignals, Runnable } from './manager.ts'

/**
 * Something worth telling a person about an object. `reason` and `action` are one CamelCase word
 * each.
 */
export interface EventDraft {
  readonly regarding: ObjectReference
  readonly related?: ObjectReference
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly action: string
  /** A sentence; it is cut off at 1 KiB. */
  readonly note: string
  /** One of many about its object: it leaves `reserved` events for the others. */
  readonly minor?: boolean | undefined
}

interface EventRecorderOptions {
  readonly client: Pick<KubeClient, 'create' | 'patch'>
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  /** For example `guildhall.dev/operator`. */
  readonly reportingController: string
  /** The Pod. */
  readonly reportingInstance: string
  /** An event was not written, since there were too many or the server refused it. */
  readonly onDrop?: (() => void) | undefined
}

interface Series {
  readonly draft: EventDraft
  readonly name: string
  readonly namespace: string
  readonly firstAt: number
  lastAt: number
  count: number
  /** The count that the server knows; 0 before the first write. */
  sent: number
}

interface Bucket {
  tokens: number
  at: number
}

/** The same draft within this time raises the count of its event instead of making another. */
const seriesMs = 6 * 60_000
/** A growing count is written once in this time at most. */
const updateMs = 10_000
const maxSeries = 1_000
const burst = 25
/**
 * Of the events of one object, how many the minor ones leave for those that come once, such as its
 * end.
 */
const reserved = 10
const refillMs = 5 * 60_000
const maxNoteBytes = 1024

/** Names an object for an event. */
export function referenceTo(resource: Resource, object: KubeObject): ObjectReference {
  const { name, namespace, uid } = object.metadata
  return { apiVersion: apiVersionOf(resource), kind: resource.kind, name, namespace, uid }
}

/**
 * Writes `events.k8s.io/v1` Events in the background.
 * Guarantees: `record` returns at once and never throws; repetitions become a series; one object
 * gets 25 events at once (15 of the minor ones) and then one per 5 minutes; memory is bounded to a
 * thousand series, of which the one that was recorded longest ago makes room; a failed event is
 * logged and forgotten.
 * Caveat: events vanish within the hour and may be dropped; the truth belongs in status. Needs
 * `create`, `patch` on events.
 */
export class EventRecorder implements Runnable {
  readonly name = 'events'
  readonly #options: EventRecorderOptions
  readonly #queue: WorkQueue
  /** In the order of their last use. */
  readonly #series = new Map<string, Series>()
  readonly #buckets = new Map<string, Bucket>()
  /** Above this number of buckets, the full ones are forgotten. */
  #manyBuckets = maxSeries

  constructor(options: EventRecorderOptions) {
    this.#options = options
    this.#queue = new WorkQueue(options)
  }

  record(draft: EventDraft): void {
    const { clock, onDrop } = this.#options
    const key = JSON.stringify([
      draft.regarding,
      draft.related,
      draft.type,
      draft.reason,
      draft.note,
    ])
    const known = this.#series.get(key)
    const now = clock.now()
    this.#series.delete(key)
    if (known !== undefined && (known.sent < known.count || now - known.lastAt < seriesMs)) {
      this.#series.set(key, known)
      known.count += 1
      known.lastAt = now
      this.#queue.addAfter(key, updateMs)
      return
    }
    const { regarding, minor = false } = draft
    if (!this.#take(regarding, minor ? reserved : 0)) {
      onDrop?.()
      return
    }
    if (this.#series.size >= maxSeries) this.#evict()
    const suffix = `${now.toString(16)}${this.#options.random.uuid().slice(0, 4)}`
    this.#series.set(key, {
      draft,
      name: `${regarding.name ?? 'unknown'}.${suffix}`,
      namespace: regarding.namespace || 'default',
      firstAt: now,
      lastAt: now,
      count: 1,
      sent: 0,
    })
    this.#queue.add(key)
  }

  /** Writes until `stop`, then the events that are left, until `abort`. Never rejects. */
  async run(signals: RunSignals): Promise<void> {
    const close = () => void this.#queue.shutDown()
    if (signals.stop.aborted) close()
    signals.stop.addEventListener('abort', close, { once: true })
    for (let key = await this.#queue.get(); key !== undefined; key = await this.#queue.get()) {
      await this.#write(key, signals.abort)
      this.#queue.done(key)
    }
    for (const key of this.#series.keys()) await this.#write(key, signals.abort)
  }

  #evict(): void {
    const [oldest] = this.#series
    if (oldest === undefined) return
    const [key, series] = oldest
    this.#series.delete(key)
    this.#queue.remove(key)
    if (series.sent < series.count) this.#options.onDrop?.()
  }

  async #write(key: string, signal: AbortSignal): Promise<void> {
    const series = this.#series.get(key)
    if (series === undefined || series.sent === series.count || signal.aborted) return
    const { log, onDrop } = this.#options
    const { count } = series
    try {
      await this.#send(series, signal)
      series.sent = count
      this.#queue.forget(key)
    } catch (error) {
      if (isTransient(error) && this.#queue.failures(key) < 5) {
        this.#queue.addRateLimited(key, error.retryAfterMs)
        return
      }
      onDrop?.()
      this.#series.delete(key)
      this.#queue.forget(key)
      // A namespace that is being deleted forbids new events, which needs no warning.
      log[isForbidden(error) ? 'debug' : 'warn']({ err: error }, 'event could not be written')
    }
  }

  async #send(series: Series, signal: AbortSignal): Promise<void> {
    const { client } = this.#options
    const { name, namespace } = series
    const call = { signal, priority: 'events', timeoutMs: 10_000 } as const
    const create = async () => client.create(events, this.#event(series), call)
    const update = async () => {
      const body = { series: seriesOf(series) }
      await client.patch(events, { name, namespace }, { type: 'merge', body }, call)
    }
    try {
      await (series.sent > 0 ? update() : create())
    } catch (error) {
      // The event has expired after its hour, so it is created again.
      if (series.sent > 0 && isNotFound(error)) await create()
      // The event was created before and the answer was lost: only its count may be new.
      else if (series.sent === 0 && isAlreadyExists(error)) {
        if (series.count > 1) await update()
      } else throw error
    }
  }

  #event(series: Series): Omit<Event, 'apiVersion' | 'kind'> {
    const { reportingController, reportingInstance } = this.#options
    const { draft, name, namespace, firstAt, count } = series
    const { minor: _, ...told } = draft
    return {
      metadata: { name, namespace },
      eventTime: formatMicroTime(firstAt),
      reportingController,
      reportingInstance: reportingInstance.slice(0, 128),
      ...told,
      note: cut(draft.note),
      ...(count > 1 ? { series: seriesOf(series) } : {}),
    }
  }

  #take(regarding: ObjectReference, kept: number): boolean {
    const now = this.#options.clock.monotonic()
    const id = regarding.uid ?? `${regarding.namespace}/${regarding.name}`
    const bucket = this.#buckets.get(id) ?? { tokens: burst, at: now }
    bucket.tokens = Math.min(burst, bucket.tokens + (now - bucket.at) / refillMs)
    bucket.at = now
    this.#buckets.set(id, bucket)
    if (this.#buckets.size > this.#manyBuckets) this.#forgetFullBuckets(now)
    if (bucket.tokens < 1 + kept) return false
    bucket.tokens -= 1
    return true
  }

  #forgetFullBuckets(now: number): void {
    for (const [id, bucket] of this.#buckets) {
      if (bucket.tokens + (now - bucket.at) / refillMs >= burst) this.#buckets.delete(id)
    }
    // Not at each event, because hardly a bucket is full while thousands of objects are busy.
    this.#manyBuckets = Math.max(maxSeries, 2 * this.#buckets.size)
  }
}

function seriesOf(series: Series) {
  return { count: series.count, lastObservedTime: formatMicroTime(series.lastAt) }
}

/** The API server refuses notes of more than 1024 bytes. */
function cut(note: string): string {
  const bytes = Buffer.from(note)
  if (bytes.length <= maxNoteBytes) return note
  return `${bytes
    .subarray(0, maxNoteBytes - 3)
    .toString()
    .replaceAll('\uFFFD', '')}…`
}
