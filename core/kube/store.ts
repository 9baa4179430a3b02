import { identityOf, isNewer, type KubeObject } from './resource.ts'

/** Computes the values under which an object is found in an index. Must be pure. */
export type Indexer<T> = (object: T) => readonly string[]

/**
 * One change of a store: absent `object` means deleted or invalid, absent `previous` means new or
 * mended.
 */
export interface StoreChange<T> {
  readonly key: string
  readonly object: T | undefined
  readonly previous: T | undefined
}

/** An object that cannot be worked on, and a sentence saying why. */
export interface InvalidObject {
  readonly key: string
  readonly uid: string
  readonly reason: string
}

/** One object as it was read: valid, with its index values, or invalid, with the reason. */
export interface Entry<T> {
  readonly key: string
  readonly uid: string
  /** Empty where the object has none, which makes it invalid and older than everything. */
  readonly version: string
  readonly found:
    | { readonly object: T; readonly values: readonly (readonly string[])[] }
    | { readonly reason: string }
}

export interface StoreOptions<T> {
  readonly indexers?: Readonly<Record<string, Indexer<T>>> | undefined
  /** Shapes an object before it is kept. */
  readonly transform?: ((object: T) => T) | undefined
  /** Returns a sentence when the object cannot be worked on. */
  readonly check?: ((object: T) => string | undefined) | undefined
}

/**
 * Objects by key with secondary indexes.
 * Guarantees: an older version never replaces a newer one of the same object; an object that was
 * deleted and made again under its name shows as two changes, a deletion and an addition. An object
 * that cannot be read is kept apart under its key, is in no index and no list, and takes its place
 * as soon as a good version of it arrives.
 */
export class Store<T extends KubeObject> {
  readonly #options: StoreOptions<T>
  readonly #indexers: readonly Indexer<T>[]
  /** By name of the index, then by value. */
  readonly #indexes = new Map<string, Map<string, Set<string>>>()
  readonly #entries = new Map<string, Entry<T>>()
  readonly #invalid = new Map<string, InvalidObject>()

  constructor(options: StoreOptions<T> = {}) {
    this.#options = options
    const { indexers = {} } = options
    this.#indexers = Object.values(indexers)
    for (const name of Object.keys(indexers)) this.#indexes.set(name, new Map())
  }

  get size(): number {
    return this.#entries.size - this.#invalid.size
  }

  get(key: string): T | undefined {
    return objectOf(this.#entries.get(key))
  }

  /** True when the name holds this very object, invalid or not. */
  has(key: string, uid: string): boolean {
    return this.#entries.get(key)?.uid === uid
  }

  /** Copies nothing, so the store must not change during the iteration. */
  *values(): Generator<T, void, undefined> {
    for (const { found } of this.#entries.values()) if ('object' in found) yield found.object
  }

  /**
   * Errors: throws for an index that was never declared; an empty answer would hide the mistake.
   */
  byIndex(index: string, value: string): readonly T[] {
    const entries = this.#indexes.get(index)
    if (entries === undefined) throw new RangeError(`there is no index ${index}`)
    const objects: T[] = []
    for (const key of entries.get(value) ?? []) {
      const object = this.get(key)
      if (object !== undefined) objects.push(object)
    }
    return objects
  }

  invalid(): readonly InvalidObject[] {
    return [...this.#invalid.values()]
  }

  get invalidSize(): number {
    return this.#invalid.size
  }

  invalidAt(key: string): InvalidObject | undefined {
    return this.#invalid.get(key)
  }

  /** Reads what the server sent, whatever it is; never throws. */
  read(object: T): Entry<T> {
    const { key, uid, version } = identityOf(object)
    return { key, uid, version, found: this.#judge(object, key, version) }
  }

  /** Takes an added or modified object. */
  put(entry: Entry<T>): readonly StoreChange<T>[] {
    const previous = this.#entries.get(entry.key)
    const isLate = previous !== undefined && !isNewer(entry.version, previous.version)
    return isLate && entry.version !== '' ? [] : this.#set(entry, previous)
  }

  /** Takes a deleted object; ignored when a newer object has the name already. */
  remove(entry: Pick<Entry<T>, 'key' | 'version'>): readonly StoreChange<T>[] {
    const previous = this.#entries.get(entry.key)
    if (previous === undefined) return []
    const isLate = entry.version !== '' && isNewer(previous.version, entry.version)
    return isLate ? [] : this.#drop(previous)
  }

  /**
   * Takes all objects of a full reading. It is right even with lower versions (a restored backup).
   */
  replace(entries: Iterable<Entry<T>>): readonly StoreChange<T>[] {
    const changes: StoreChange<T>[] = []
    const present = new Set<string>()
    for (const entry of entries) {
      present.add(entry.key)
      const previous = this.#entries.get(entry.key)
      if (previous?.version !== entry.version || previous.uid !== entry.uid) {
        changes.push(...this.#set(entry, previous))
      }
    }
    for (const previous of this.#entries.values()) {
      if (!present.has(previous.key)) changes.push(...this.#drop(previous))
    }
    return changes
  }

  #judge(object: T, key: string, version: string): Entry<T>['found'] {
    if (key === '' || version === '') return { reason: 'it has no name or no version' }
    const { transform, check } = this.#options
    try {
      const kept = transform?.(object) ?? object
      const reason = check?.(kept)
      if (reason !== undefined) return { reason }
      return { object: kept, values: this.#indexers.map((indexer) => indexer(kept)) }
    } catch (error) {
      return {
        reason: `it cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      }
    }
  }

  #set(entry: Entry<T>, previous: Entry<T> | undefined): readonly StoreChange<T>[] {
    if (previous !== undefined) this.#forget(previous)
    const { key, uid, found } = entry
    this.#entries.set(key, entry)
    if ('reason' in found) this.#invalid.set(key, { key, uid, reason: found.reason })
    else this.#index(found.values, (keys) => keys.add(key))
    const [object, was] = [objectOf(entry), objectOf(previous)]
    return object !== undefined && was !== undefined && previous?.uid !== uid
      ? [
          { key, object: undefined, previous: was },
          { key, object, previous: undefined },
        ]
      : [{ key, object, previous: was }]
  }

  #drop(previous: Entry<T>): readonly StoreChange<T>[] {
    this.#forget(previous)
    this.#entries.delete(previous.key)
    return [{ key: previous.key, object: undefined, previous: objectOf(previous) }]
  }

  #forget({ key, found }: Entry<T>): void {
    if ('reason' in found) this.#invalid.delete(key)
    else this.#index(found.values, (keys) => keys.delete(key))
  }

  #index(values: readonly (readonly string[])[], change: (keys: Set<string>) => void): void {
    let position = 0
    for (const entries of this.#indexes.values()) {
      for (const value of values[position] ?? []) {
        const keys = entries.get(value) ?? new Set<string>()
        change(keys)
        // Without the deletion an index by uid would never shrink.
        if (keys.size === 0) entries.delete(value)
        else entries.set(value, keys)
      }
      position += 1
    }
  }
}

function objectOf<T>(entry: Entry<T> | undefined): T | undefined {
  return entry !== undefined && 'object' in entry.found ? entry.found.object : undefined
}
