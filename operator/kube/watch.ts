import type { KubeClient } from './client.ts'
import { errorFromAnswer, KubeError } from './errors.ts'
import type { Clock } from './ports.ts'
import type { KubeObject, Resource } from './resource.ts'

/** What a watch reports. A bookmark carries a resource version and nothing else. */
export type WatchEvent<T extends KubeObject> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string }

/** No object is larger: etcd takes 1.5 MiB, JSON and managed fields at most a few times that. */
const maxLineBytes = 16 * 1024 * 1024

/**
 * Splits bytes into the JSON values of newline-delimited JSON.
 * Guarantees: a character or a value may be split anywhere; an unfinished last line is dropped, since the stream is
 * resumed before it.
 */
export class LineParser {
  readonly #maxBytes: number
  #rest: Buffer[] = []
  #restBytes = 0

  constructor(maxBytes: number = maxLineBytes) {
    this.#maxBytes = maxBytes
  }

  /** The values that these bytes complete. Errors: throws on a line that is too long or no JSON. */
  push(bytes: Buffer): readonly unknown[] {
    const values: unknown[] = []
    let start = 0
    for (;;) {
      const end = bytes.indexOf(0x0a, start)
      if (end < 0) break
      const line = bytes.subarray(start, end)
      const text = (this.#restBytes === 0 ? line : Buffer.concat([...this.#rest, line])).toString()
      this.#rest = []
      this.#restBytes = 0
      start = end + 1
      if (text.trim() !== '') values.push(JSON.parse(text))
    }
    if (start < bytes.length) {
      this.#rest.push(bytes.subarray(start))
      this.#restBytes += bytes.length - start
      if (this.#restBytes > this.#maxBytes) {
        throw new Error(`the watch sent a line of more than ${this.#maxBytes} bytes`)
      }
    }
    return values
  }
}

export interface WatchOptions {
  readonly client: Pick<KubeClient, 'openWatch'>
  readonly clock: Clock
  readonly namespace?: string | undefined
  readonly labelSelector?: string | undefined
  readonly fieldSelector?: string | undefined
  /** Events after this version are reported. */
  readonly resourceVersion: string
  /** The server ends the watch after this time. */
  readonly timeoutSeconds: number
  /** A connection that says nothing for so long is given up; the caller resumes, which costs one request. */
  readonly silenceMs: number
  readonly signal: AbortSignal
}

/**
 * One watch request. Yields what arrived together in one batch, in order, and returns when the server ends the stream or
 * when it was silent for too long.
 * Errors: `KubeError` (410 when the version is too old, at the start or in the stream); any error of a cut connection.
 */
export async function* watch<T extends KubeObject>(
  resource: Resource<T>,
  options: WatchOptions,
): AsyncGenerator<readonly WatchEvent<T>[], void, undefined> {
  const { client, clock, timeoutSeconds, silenceMs, signal } = options
  const controller = new AbortController()
  const stop = () => controller.abort(signal.reason)
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop, { once: true })
  let heardAt = clock.monotonic()
  let silent = false
  // One timer for the life of the stream that looks back, instead of one timer per chunk.
  const listen = (ms: number) =>
    clock.after(ms, () => {
      const left = silenceMs - (clock.monotonic() - heardAt)
      if (left > 0) cancel = listen(left)
      else {
        silent = true
        controller.abort(new Error(`the watch was silent for ${silenceMs} ms`))
      }
    })
  let cancel = listen(silenceMs)
  try {
    const body = await client.openWatch(
      resource,
      {
        resourceVersion: options.resourceVersion,
        labelSelector: options.labelSelector,
        fieldSelector: options.fieldSelector,
        allowWatchBookmarks: true,
        timeoutSeconds,
      },
      { namespace: options.namespace, signal: controller.signal },
    )
    const lines = new LineParser()
    for await (const chunk of body) {
      heardAt = clock.monotonic()
      const events = lines.push(chunk).map((value) => eventOf<T>(resource, value))
      if (events.length > 0) yield events
    }
  } catch (error) {
    if (!silent || signal.aborted) throw error
  } finally {
    cancel()
    signal.removeEventListener('abort', stop)
    controller.abort()
  }
}

/** The line of a watch: the shape is the API's promise, of which only the type is checked. */
interface Line<T> {
  readonly type?: string
  readonly object?: T & { readonly code?: number }
}

function eventOf<T extends KubeObject>(resource: Resource, value: unknown): WatchEvent<T> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the border where JSON gets its type
  const { type, object } = value as Line<T>
  if (object !== undefined) {
    if (type === 'ADDED' || type === 'MODIFIED' || type === 'DELETED') return { type, object }
    if (type === 'BOOKMARK') {
      return { type, resourceVersion: object.metadata.resourceVersion ?? '' }
    }
    if (type === 'ERROR') {
      throw errorFromAnswer(`WATCH ${resource.plural}`, object.code ?? 500, object)
    }
  }
  throw new KubeError({
    status: 500,
    reason: 'UnknownEvent',
    message: `WATCH ${resource.plural}: an event of the unknown type ${String(type)}`,
  })
}
