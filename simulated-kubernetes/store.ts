import type { Clock, Random } from '../core/base/clock.ts'
import type { KubeObject } from '../core/kube/resource.ts'
import {
  type FieldOwners,
  Ownership,
  type Writer,
  areSameOwners,
  encodeOwners,
} from './apply/owners.ts'
import { frozen } from './json.ts'
import { type ServedKind, storageOf } from './kind.ts'
import type { StoredObject } from './metadata.ts'
import { Refusal } from './refusal.ts'

/** Who does something, and how: for counting, and for the ownership of fields. */
export interface StoreAct {
  readonly user: string
  /** create, update, patch, apply, delete. */
  readonly verb: string
  /** All is done but the storing. */
  readonly isDry: boolean
  /** The request was long, so the object that it makes is measured. */
  readonly isLarge?: boolean
  /** Whose fields the change becomes. */
  readonly writer: Writer
  /** The owners of all fields afterwards, where that is known: after an apply. */
  readonly owners?: FieldOwners
}

/** A committed revision, for listeners. */
export interface CommitReport {
  readonly revision: number
  readonly type: Commit['type']
  readonly resource: { readonly group: string; readonly plural: string }
  readonly object: StoredObject
  readonly previous: StoredObject | undefined
  readonly user: string
  readonly verb: string
}

/** Everything that is stored, under one counter of revisions. */
export class ObjectStore {
  readonly clock: Clock
  readonly random: Random
  readonly ownership = new Ownership()
  readonly #showsOwners: boolean
  readonly #historyLimit: number
  readonly #collections = new Map<string, Collection>()
  readonly #listeners: ((commit: CommitReport) => void)[] = []
  #revision = 1
  #second = Number.NaN
  #time = ''

  constructor(options: {
    readonly clock: Clock
    readonly random: Random
    readonly historyLimit: number
    /** Whether objects carry `metadata.managedFields`. */
    readonly showsOwners: boolean
  }) {
    this.clock = options.clock
    this.random = options.random
    this.#historyLimit = options.historyLimit
    this.#showsOwners = options.showsOwners
  }

  get revision(): number {
    return this.#revision
  }

  /** The present as `metav1.Time`: whole seconds. */
  get time(): string {
    const second = Math.floor(this.clock.now() / 1000)
    if (second !== this.#second) {
      this.#second = second
      this.#time = `${new Date(second * 1000).toISOString().slice(0, 19)}Z`
    }
    return this.#time
  }

  of(kind: {
    readonly group: string
    readonly plural: string
    readonly storage?: string
  }): Collection {
    const storage = kind.storage ?? storageOf(kind.group, kind.plural)
    let collection = this.#collections.get(storage)
    if (collection === undefined) {
      collection = new Collection({ historyLimit: this.#historyLimit, revision: 0 })
      this.#collections.set(storage, collection)
    }
    return collection
  }

  onCommit(listener: (commit: CommitReport) => void): void {
    this.#listeners.push(listener)
  }

  /**
   * Stores an object under a new revision and calls every listener and watch. Returns the stored
   * object.
   */
  put(
    kind: ServedKind,
    object: StoredObject,
    previous: StoredObject | undefined,
    act: StoreAct,
  ): StoredObject {
    const next = this.#numbered(object, act)
    if (act.isLarge) refuseTooLong(next)
    const key = keyOfObject(next)
    const step = { before: previous, after: next, writer: act.writer, time: this.time }
    if (act.isDry) {
      return this.#finished(next, act.owners ?? this.ownership.after(kind, key, step))
    }
    if (act.owners !== undefined) this.ownership.set(kind, key, act.owners)
    else this.ownership.wrote(kind, key, step)
    return this.#commit(kind, previous === undefined ? 'ADDED' : 'MODIFIED', next, previous, act)
  }

  /** The same for a change that the server makes by itself, which changes no field's owner. */
  mark(
    kind: ServedKind,
    object: StoredObject,
    previous: StoredObject,
    act: StoreAct,
  ): StoredObject {
    const next = this.#numbered(object, act)
    return act.isDry ? frozen(next) : this.#commit(kind, 'MODIFIED', next, previous, act)
  }

  /**
   * Removes an object under a new revision and calls every listener and watch. Returns its last
   * state under that revision.
   */
  remove(kind: ServedKind, object: StoredObject, act: StoreAct): StoredObject {
    if (act.isDry) return object
    const last = this.#commit(kind, 'DELETED', this.#numbered(object, act), object, act)
    this.ownership.forget(kind, keyOfObject(object))
    return last
  }

  /**
   * Whether an act that changes nothing else would leave the owners of all fields as they are, too.
   */
  hasSameOwners(kind: ServedKind, object: StoredObject, act: StoreAct): boolean {
    const { owners } = act
    return (
      owners === undefined || areSameOwners(owners, this.ownership.of(kind, keyOfObject(object)))
    )
  }

  /** Forgets all changes up to now: watches can no longer start from an older revision. */
  compact(): void {
    for (const collection of this.#collections.values()) collection.compact(this.#revision)
  }

  #numbered(object: StoredObject, act: StoreAct): StoredObject {
    const metadata = act.isDry
      ? { ...object.metadata }
      : { ...object.metadata, resourceVersion: String(this.#revision + 1) }
    return { ...object, metadata }
  }

  /** The object as it is shown and stored. */
  #finished(object: StoredObject, owners: FieldOwners): StoredObject {
    if (this.#showsOwners) {
      const managedFields = encodeOwners(owners)
      const metadata: { managedFields?: unknown } = object.metadata
      if (managedFields.length > 0) metadata.managedFields = managedFields
      else delete metadata.managedFields
    }
    return frozen(object)
  }

  #commit(
    kind: ServedKind,
    type: Commit['type'],
    object: StoredObject,
    previous: StoredObject | undefined,
    act: StoreAct,
  ): StoredObject {
    const key = keyOfObject(object)
    const stored = this.#showsOwners
      ? this.#finished(object, this.ownership.of(kind, key))
      : frozen(object)
    this.#revision += 1
    const revision = this.#revision
    this.of(kind).commit({ revision, type, key, object: stored, previous, lines: undefined })
    if (this.#listeners.length > 0) {
      const { user, verb } = act
      const resource = { group: kind.group, plural: kind.plural }
      const report = { revision, type, resource, object: stored, previous, user, verb }
      for (const listener of this.#listeners) listener(report)
    }
    return stored
  }
}

/**
 * The most bytes that etcd takes in one request; built-in kinds are stored a little shorter than
 * they are written.
 */
const maxBytes = 1_572_864

function refuseTooLong(object: StoredObject): void {
  if (Buffer.byteLength(JSON.stringify(object)) <= maxBytes) return
  throw new Refusal(500, undefined, 'etcdserver: request is too large')
}

/** One committed change of one object. */
export interface Commit {
  readonly revision: number
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly key: string
  /** The object after it; for a deletion the last state, under the revision of the deletion. */
  readonly object: StoredObject
  readonly previous: StoredObject | undefined
  /** The lines that watches send for it, made once for all watches that send the same. */
  lines: Map<string, Buffer> | undefined
}

/** An open watch, which is called at each commit. */
export interface Follower {
  follow(commit: Commit): void
}

/**
 * All objects of one kind by key, in key order, with the changes that led here.
 * Objects are immutable: a change replaces the whole object, and readers may keep the objects that
 * they got.
 */
class Collection {
  readonly #objects = new Map<string, StoredObject>()
  readonly followers = new Set<Follower>()
  /**
   * Keys of objects that are shown with a default which was never written: the next write of theirs
   * is a change.
   */
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

  /** Reads all stored objects by a new schema from now on. This is not a change of the objects. */
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
