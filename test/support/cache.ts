import type { ChangeHandler, Informer } from '../../core/kube/informer.ts'
import {
  identityOf,
  isNewer,
  keyOf,
  refOf,
  type KubeObject,
  type Resource,
} from '../../core/kube/resource.ts'
import { Store, type InvalidObject, type StoreChange, type Indexer } from '../../core/kube/store.ts'

/**
 * A cache that a test fills by hand: the store and the handlers of an informer, without an API
 * server behind.
 */
export class Cache<T extends KubeObject> {
  readonly resource: Resource<T>
  readonly #store: Store<T>
  readonly #handlers: ChangeHandler<T>[] = []
  readonly #ownWrites = new Map<string, T>()
  /** True while own writes have not come back. */
  behind = false

  constructor(
    resource: Resource<T>,
    indexers: Readonly<Record<string, Indexer<T>>> = {},
    check?: (object: T) => string | undefined,
  ) {
    this.resource = resource
    this.#store = new Store({ indexers, check })
  }

  /** The same, for who wants an informer. */
  get informer(): Informer<T> {
    return this as unknown as Informer<T>
  }

  put(...objects: readonly T[]): void {
    for (const object of objects) this.#tell(this.#store.put(this.#store.read(object)))
  }

  remove(object: T): void {
    this.#tell(this.#store.remove(identityOf(object)))
  }

  get(namespace: string, name: string): T | undefined {
    return this.#store.get(keyOf({ namespace, name }))
  }

  list(): readonly T[] {
    return [...this.#store.values()]
  }

  invalidAt(key: string): InvalidObject | undefined {
    return this.#store.invalidAt(key)
  }

  byIndex(index: string, value: string): readonly T[] {
    return this.#store.byIndex(index, value)
  }

  get size(): number {
    return this.#store.size
  }

  onChange(handler: ChangeHandler<T>): void {
    this.#handlers.push(handler)
    for (const object of this.#store.values())
      handler(refOf(keyOf(object.metadata)), object, undefined)
  }

  isBehind(): boolean {
    return this.behind
  }

  /** The test itself puts the objects that come back. */
  noteWrite(object: T | undefined): void {
    if (object !== undefined) this.#ownWrites.set(keyOf(object.metadata), object)
  }

  newest(namespace: string, name: string): T | undefined {
    const own = this.behind ? this.#ownWrites.get(keyOf({ namespace, name })) : undefined
    const cached = this.get(namespace, name)
    const versionOf = (object: T | undefined) => object?.metadata.resourceVersion ?? ''
    return isNewer(versionOf(own), versionOf(cached)) ? own : cached
  }

  unseen(): Iterable<T> {
    return this.behind ? this.#ownWrites.values() : []
  }

  async waitUntilGone({ metadata }: KubeObject): Promise<boolean> {
    return !this.#store.has(keyOf(metadata), metadata.uid ?? '')
  }

  #tell(changes: readonly StoreChange<T>[]): void {
    for (const { key, object, previous } of changes)
      for (const handler of this.#handlers) handler(refOf(key), object, previous)
  }
}

/** The next version of an object. */
export function newer<T extends KubeObject>(object: T): T {
  const resourceVersion = String(Number(object.metadata.resourceVersion) + 1)
  return { ...object, metadata: { ...object.metadata, resourceVersion } }
}

/** An audit that holds everything at once. */
export const calmAudit = {
  trail: () => ({ stored: 0, pending: [] }),
  take: () => undefined,
  holds: () => true,
  append: () => undefined,
}
