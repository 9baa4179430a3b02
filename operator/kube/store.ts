import { isNewer, keyOf, type KubeObject } from './resource.ts'

/** Computes the values under which an object is found in an index. Must be pure. */
export type Indexer<T> = (object: T) => readonly string[]

/** One change of a store: absent `object` means deleted, absent `previous` means new. */
export interface Change<T> {
  readonly key: string
  readonly object: T | undefined
  readonly previous: T | undefined
}

/**
 * Objects by key with secondary indexes.
 * Guarantees: an older version never replaces a newer one of the same object; an object that was deleted and made again
 * under its name shows as two changes, a deletion and an addition.
 */
export class Store<T extends KubeObject> {
  readonly #objects = new Map<string, T>()
  readonly #indexers: ReadonlyMap<string, Indexer<T>>
  readonly #indexes = new Map<string, Map<string, Set<string>>>()

  constructor(indexers: Readonly<Record<string, Indexer<T>>> = {}) {
    this.#indexers = new Map(Object.entries(indexers))
    for (const name of this.#indexers.keys()) this.#indexes.set(name, new Map())
  }

  get size(): number {
    return this.#objects.size
  }

  get(key: string): T | undefined {
    return this.#objects.get(key)
  }

  values(): readonly T[] {
    return [...this.#objects.values()]
  }

  /** Errors: throws for an index that was never declared; an empty answer would hide the slip. */
  byIndex(index: string, value: string): readonly T[] {
    const entries = this.#indexes.get(index)
    if (entries === undefined) throw new RangeError(`there is no index ${index}`)
    const found: T[] = []
    for (const key of entries.get(value) ?? []) {
      const object = this.#objects.get(key)
      if (object !== undefined) found.push(object)
    }
    return found
  }

  /** Takes an added or modified object. */
  put(object: T): readonly Change<T>[] {
    const key = keyOf(object.metadata)
    const previous = this.#objects.get(key)
    if (previous !== undefined && !isNewer(versionOf(object), versionOf(previous))) return []
    return this.#set(key, object, previous)
  }

  /** Takes a deleted object; ignored if the name holds a newer one by now. */
  remove(object: T): readonly Change<T>[] {
    const key = keyOf(object.metadata)
    const previous = this.#objects.get(key)
    if (previous === undefined || isNewer(versionOf(previous), versionOf(object))) return []
    return this.#drop(key, previous)
  }

  /** Takes the answer of a list, which is right even where its versions are lower (a restored backup). */
  replace(objects: readonly T[]): readonly Change<T>[] {
    const changes: Change<T>[] = []
    const present = new Set<string>()
    for (const object of objects) {
      const key = keyOf(object.metadata)
      present.add(key)
      const previous = this.#objects.get(key)
      if (
        previous === undefined ||
        versionOf(previous) !== versionOf(object) ||
        previous.metadata.uid !== object.metadata.uid
      ) {
        changes.push(...this.#set(key, object, previous))
      }
    }
    for (const [key, previous] of this.#objects) {
      if (!present.has(key)) changes.push(...this.#drop(key, previous))
    }
    return changes
  }

  #set(key: string, object: T, previous: T | undefined): readonly Change<T>[] {
    if (previous !== undefined) this.#unindex(key, previous)
    this.#objects.set(key, object)
    for (const [name, indexer] of this.#indexers) {
      const entries = this.#indexes.get(name)
      for (const value of indexer(object)) {
        const keys = entries?.get(value)
        if (keys === undefined) entries?.set(value, new Set([key]))
        else keys.add(key)
      }
    }
    return previous !== undefined && previous.metadata.uid !== object.metadata.uid
      ? [
          { key, object: undefined, previous },
          { key, object, previous: undefined },
        ]
      : [{ key, object, previous }]
  }

  #drop(key: string, previous: T): readonly Change<T>[] {
    this.#unindex(key, previous)
    this.#objects.delete(key)
    return [{ key, object: undefined, previous }]
  }

  #unindex(key: string, object: T): void {
    for (const [name, indexer] of this.#indexers) {
      const entries = this.#indexes.get(name)
      for (const value of indexer(object)) {
        const keys = entries?.get(value)
        keys?.delete(key)
        // Without this an index by uid would grow for ever.
        if (keys?.size === 0) entries?.delete(value)
      }
    }
  }
}

function versionOf(object: KubeObject): string {
  return object.metadata.resourceVersion ?? ''
}
