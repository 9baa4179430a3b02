import type { KubeClient } from './client.ts'
import type { Clock, Logger, Random } from './ports.ts'
import { Reflector } from './reflector.ts'
import { isNewer, keyOf, refOf, type KubeObject, type Resource } from './resource.ts'
import { Store, type Change, type Indexer } from './store.ts'
import { withDeadline } from './wait.ts'
import type { WatchEvent } from './watch.ts'

/**
 * Told about each change. Runs synchronously between two events: map the object to keys and return.
 * Caveat: level-based; what it is told may be several changes in one, and a restart tells everything again.
 */
export type ChangeHandler<T> = (
  key: { readonly namespace: string; readonly name: string },
  object: T | undefined,
  previous: T | undefined,
) => void

/** What an informer reports for metrics. */
export interface InformerObserver {
  /** Events arrived, bookmarks included. */
  onEvents(resource: string, count: number): void
  /** A list after the first one found `missed` changes that no event had told. */
  onRelist(resource: string, missed: number): void
}

export interface InformerOptions<T extends KubeObject> {
  readonly client: Pick<KubeClient, 'list' | 'openWatch'>
  readonly resource: Resource<T>
  readonly namespace?: string | undefined
  readonly labelSelector?: string | undefined
  readonly fieldSelector?: string | undefined
  readonly indexers?: Readonly<Record<string, Indexer<T>>>
  /** Shapes objects before they are kept; unless told it drops `managedFields`, often half of an object. */
  readonly transform?: (object: T) => T
  readonly log: Logger
  readonly clock: Clock
  readonly random: Random
  readonly observer?: InformerObserver | undefined
}

interface VersionWaiter {
  readonly version: string
  readonly resolve: () => void
}

/**
 * A local copy of one kind, kept current by a reflector, with indexes and change handlers.
 * Guarantees: handlers see every object that exists at least once; a handler that throws is logged and loses that event
 * only; `caughtUp` tells when own writes have come back, so that no decision is taken on a view older than them.
 * Caveats: objects are shared, never change them. Needs `list` and `watch` on the resource.
 */
export class Informer<T extends KubeObject> {
  readonly resource: Resource<T>
  readonly #options: InformerOptions<T>
  readonly #store: Store<T>
  readonly #handlers: ChangeHandler<T>[] = []
  readonly #ownWrites = new Map<string, string>()
  #waiters: VersionWaiter[] = []
  #version = ''
  #synced = false

  constructor(options: InformerOptions<T>) {
    this.#options = options
    this.resource = options.resource
    this.#store = new Store(options.indexers)
  }

  /** Registers a handler; it is told at once about what is already there. */
  onChange(handler: ChangeHandler<T>): void {
    this.#handlers.push(handler)
    for (const object of this.#store.values()) {
      this.#tell(handler, { key: keyOf(object.metadata), object, previous: undefined })
    }
  }

  /** Follows the API server until the signal is aborted; never rejects. Use `synced` to wait for the first list. */
  async run(options: { readonly signal: AbortSignal }): Promise<void> {
    const { transform = withoutManagedFields } = this.#options
    const reflector = new Reflector({
      ...this.#options,
      sink: {
        transform,
        replace: (objects: readonly T[], version: string) => this.#replace(objects, version),
        apply: (events: readonly WatchEvent<T>[]) => this.#apply(events),
      },
    })
    await reflector.run(options)
  }

  /** True once the first list is complete. */
  hasSynced(): boolean {
    return this.#synced
  }

  /** Resolves once the first list is complete. Rejects with the signal's reason. */
  async synced(options: { readonly signal: AbortSignal }): Promise<void> {
    if (!this.#synced) await this.#untilVersion('', options.signal)
  }

  get(namespace: string, name: string): T | undefined {
    return this.#store.get(keyOf({ namespace, name }))
  }

  list(): readonly T[] {
    return this.#store.values()
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

  /** Remembers a write of ours: call it with every object that `create`, `update`, `apply`, `patch` or `delete` returned. */
  noteWrite(object: KubeObject | undefined): void {
    const version = object?.metadata.resourceVersion
    if (object === undefined || version === undefined || !isNewer(version, this.#version)) return
    const key = keyOf(object.metadata)
    const known = this.#ownWrites.get(key)
    if (known === undefined || isNewer(version, known)) this.#ownWrites.set(key, version)
  }

  /** True while own writes to this key, or to any without one, have not come back. */
  isBehind(key?: string): boolean {
    return key === undefined ? this.#ownWrites.size > 0 : this.#ownWrites.has(key)
  }

  /**
   * Waits until own writes (to one object, or all) have come back.
   * Returns false if that took longer than `timeoutMs`; decide nothing then, come back later.
   */
  async caughtUp(options: {
    readonly key?: string | undefined
    readonly signal: AbortSignal
    readonly timeoutMs: number
  }): Promise<boolean> {
    let version = ''
    for (const [key, written] of this.#ownWrites) {
      if (options.key !== undefined && key !== options.key) continue
      if (isNewer(written, version)) version = written
    }
    return version === '' || this.waitForVersion(version, options)
  }

  /**
   * Waits until this copy includes a version. Returns false on time-out; rejects with the signal's reason.
   * Caveat: with a selector, a version of an object outside it is only reached by the next event or bookmark.
   */
  async waitForVersion(
    version: string,
    options: { readonly signal: AbortSignal; readonly timeoutMs: number },
  ): Promise<boolean> {
    if (this.#includes(version)) return true
    const { clock } = this.#options
    const name = `${this.resource.plural} reaching version ${version}`
    try {
      await withDeadline({ clock, ms: options.timeoutMs, name, signal: options.signal }, (signal) =>
        this.#untilVersion(version, signal),
      )
      return true
    } catch (error) {
      if (options.signal.aborted) throw error
      return false
    }
  }

  #includes(version: string): boolean {
    return this.#synced && !isNewer(version, this.#version)
  }

  async #untilVersion(version: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    await new Promise<void>((resolve, reject) => {
      const stop = () => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter)
        reject(signal.reason)
      }
      const waiter: VersionWaiter = {
        version,
        resolve: () => {
          signal.removeEventListener('abort', stop)
          resolve()
        },
      }
      signal.addEventListener('abort', stop, { once: true })
      this.#waiters.push(waiter)
    })
  }

  #replace(objects: readonly T[], version: string): void {
    const changes = this.#store.replace(objects)
    if (this.#synced) this.#options.observer?.onRelist(this.resource.plural, changes.length)
    // A list is the truth even with a lower version (a restored backup): what was awaited will never come.
    if (isNewer(this.#version, version)) this.#ownWrites.clear()
    this.#version = version
    this.#synced = true
    for (const change of changes) this.#tellAll(change)
    this.#settle()
  }

  #apply(events: readonly WatchEvent<T>[]): void {
    this.#options.observer?.onEvents(this.resource.plural, events.length)
    for (const event of events) {
      const version =
        event.type === 'BOOKMARK' ? event.resourceVersion : event.object.metadata.resourceVersion
      if (version !== undefined && isNewer(version, this.#version)) this.#version = version
      if (event.type === 'BOOKMARK') continue
      const changes =
        event.type === 'DELETED' ? this.#store.remove(event.object) : this.#store.put(event.object)
      for (const change of changes) this.#tellAll(change)
    }
    this.#settle()
  }

  /** Lets go of what was waiting for the version reached by now. */
  #settle(): void {
    for (const [key, version] of this.#ownWrites) {
      if (this.#includes(version)) this.#ownWrites.delete(key)
    }
    if (this.#waiters.length === 0) return
    const reached = this.#waiters.filter((waiter) => this.#includes(waiter.version))
    this.#waiters = this.#waiters.filter((waiter) => !reached.includes(waiter))
    for (const waiter of reached) waiter.resolve()
  }

  #tellAll(change: Change<T>): void {
    for (const handler of this.#handlers) this.#tell(handler, change)
  }

  #tell(handler: ChangeHandler<T>, change: Change<T>): void {
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
