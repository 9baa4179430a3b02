import type { KubeClient } from './client.ts'
import type { Clock, Random } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import { Reflector, type ReflectorSink } from './reflector.ts'
import { type KubeObject, type Resource, identityOf, isNewer, keyOf, refOf } from './resource.ts'
import { type StoreChange, type Entry, type Indexer, type InvalidObject, Store } from './store.ts'
import { withDeadline } from '../base/wait.ts'
import type { WatchEvent } from './watch.ts'

/**
 * Called for each change. It runs synchronously between two events, so it only maps the object to
 * keys. Caveat: it is level-based: one call may stand for several changes, and after a restart it
 * is called again for every object.
 */
export type ChangeHandler<T> = (
  key: { readonly namespace: string; readonly name: string },
  object: T | undefined,
  previous: T | undefined,
) => void

/** Takes the reports of an informer, for metrics. */
export interface InformerObserver {
  /** An informer was made, and has nothing to report yet. */
  onMade(resource: string): void
  /** Events arrived, bookmarks included. */
  onEvents(resource: string, count: number): void
  /** A full reading after the first one found `missed` changes that no event had told. */
  onRelist(resource: string, missed: number): void
  /** A watch was found frozen and is opened again. */
  onStall(resource: string): void
  /** The number of objects that cannot be worked on has changed. */
  onInvalid(resource: string, count: number): void
}

export interface InformerOptions<T extends KubeObject> {
  readonly client: Pick<KubeClient, 'list' | 'openWatch'>
  readonly resource: Resource<T>
  readonly namespace?: string | undefined
  readonly labelSelector?: string | undefined
  readonly fieldSelector?: string | undefined
  readonly indexers?: Readonly<Record<string, Indexer<T>>>
  /**
   * Shapes objects before they are kept; by default it drops `managedFields`, often half of an
   * object.
   */
  readonly transform?: (object: T) => T
  /**
   * Returns a sentence when an object cannot be worked on because its schema does not allow it (it
   * was written by an older or newer version, or before a rule existed). Runs for each version of
   * each object, so it should be quick.
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
 * Guarantees: handlers see every object that exists at least once; a handler that throws is logged
 * and loses that event only. An object that cannot be read (`check` returns a sentence, or `check`,
 * `transform` or an indexer throws) is only in `invalid()` until a valid version of it comes;
 * handlers get its key without an object. Handlers also get the deletion of an object that this
 * process made (`noteWrite`) and somebody removed before this copy held it. `newest` is never older
 * than the writes of this process. `waitForVersion` resolves when this copy includes them, and
 * `waitUntilGone` when it shows a deletion, so that no decision is taken on an older view.
 * Caveats: objects are shared, never change them. Needs `list` and `watch` on the resource.
 */
export class Informer<T extends KubeObject> {
  readonly resource: Resource<T>
  readonly #options: InformerOptions<T>
  readonly #store: Store<T>
  readonly #handlers: ChangeHandler<T>[] = []
  /**
   * The latest answer to a write of this process, for each object that this copy holds in an older
   * version.
   */
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

  /** Registers a handler and calls it at once for every object that is already there. */
  onChange(handler: ChangeHandler<T>): void {
    this.#handlers.push(handler)
    for (const object of this.#store.values()) {
      this.#tell(handler, { key: keyOf(object.metadata), object, previous: undefined })
    }
    for (const { key } of this.#store.invalid()) {
      this.#tell(handler, { key, object: undefined, previous: undefined })
    }
  }

  /**
   * Follows the API server until the signal is aborted; never rejects. Use `synced` to wait for the
   * first list.
   */
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
   * The newest version that this process knows of an object: its own write until this copy includes
   * it, else the version in this copy. Undefined when neither is there.
   */
  newest(namespace: string, name: string): T | undefined {
    const key = keyOf({ namespace, name })
    return this.#ownWrites.get(key) ?? this.#store.get(key)
  }

  /**
   * The objects that this process wrote and that this copy does not include yet, each in its newest
   * version.
   */
  unseen(): Iterable<T> {
    return this.#ownWrites.values()
  }

  /** All objects in a new list; `values` does not copy. */
  list(): readonly T[] {
    return [...this.#store.values()]
  }

  /** All objects without copying them; for one synchronous pass. */
  values(): Iterable<T> {
    return this.#store.values()
  }

  /** The objects that exist and cannot be worked on, each with a sentence saying why. */
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
   * Remembers a write of this process: call it with every object that `create`, `update`, `apply`,
   * `patch` or `delete` returned. Caveat: a complete deletion returns no object and no version; see
   * `waitUntilGone`.
   */
  noteWrite(object: T | undefined): void {
    const version = object?.metadata.resourceVersion
    if (object === undefined || version === undefined || !isNewer(version, this.#version)) return
    const key = keyOf(object.metadata)
    if (isNewer(version, this.pending(key) ?? '')) this.#ownWrites.set(key, object)
    if (isNewer(version, this.#written)) this.#written = version
  }

  /**
   * The latest version that this process wrote, to one object or to any, and that this copy does
   * not include yet. One version stands for all before it, since the versions of a resource are
   * ordered.
   */
  pending(key?: string): string | undefined {
    if (key !== undefined) return this.#ownWrites.get(key)?.metadata.resourceVersion
    return isNewer(this.#written, this.#version) ? this.#written : undefined
  }

  /** True while this copy does not include a write of this process to the object. */
  isBehind(key: string): boolean {
    return this.#ownWrites.has(key)
  }

  /**
   * Waits until this copy includes a version. Returns false on time-out; rejects with the signal's
   * reason.
   * Caveat: with a selector, a version of an object outside it is only reached by the next event or
   * bookmark.
   */
  async waitForVersion(
    version: string,
    options: { readonly signal: AbortSignal; readonly timeoutMs: number },
  ): Promise<boolean> {
    const name = `${this.resource.plural} reaching version ${version}`
    return this.#within(name, () => this.#includes(version), options)
  }

  /**
   * Waits until this copy no longer holds that very object, after this process deleted it
   * completely. Resolves at once when the object is gone already or another one has its name.
   * Returns false on time-out; rejects with the signal's reason. Caveat: an object that finalizers
   * or a grace period keep is still there; `delete` returns it, for `noteWrite`.
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
    // A full reading is right even with a lower version (a restored backup). Then the awaited
    // versions never come.
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

  /**
   * The deletions of objects that this process made and that were removed before this copy held
   * them. Without them a controller that made such an object would never be woken about it.
   */
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

  /** Forgets own writes that this copy includes by now, and resolves the waits that are over. */
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
    // An object without a name has no key that a handler could use.
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
