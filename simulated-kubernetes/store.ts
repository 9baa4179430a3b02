import type { Clock, Random } from '../core/base/clock.ts'
import { Collection, type Commit, keyOfObject } from './collection.ts'
import { frozen } from './json.ts'
import { areSameOwners, encodeOwners, type Owners, type Writer } from './apply/managers.ts'
import { storageOf, type Kind } from './kind.ts'
import type { StoredObject } from './metadata.ts'
import { Refusal } from './refusal.ts'
import { Ownership } from './ownership.ts'

/** Who does something, and how: for counting, and for the ownership of fields. */
export interface Act {
  readonly user: string
  /** create, update, patch, apply, delete. */
  readonly verb: string
  /** All is done but the storing. */
  readonly isDry: boolean
  /** The request was long: what it makes is measured. */
  readonly isLarge?: boolean
  /** Whose fields the change becomes. */
  readonly writer: Writer
  /** The owners of all fields afterwards, where that is known: after an apply. */
  readonly owners?: Owners
}

/** What is told of each commit. */
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
export class Store {
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

  /** Stores an object under a new revision and tells everybody. Returns what is stored now. */
  put(
    kind: Kind,
    object: StoredObject,
    previous: StoredObject | undefined,
    act: Act,
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
  mark(kind: Kind, object: StoredObject, previous: StoredObject, act: Act): StoredObject {
    const next = this.#numbered(object, act)
    return act.isDry ? frozen(next) : this.#commit(kind, 'MODIFIED', next, previous, act)
  }

  /** Removes an object under a new revision and tells everybody. Returns its last state under that revision. */
  remove(kind: Kind, object: StoredObject, act: Act): StoredObject {
    if (act.isDry) return object
    const last = this.#commit(kind, 'DELETED', this.#numbered(object, act), object, act)
    this.ownership.forget(kind, keyOfObject(object))
    return last
  }

  /** Whether an act that changes nothing else would leave the owners of all fields as they are, too. */
  hasSameOwners(kind: Kind, object: StoredObject, act: Act): boolean {
    const { owners } = act
    return (
      owners === undefined || areSameOwners(owners, this.ownership.of(kind, keyOfObject(object)))
    )
  }

  /** Forgets all changes up to now: watches can no longer start from an older revision. */
  compact(): void {
    for (const collection of this.#collections.values()) collection.compact(this.#revision)
  }

  #numbered(object: StoredObject, act: Act): StoredObject {
    const metadata = act.isDry
      ? { ...object.metadata }
      : { ...object.metadata, resourceVersion: String(this.#revision + 1) }
    return { ...object, metadata }
  }

  /** The object as it is shown and stored. */
  #finished(object: StoredObject, owners: Owners): StoredObject {
    if (this.#showsOwners) {
      const managedFields = encodeOwners(owners)
      const metadata: { managedFields?: unknown } = object.metadata
      if (managedFields.length > 0) metadata.managedFields = managedFields
      else delete metadata.managedFields
    }
    return frozen(object)
  }

  #commit(
    kind: Kind,
    type: Commit['type'],
    object: StoredObject,
    previous: StoredObject | undefined,
    act: Act,
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

/** What etcd takes in one request; built-in kinds are stored a little shorter than they are written. */
const maxBytes = 1_572_864

function refuseTooLong(object: StoredObject): void {
  if (Buffer.byteLength(JSON.stringify(object)) <= maxBytes) return
  throw new Refusal(500, undefined, 'etcdserver: request is too large')
}
