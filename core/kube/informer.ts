import type { KubeClient } from './client.ts'
import type { Clock, Random } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import { Reflector, type ReflectorSink } from './reflector.ts'
import { type KubeObject, type Resource, identityOf, isNewer, keyOf, refOf } from './resource.ts'
import { type StoreChange, type Entry, type Indexer, type InvalidObject, Store } from './store.ts'
import { withDeadline } from '../base/wait.ts'
import type { WatchEvent } from './watch.ts'

/**
 * Called for each change. It runs synchronously between two events: map the object to keys and return.
 * Caveat: level-based; what it is told may be several changes in one, and a restart tells everything again.
 */
export type ChangeHandler<T> = (
  key: { readonly namespace: string; readonly name: string },
  object: T | undefined,
  previous: T | undefined,
) => void

/** What an informer reports for metrics. */
export interface InformerObserver {
  /** An informer was made, and has nothing to report yet. */
  onMade(resource: string): void
  /** Events arrived, bookmarks included. */
  onEvents(resource: string, count: number): void
  /** A full reading after the first one found `missed` changes that no event had told. */
  onRelist(resource: string, missed: number): void
  /** A watch was found frozen and is opened again. */
  onStall(resource: string): void
  /** So many objects cannot be worked on now; told whenever that changes. */
  onInvalid(resource: string, count: number): void
}

export interface InformerOptions<T extends KubeObject> {
  readonly client: Pick<KubeClient, 'list' | 'openWatch'>
  readonly resource: Resource<T>
  readonly namespace?: string | undefined
  readonly labelSelector?: string | undefined
  readonly fieldSelector?: string | undefined
  readonly indexers?: Readonly<Record<string, Indexer<T>>>
  /** Shapes objects before they are kept. Default: drops `managedFields`, often half of an object. */
  readonly transform?: (object: T) => T
  /**
   * A sentence when an object cannot be worked on, because it is not what its schema says (written by an older or newer
   * version, or before a rule existed). Runs for each version of each object, so it should be quick.
   */
  readonly check?: (object: T) => string | undefined
  readonly log: Logger
  readonly clock: Clock
  readonly random: Random
  readonly observer?: InformerObserver | undefined
}

interface Waiter {
  readonly isOver: () => boolean
  readonly resolve: () => void
}

/**
 * A local copy of one kind, kept current by a reflector, with indexes and change handlers.
 * Guarantees: handlers see every object that exists at least once; a handler that throws is logged and loses that event
 * only. An object that cannot be read (`check`, `transform` or an indexer says so, or throws) is in `invalid()` and nowhere
 * else until a good version of it comes; handlers are told its key, as of an object that is not there. An object that
 * this process made (`noteWrite`) and somebody removed before it was seen is told as a deletion.
 * `newest` is never older than own writes. `waitForVersion` resolves when the cache shows them, `waitUntilGone` when it shows
 * own deletions, so that no decision is taken on a view older than them.
 * Caveats: objects are shared, never change them. Needs `list` and `watch` on the resource.
 */
export class Informer<T extends KubeObject> {
  readonly resource: Resource<T>
  readonly #options: InformerOptions<T>
  readonly #store: Store<T>
  readonly #handlers: ChangeHandler<T>[] = []
  /** Answers of writes that this copy does not include yet, the newest of each object. */
  readonly #ownWrites = new Map<string, T>()
  #waiters: Waiter[] = []
  #version = ''
  #written = ''
  #synced = false
  #invalidCount = 0

  constructor(options: InformerOptions<T>) {
    this.#options = options
    this.resource = options.resource
    const { indexers, check, transform = withoutManagedFields } = options
    this.#store = new Store({ indexers, check, transform })
    options.observer?.onMade(options.resource.plural)
  }

  /** Registers a handler and calls it at once for every object that is there. */
  onChange(handler: ChangeHandler<T>): void {
    this.#handlers.push(handler)
    for (const object of this.#store.values()) {
      this.#tell(handler, { key: keyOf(object.metadata), object, previous: undefined })
    }
    for (const { key } of this.#store.invalid()) {
      this.#tell(handler, { key, object: undefined, previous: undefined })
    }
  }

  /** Follows the API server until the signal is aborted; never rejects. Use `synced` to wait for the first list. */
  async run(options: { readonly signal: AbortSignal }): Promise<void> {
    const sink: ReflectorSink<T, Entry<T>> = {
      read: (object) => this.#read(object),
      replace: (entries, version) => this.#replace(entries, version),
      apply: (events) => this.#apply(events),
      stalled: () => this.#options.observer?.onStall(this.resource.plural),
    }
    await new Reflector({ ...this.#options, sink }).run(options)
  }

  /** Resolves once the first list is complete. Rejects with the signal's reason. */
  async synced(options: { readonly signal: AbortSignal }): Promise<void> {
    if (!this.#synced) await this.#until(() => this.#synced, options.signal)
  }

  get(namespace: string, name: string): T | undefined {
    return this.#store.get(keyOf({ namespace, name }))
  }

  /**
   * The newest version that this process knows of an object: its own write until this copy includes it, else what this copy
   * holds. Undefined when neither is there.
   */
  newest(namespace: string, name: string): T | undefined {
    const key = keyOf({ namespace, name })
    return this.#ownWrites.get(key) ?? this.#store.get(key)
  }

  /** Own writes that this copy does not include yet, the newest version of each object. */
  unseen(): Iterable<T> {
    return this.#ownWrites.values()
  }

  /** A copy of all objects; `values` makes none. */
  list(): readonly T[] {
    return [...this.#store.values()]
  }

  /** All objects without copying them; for one synchronous pass. */
  values(): Iterable<T> {
    return this.#store.values()
  }

  /** The objects that cannot be worked on, each with a sentence that says why. A copy; `invalidAt` makes none. */
  invalid(): readonly InvalidObject[] {
    return this.#store.invalid()
  }

  invalidAt(key: string): InvalidObject | undefined {
    return this.#store.invalidAt(key)
  }

  /** The objects under one value of a declared index. */
  byIndex(index: string, value: string): readonly T[] {
    return this.#store.byIndex(index, value)
  }

  get size(): number {
    return this.#store.size
  }

  /** The latest version this copy is known to include. */
  get resourceVersion(): string {
    return this.#version
  }

  /**
   * Remembers a write of ours: call it with every object that `create`, `update`, `apply`, `patch` or `delete` returned.
   * Caveat: a deletion that is complete returns none, and no version; see `waitUntilGone`.
   */
  noteWrite(object: T | undefined): void {
    const version = object?.metadata.resourceVersion
    if (object === undefined || version === undefined || !isNewer(version, this.#version)) return
    const key = keyOf(object.metadata)
    if (isNewer(version, this.pending(key) ?? '')) this.#ownWrites.set(key, object)
    if (isNewer(version, this.#written)) this.#written = version
  }

  /**
   * The latest version that this process wrote, to one object or to any, and that this copy does not include yet.
   * One version stands for all before it, since the versions of a resource are ordered.
   */
  pending(key?: string): string | undefined {
    if (key !== undefined) return this.#ownWrites.get(key)?.metadata.resourceVersion
    return isNewer(this.#written, this.#version) ? this.#written : undefined
  }

  /** True while a write of this process to the object has not come back. */
  isBehind(key: string): boolean {
    return this.#ownWrites.has(key)
  }

  /**
   * Waits until this copy includes a version. Returns false on time-out; rejects with the signal's reason.
   * Caveat: with a selector, a version of an object outside it is only reached by the next event or bookmark.
   */
  async waitForVersion(
    version: string,
    options: { readonly signal: AbortSignal; readonly timeoutMs: number },
  ): Promise<boolean> {
    const name = `${this.resource.plural} reaching version ${version}`
    return this.#within(name, () => this.#includes(version), options)
  }

  /**
   * Waits until this copy shows that the very object is gone, after a deletion of ours that was complete: at once when it
   * was shown before, or another holds its name. Returns false on time-out; rejects with the signal's reason.
   * Caveat: an object whose finalizers or grace period keep it is there; `delete` returns such a one, for `noteWrite`.
   */
  async waitUntilGone(
    { metadata }: KubeObject,
    options: { readonly signal: AbortSignal; readonly timeoutMs: number },
  ): Promise<boolean> {
    const key = keyOf(metadata)
    const { uid = '' } = metadata
    const isOver = () => this.#synced && !this.#store.has(key, uid)
    return this.#within(`${this.resource.plural} without ${key}`, isOver, options)
  }

  #includes(version: string): boolean {
    return this.#synced && !isNewer(version, this.#version)
  }

  async #within(
    name: string,
    isOver: () => boolean,
    options: { readonly signal: AbortSignal; readonly timeoutMs: number },
  ): Promise<boolean> {
    if (isOver()) return true
    const { clock } = this.#options
    try {
      await withDeadline({ clock, ms: options.timeoutMs, name, signal: options.signal }, (signal) =>
        this.#until(isOver, signal),
      )
      return true
    } catch (error) {
      if (options.signal.aborted) throw error
      return false
    }
  }

  async #until(isOver: () => boolean, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    await new Promise<void>((resolve, reject) => {
      const stop = () => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter)
        reject(signal.reason)
      }
      const waiter: Waiter = {
        isOver,
        resolve: () => {
          signal.removeEventListener('abort', stop)
          resolve()
        },
      }
      signal.addEventListener('abort', stop, { once: true })
      this.#waiters.push(waiter)
    })
  }

  #read(object: T): Entry<T> {
    const entry = this.#store.read(object)
    const { key, found } = entry
    if ('reason' in found) {
      const fields = { resource: this.resource.plural, key, reason: found.reason }
      this.#options.log.warn(fields, 'object cannot be worked on')
    }
    return entry
  }

  #replace(entries: readonly Entry<T>[], version: string): void {
    const changes = this.#store.replace(entries)
    // A full reading is the truth even with a lower version (a restored backup): what was awaited will never come.
    const isRestored = isNewer(this.#version, version)
    const isFirst = !this.#synced
    this.#version = version
    this.#synced = true
    const all = [...changes, ...this.#removedUnseen(changes, isRestored)]
    if (isRestored) {
      this.#ownWrites.clear()
      this.#written = ''
    }
    if (!isFirst) this.#options.observer?.onRelist(this.resource.plural, all.length)
    this.#tellAll(all)
    this.#settle()
  }

  /** What we made and is gone, unseen: whoever made it would wait for news of it for ever. */
  #removedUnseen(
    changes: readonly StoreChange<T>[],
    isRestored: boolean,
  ): readonly StoreChange<T>[] {
    const told = new Set(changes.map(({ key }) => key))
    return [...this.#ownWrites].flatMap(([key, object]) => {
      const isOver = isRestored || this.#includes(object.metadata.resourceVersion ?? '')
      if (!isOver || told.has(key)) return []
      if (this.#store.get(key) !== undefined || this.#store.invalidAt(key) !== undefined) return []
      const { found } = this.#store.read(object)
      return [{ key, object: undefined, previous: 'object' in found ? found.object : undefined }]
    })
  }

  #apply(events: readonly WatchEvent<T>[]): void {
    this.#options.observer?.onEvents(this.resource.plural, events.length)
    for (const event of events) {
      const { version } =
        event.type === 'BOOKMARK' ? { version: event.resourceVersion } : identityOf(event.object)
      if (isNewer(version, this.#version)) this.#version = version
      if (event.type === 'BOOKMARK') continue
      this.#tellAll(
        event.type === 'DELETED'
          ? this.#store.remove(identityOf(event.object))
          : this.#store.put(this.#read(event.object)),
      )
    }
    this.#settle()
  }

  /** Resolves the waits for versions that the cache has reached. */
  #settle(): void {
    for (const [key, { metadata }] of this.#ownWrites) {
      if (this.#includes(metadata.resourceVersion ?? '')) this.#ownWrites.delete(key)
    }
    if (this.#invalidCount !== this.#store.invalidSize) {
      this.#invalidCount = this.#store.invalidSize
      this.#options.observer?.onInvalid(this.resource.plural, this.#invalidCount)
    }
    if (this.#waiters.length === 0) return
    const reached = this.#waiters.filter((waiter) => waiter.isOver())
    this.#waiters = this.#waiters.filter((waiter) => !reached.includes(waiter))
    for (const waiter of reached) waiter.resolve()
  }

  #tellAll(changes: readonly StoreChange<T>[]): void {
    for (const change of changes) {
      for (const handler of this.#handlers) this.#tell(handler, change)
    }
  }

  #tell(handler: ChangeHandler<T>, change: StoreChange<T>): void {
    // Nothing can be asked about an object without a name.
    if (change.key === '') return
    try {
      handler(refOf(change.key), change.object, change.previous)
    } catch (error) {
      const { resource } = this
      this.#options.log.error(
        { resource: resource.plural, key: change.key, err: error },
        'handler failed',
      )
    }
  }
}

function withoutManagedFields<T extends KubeObject>(object: T): T {
  if (!('managedFields' in object.metadata)) return object
  const { managedFields: _, ...metadata } = object.metadata as T['metadata'] & {
    managedFields?: unknown
  }
  return { ...object, metadata }
}
