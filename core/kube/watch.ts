import type { KubeClient } from './client.ts'
import { errorFromAnswer } from './errors.ts'
import type { Clock } from '../base/clock.ts'
import { type KubeObject, type Resource, identityOf } from './resource.ts'
import { LineSplitter } from '../base/lines.ts'
import { DeadlineError } from '../base/wait.ts'

/**
 * One event of a watch. A bookmark tells the version that the server has reached; with `initialEnd`
 * the server has sent all objects that existed at the beginning. Caveat: nothing checks the object;
 * it is as the server sent it.
 */
export type WatchEvent<T extends KubeObject> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string; readonly initialEnd: boolean }

/**
 * The bytes of a watch cannot be parsed. A watch from the same version would meet them again, so
 * the objects have to be listed again.
 */
export class StreamError extends Error {
  override readonly name = 'StreamError'
  readonly code = 'stream'
}

/**
 * Splits bytes into the JSON values of newline-delimited JSON.
 * Guarantees: a character or a value may be split anywhere; an unfinished last line is dropped,
 * since the stream is resumed before it.
 */
export class LineParser {
  readonly #lines: LineSplitter

  constructor(maxBytes?: number) {
    this.#lines = new LineSplitter(maxBytes)
  }

  /**
   * The values that these bytes complete. Errors: `StreamError` on a line that is too long or is
   * not JSON.
   */
  push(bytes: Uint8Array): readonly unknown[] {
    return this.#split(bytes).flatMap((text) => (text.trim() === '' ? [] : [parse(text)]))
  }

  #split(bytes: Uint8Array): readonly string[] {
    try {
      return this.#lines.push(bytes)
    } catch (cause) {
      const words = cause instanceof Error ? cause.message : ''
      throw new StreamError(`the watch cannot be read: ${words}`, { cause })
    }
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new StreamError('the watch sent a line that is not JSON', { cause })
  }
}

/**
 * How long after its time a watch may stay open. A server ends it by then, unless the connection is
 * dead.
 */
const graceMs = 6_000
/** How long opening a watch may take. A server that works answers at once. */
const openMs = 15_000

interface WatchOptions {
  readonly client: Pick<KubeClient, 'openWatch'>
  readonly clock: Clock
  readonly namespace?: string | undefined
  readonly labelSelector?: string | undefined
  readonly fieldSelector?: string | undefined
  /**
   * Events after this version are reported. By default all existing objects come first, up to
   * `initialEnd`.
   */
  readonly resourceVersion?: string | undefined
  /** The server ends the watch after this time. */
  readonly timeoutSeconds: number
  readonly signal: AbortSignal
}

/**
 * One watch request. Yields the events that arrived together as one batch, in order, and returns
 * when the server ends the stream.
 * Guarantees: lives no longer than `timeoutSeconds` and a grace of 6 s, whatever the server or the
 * network does; so a dead connection is found without relying on bookmarks, which come once a
 * minute at best.
 * Errors: `KubeError` (410 when the version is too old, at the start or in the stream);
 * `DeadlineError` when the time was over and the server had not ended it, or did not begin within
 * 15 s; `StreamError`; any error of a cut connection.
 */
export async function* watch<T extends KubeObject>(
  resource: Resource<T>,
  options: WatchOptions,
): AsyncGenerator<readonly WatchEvent<T>[], void, undefined> {
  const { client, clock, resourceVersion, timeoutSeconds, signal } = options
  const life = new AbortController()
  const expire = (ms: number) =>
    clock.after(ms, () => life.abort(new DeadlineError(`WATCH ${resource.plural}`, ms)))
  let cancel = expire(openMs)
  // Also here, because a generator that nobody reads any more never reaches its `finally`.
  const stop = () => {
    cancel()
    life.abort(signal.reason)
  }
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop, { once: true })
  try {
    const body = await client.openWatch(
      resource,
      {
        resourceVersion,
        ...(resourceVersion === undefined ? initialEvents : {}),
        labelSelector: options.labelSelector,
        fieldSelector: options.fieldSelector,
        allowWatchBookmarks: true,
        timeoutSeconds,
      },
      { namespace: options.namespace, signal: life.signal },
    )
    cancel()
    cancel = expire(timeoutSeconds * 1000 + graceMs)
    const lines = new LineParser()
    for await (const chunk of body) {
      const events = lines.push(chunk).map((value) => eventOf<T>(resource, value))
      if (events.length > 0) yield events
    }
  } catch (error) {
    throw life.signal.aborted ? life.signal.reason : error
  } finally {
    signal.removeEventListener('abort', stop)
    stop()
  }
}

/** The watch-list of KEP-3157. */
const initialEvents = { sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan' }

/**
 * One line of a watch. Its shape is the API's promise; only the fields that are used here are
 * checked.
 */
interface Line<T> {
  readonly type?: string
  readonly object?: T & { readonly code?: number }
}

function eventOf<T extends KubeObject>(resource: Resource, value: unknown): WatchEvent<T> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the border where JSON gets its type
  const { type, object } = (value ?? {}) as Line<T>
  if (object !== undefined && object !== null) {
    if (type === 'ADDED' || type === 'MODIFIED' || type === 'DELETED') return { type, object }
    if (type === 'BOOKMARK') {
      const initialEnd = object.metadata?.annotations?.['k8s.io/initial-events-end'] === 'true'
      return { type, resourceVersion: identityOf(object).version, initialEnd }
    }
    if (type === 'ERROR') {
      throw errorFromAnswer(`WATCH ${resource.plural}`, object.code ?? 500, object)
    }
  }
  throw new StreamError(`the watch sent an event of the unknown type ${String(type)}`)
}
