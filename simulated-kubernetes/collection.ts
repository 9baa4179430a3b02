import type { KubeObject } from '../core/kube/resource.ts'
import type { StoredObject } from './metadata.ts'

/** One committed change of one object. */
export interface Commit {
  readonly revision: number
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly key: string
  /** The object after it; for a deletion the last state, under the revision of the deletion. */
  readonly object: StoredObject
  readonly previous: StoredObject | undefined
  /** The lines by which watches tell it, made once for all that tell the same. */
  lines: Map<string, Buffer> | undefined
}

/** Whoever wants to hear of commits as they happen. */
export interface Follower {
  follow(commit: Commit): void
}

/**
 * All objects of one kind by key, in key order, with the changes that led here.
 * Objects are immutable: a change replaces the whole object, and everybody may keep what they got.
 */
export class Collection {
  readonly #objects = new Map<string, StoredObject>()
  readonly followers = new Set<Follower>()
  /** Keys of objects that are shown with a default which was never written: the next write of theirs is a change. */
  readonly unwritten = new Set<string>()
  #sorted: readonly string[] | undefined
  #history: Commit[] = []
  #historyLimit: number
  /** Watches from this revision on can be served; the changes up to it are forgotten. */
  #forgotten: number

  constructor(options: { readonly historyLimit: number; readonly revision: number }) {
    this.#historyLimit = options.historyLimit
    this.#forgotten = options.revision
  }

  get size(): number {
    return this.#objects.size
  }

  /** The oldest revision that a watch may start from. */
  get forgotten(): number {
    return this.#forgotten
  }

  get(key: string): StoredObject | undefined {
    return this.#objects.get(key)
  }

  /** All objects in key order. */
  values(): readonly StoredObject[] {
    return this.#keys().map((key) => this.#objects.get(key) as StoredObject)
  }

  /** Objects whose key starts so, in key order; `''` means all. */
  under(prefix: string): readonly StoredObject[] {
    if (prefix === '') return this.values()
    const keys = this.#keys()
    const found: StoredObject[] = []
    for (let index = firstAtLeast(keys, prefix); index < keys.length; index += 1) {
      const key = keys[index] as string
      if (!key.startsWith(prefix)) break
      found.push(this.#objects.get(key) as StoredObject)
    }
    return found
  }

  /** Shows all objects another way from now on, without a change of theirs: what a new schema makes of old objects. */
  reread(reading: (object: StoredObject) => StoredObject): void {
    for (const [key, object] of this.#objects) this.#objects.set(key, reading(object))
  }

  commit(commit: Commit): void {
    const { key, type, object } = commit
    this.unwritten.delete(key)
    if (type === 'DELETED') {
      this.#objects.delete(key)
      this.#sorted = undefined
    } else {
      if (type === 'ADDED') this.#sorted = undefined
      this.#objects.set(key, object)
    }
    this.#history.push(commit)
    // Cut in halves, so that most commits cost nothing.
    if (this.#history.length > this.#historyLimit * 2) this.#forget(this.#historyLimit)
    for (const follower of this.followers) follower.follow(commit)
  }

  /** Changes after a revision, or undefined when they are forgotten. */
  since(revision: number): readonly Commit[] | undefined {
    if (revision < this.#forgotten) return undefined
    const history = this.#history
    let start = history.length
    while (start > 0 && (history[start - 1] as Commit).revision > revision) start -= 1
    return start === history.length ? [] : history.slice(start)
  }

  /** The objects as they were at a revision, by key, or undefined when that is forgotten. */
  at(revision: number): ReadonlyMap<string, StoredObject> | undefined {
    const changes = this.since(revision)
    if (changes === undefined) return undefined
    const objects = new Map(this.#objects)
    for (const { key, previous } of changes.toReversed()) {
      if (previous === undefined) objects.delete(key)
      else objects.set(key, previous)
    }
    return objects
  }

  /** Forgets all changes up to a revision. */
  compact(revision: number): void {
    this.#history = this.#history.filter((commit) => commit.revision > revision)
    if (revision > this.#forgotten) this.#forgotten = revision
  }

  #forget(keep: number): void {
    const dropped = this.#history.splice(0, this.#history.length - keep)
    this.#forgotten = dropped.at(-1)?.revision ?? this.#forgotten
  }

  #keys(): readonly string[] {
    this.#sorted ??= [...this.#objects.keys()].toSorted()
    return this.#sorted
  }
}

/** Where an object is kept: by namespace, then name, in the order in which etcd lists them. */
export function keyFor(namespace: string | undefined, name: string): string {
  return namespace ? `${namespace}/${name}` : name
}

/** The same, of an object. */
export function keyOfObject({ metadata }: KubeObject): string {
  return keyFor(metadata.namespace, metadata.name)
}

function firstAtLeast(keys: readonly string[], wanted: string): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((keys[middle] as string) < wanted) low = middle + 1
    else high = middle
  }
  return low
}
