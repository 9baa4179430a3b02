import type { Cancel } from '../core/base/clock.ts'
import type { Commit, Follower, ObjectStore } from './store.ts'
import { type Filter, isVersion, notAVersion, readSelection, tooOld } from './list.ts'
import type { ServedKind } from './kind.ts'
import type { StoredObject } from './metadata.ts'
import {
  type FieldProblem,
  Refusal,
  type Status,
  forbiddenField,
  invalid,
  invalidValue,
} from './refusal.ts'
import type { ApiRequest } from './request.ts'

const defaultSeconds = 1_800
const bookmarkMs = 60_000
/** How long before its end a watch sends a last bookmark. */
const lastBookmarkMs = 2_000

type EventType = 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'

/** All open watches of a server, with the one timer for their bookmarks. */
export class Watches {
  readonly #store: ObjectStore
  readonly #open = new Set<OpenWatch>()
  #cancelBookmarks: Cancel | undefined

  constructor(store: ObjectStore) {
    this.#store = store
  }

  /** How many are open. */
  get size(): number {
    return this.#open.size
  }

  /**
   * Opens a watch. Errors: 400 and 422 for a query that makes no sense. A version that is too old
   * is answered in the stream.
   */
  open(request: ApiRequest): WatchStream {
    const { query, kind } = request
    const wantsInitial = readInitialEvents(query)
    const { filter, prefix } = readSelection(request, query)
    const from = query.get('resourceVersion') ?? ''
    if (from !== '' && !isVersion(from)) throw new Refusal(500, undefined, notAVersion(from))
    const watch = new OpenWatch(this.#store, {
      kind,
      filter,
      prefix,
      bookmarks:
        query.get('allowWatchBookmarks') === 'true' || query.get('allowWatchBookmarks') === '1',
      seconds: Number(query.get('timeoutSeconds') ?? 0) || defaultSeconds,
      signal: request.signal,
      onEnd: () => this.#close(watch),
    })
    this.#open.add(watch)
    watch.start(from, wantsInitial)
    if (!watch.stream.isOver) this.#tick()
    return watch.stream
  }

  /** Ends all of them, as a server that goes does. */
  cutAll(error: unknown): void {
    for (const watch of this.#open) watch.stream.cut(error)
  }

  #tick(): void {
    this.#cancelBookmarks ??= this.#store.clock.after(bookmarkMs, () => {
      this.#cancelBookmarks = undefined
      for (const watch of this.#open) watch.bookmark()
      if (this.#open.size > 0) this.#tick()
    })
  }

  #close(watch: OpenWatch): void {
    this.#open.delete(watch)
    watch.stop()
    if (this.#open.size === 0) {
      this.#cancelBookmarks?.()
      this.#cancelBookmarks = undefined
    }
  }
}

interface WatchOptions {
  readonly kind: ServedKind
  readonly filter: Filter | undefined
  readonly prefix: string
  readonly bookmarks: boolean
  readonly seconds: number
  readonly signal: AbortSignal
  readonly onEnd: () => void
}

class OpenWatch implements Follower {
  readonly stream: WatchStream
  readonly #store: ObjectStore
  readonly #options: WatchOptions
  readonly #version: string
  #from = 0
  #cancel: Cancel | undefined
  readonly #abort: () => void

  constructor(store: ObjectStore, options: WatchOptions) {
    this.#store = store
    this.#options = options
    const { kind, signal } = options
    this.#version = kind.group === '' ? kind.version : `${kind.group}/${kind.version}`
    this.stream = new WatchStream(options.onEnd)
    this.#abort = () => this.stream.cut(signal.reason)
    signal.addEventListener('abort', this.#abort, { once: true })
  }

  start(from: string, wantsInitial: boolean): void {
    const { kind, prefix, filter, bookmarks, seconds } = this.#options
    const collection = this.#store.of(kind)
    const revision = Number(from || 0)
    this.#from = revision
    if (wantsInitial || revision === 0) {
      for (const object of collection.under(prefix)) {
        if (filter === undefined || filter(object))
          this.stream.push(lineOf('ADDED', this.#shown(object)))
      }
      if (wantsInitial && bookmarks) this.#bookmark({ 'k8s.io/initial-events-end': 'true' })
    } else {
      const missed = collection.since(revision)
      if (missed === undefined) {
        this.#fail(tooOld(revision, collection.forgotten).status)
        return
      }
      for (const commit of missed) this.follow(commit)
    }
    collection.followers.add(this)
    this.#limit(seconds * 1000)
  }

  follow(commit: Commit): void {
    const { prefix, filter } = this.#options
    // The watch may begin at a version that is still to come: what is older is not told.
    if (commit.revision <= this.#from) return
    if (prefix !== '' && !commit.key.startsWith(prefix)) return
    if (filter === undefined) {
      this.#tell(commit.type, commit, commit.object)
      return
    }
    const matches = commit.type !== 'DELETED' && filter(commit.object)
    const matched = commit.previous !== undefined && filter(commit.previous)
    if (matches) this.#tell(matched ? 'MODIFIED' : 'ADDED', commit, commit.object)
    else if (matched) {
      // It no longer matches: for this watch it is gone, in the state in which it was last seen.
      this.#tell('DELETED', commit, lastSeen(commit))
    }
  }

  bookmark(): void {
    if (this.#options.bookmarks) this.#bookmark(undefined)
  }

  stop(): void {
    this.#store.of(this.#options.kind).followers.delete(this)
    this.#cancel?.()
    this.#options.signal.removeEventListener('abort', this.#abort)
  }

  #limit(ms: number): void {
    const { clock } = this.#store
    const end = (after: number) => {
      this.#cancel = clock.after(after, () => this.stream.end())
    }
    if (!this.#options.bookmarks || ms <= lastBookmarkMs) {
      end(ms)
      return
    }
    this.#cancel = clock.after(ms - lastBookmarkMs, () => {
      this.bookmark()
      end(lastBookmarkMs)
    })
  }

  #tell(type: Commit['type'], commit: Commit, object: StoredObject): void {
    commit.lines ??= new Map()
    const known = commit.lines
    const key = `${type} ${this.#version}`
    let line = known.get(key)
    if (line === undefined) {
      line = lineOf(type, this.#shown(object))
      known.set(key, line)
    }
    this.stream.push(line)
  }

  #shown(object: StoredObject): StoredObject {
    return this.#options.kind.verbs.fromStorage?.(object) ?? object
  }

  #bookmark(annotations: Readonly<Record<string, string>> | undefined): void {
    const { kind } = this.#options
    const metadata = {
      resourceVersion: String(this.#store.revision),
      ...(annotations === undefined ? {} : { annotations }),
    }
    const object = { kind: kind.kind, apiVersion: this.#version, metadata }
    this.stream.push(lineOf('BOOKMARK', object))
  }

  #fail(status: Status): void {
    this.stream.push(lineOf('ERROR', status))
    this.stream.end()
  }
}

function lineOf(type: EventType, object: unknown): Buffer {
  return Buffer.from(`{"type":"${type}","object":${JSON.stringify(object)}}\n`)
}

function lastSeen(commit: Commit): StoredObject {
  const { type, object, previous } = commit
  if (type === 'DELETED' || previous === undefined) return object
  const { resourceVersion } = object.metadata
  return { ...previous, metadata: { ...previous.metadata, resourceVersion } }
}

/**
 * Whether the present state is asked for as events. Errors: 422 for a combination that means
 * nothing.
 */
function readInitialEvents(query: URLSearchParams): boolean {
  const initial = query.get('sendInitialEvents')
  const match = query.get('resourceVersionMatch')
  const problems: FieldProblem[] = []
  if (initial === null) {
    if (match) {
      const why = 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided'
      problems.push(forbiddenField('resourceVersionMatch', why))
    }
  } else if (!match) {
    const why = 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'
    problems.push(forbiddenField('resourceVersionMatch', why))
  } else if (match !== 'NotOlderThan') {
    problems.push(invalidValue('resourceVersionMatch', match, 'must be NotOlderThan'))
  }
  if (problems.length > 0) {
    throw invalid({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', problems)
  }
  return initial === 'true' || initial === '1'
}

/** The body of a watch: chunks as they come, until the server ends it or the reader returns. */
class WatchStream implements AsyncIterable<Buffer>, AsyncIterator<Buffer, undefined> {
  #chunks: Buffer[] = []
  #waiting:
    | {
        resolve: (result: IteratorResult<Buffer, undefined>) => void
        reject: (error: unknown) => void
      }
    | undefined
  #ended: { readonly error: unknown } | 'ended' | undefined
  /** Called once when it is over, whichever side ended it. */
  readonly #onEnd: () => void

  constructor(onEnd: () => void) {
    this.#onEnd = onEnd
  }

  get isOver(): boolean {
    return this.#ended !== undefined
  }

  push(chunk: Buffer): void {
    if (this.#ended !== undefined) return
    const waiting = this.#waiting
    if (waiting === undefined) {
      this.#chunks.push(chunk)
      return
    }
    this.#waiting = undefined
    waiting.resolve({ done: false, value: chunk })
  }

  /** Ends it after the chunks that were pushed. */
  end(): void {
    this.#finish('ended')
    this.#waiting?.resolve({ done: true, value: undefined })
    this.#waiting = undefined
  }

  /** Cuts it: chunks that were pushed and not read are lost. */
  cut(error: unknown): void {
    this.#finish({ error })
    this.#chunks = []
    this.#waiting?.reject(error)
    this.#waiting = undefined
  }

  [Symbol.asyncIterator](): AsyncIterator<Buffer, undefined> {
    return this
  }

  async next(): Promise<IteratorResult<Buffer, undefined>> {
    const chunk = this.#chunks.shift()
    if (chunk !== undefined) return { done: false, value: chunk }
    if (this.#ended === 'ended') return { done: true, value: undefined }
    if (this.#ended !== undefined) throw this.#ended.error
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
    })
  }

  async return(): Promise<IteratorResult<Buffer, undefined>> {
    this.#chunks = []
    this.end()
    return { done: true, value: undefined }
  }

  #finish(how: { readonly error: unknown } | 'ended'): void {
    if (this.#ended !== undefined) return
    this.#ended = how
    this.#onEnd()
  }
}
