import type { Clock, Random } from '../../../operator/kube/ports.ts'
import type { KubeObject } from '../../../operator/kube/resource.ts'
import { Collection, type Commit, keyOfObject } from './collection.ts'
import { frozen } from './json.ts'
import { storageOf, type Kind } from './kind.ts'
import type { StoredObject } from './metadata.ts'

/** Who does something, and how: for counting, and for the ownership of fields. */
export interface Act {
  readonly user: string
  /** create, update, patch, apply, delete. */
  readonly verb: string
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
  }) {
    this.clock = options.clock
    this.random = options.random
    this.#historyLimit = options.historyLimit
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
  put(kind: Kind, object: KubeObject, previous: StoredObject | undefined, act: Act): StoredObject {
    return this.#commit(kind, previous === undefined ? 'ADDED' : 'MODIFIED', object, previous, act)
  }

  /** Removes an object under a new revision and tells everybody. Returns its last state under that revision. */
  remove(kind: Kind, object: StoredObject, act: Act): StoredObject {
    return this.#commit(kind, 'DELETED', object, object, act)
  }

  /** Forgets all changes up to now: watches can no longer start from an older revision. */
  compact(): void {
    for (const collection of this.#collections.values()) collection.compact(this.#revision)
  }

  #commit(
    kind: Kind,
    type: Commit['type'],
    object: KubeObject,
    previous: StoredObject | undefined,
    act: Act,
  ): StoredObject {
    this.#revision += 1
    const revision = this.#revision
    const stored = frozen({
      ...object,
      metadata: { ...object.metadata, resourceVersion: String(revision) },
    }) as StoredObject
    this.of(kind).commit({ revision, type, key: keyOfObject(stored), object: stored, previous })
    if (this.#listeners.length > 0) {
      const { group, plural } = kind
      const resource = { group, plural }
      const report = { revision, type, resource, object: stored, previous, ...act }
      for (const listener of this.#listeners) listener(report)
    }
    return stored
  }
}
