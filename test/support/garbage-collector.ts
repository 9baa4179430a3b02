/** An object that has owners, as the garbage collector remembers it. */
interface Dependent<Kind> {
  readonly kind: Kind
  readonly name: string
  readonly namespace: string | undefined
  readonly uid: string
  readonly owners: readonly Owner[]
}

interface Owner {
  readonly kind: string
  readonly name: string
  readonly uid: string
}

/** The metadata that the garbage collector reads. */
interface Metadata {
  readonly name: string
  readonly namespace?: string | undefined
  readonly uid?: string | undefined
  readonly ownerReferences?: readonly Owner[] | undefined
}

/** The cluster as the garbage collector reaches it. */
interface GarbageCollectorPorts<Kind> {
  /**
   * Deletes an object if it still has this uid; an object that is gone or replaced is not an error.
   */
  readonly remove: (dependent: Dependent<Kind>) => Promise<void>
  /** Calls `run` when the collector gets to it. */
  readonly soon: (run: () => void) => void
  /** Whether an owner that was never seen is there; without it, it is taken to be. */
  readonly exists?: (owner: Owner) => Promise<boolean>
  readonly onError: (error: unknown) => void
}

/**
 * The part of kube-controller-manager's garbage collector that matters here: an object whose owners
 * are gone is deleted, by uid and in the background. The lab gives it the watches of a real API
 * server, the simulator the commits of the simulated one.
 */
export class GarbageCollector<Kind> {
  readonly #ports: GarbageCollectorPorts<Kind>
  readonly #dependents = new Map<string, Dependent<Kind>>()
  readonly #present = new Set<string>()
  readonly #gone = new Set<string>()

  constructor(ports: GarbageCollectorPorts<Kind>) {
    this.#ports = ports
  }

  /**
   * Takes a change of an object. Without `kind` the object may own others and is never deleted
   * here.
   */
  see(
    type: 'ADDED' | 'MODIFIED' | 'DELETED',
    kind: Kind | undefined,
    { uid = '', name, namespace, ownerReferences: owners = [] }: Metadata,
  ): void {
    if (type === 'DELETED') {
      this.#present.delete(uid)
      this.#dependents.delete(uid)
      this.#gone.add(uid)
      this.#ports.soon(() => this.#collect(uid))
      return
    }
    this.#present.add(uid)
    if (kind === undefined || owners.length === 0 || this.#dependents.has(uid)) return
    const dependent = { kind, name, namespace, uid, owners }
    this.#dependents.set(uid, dependent)
    for (const owner of owners) {
      // Made for an owner that was deleted a moment before.
      if (this.#gone.has(owner.uid)) this.#ports.soon(() => this.#collect(owner.uid))
      else if (!this.#present.has(owner.uid)) void this.#ask(dependent, owner)
    }
  }

  /** An owner that was never seen may still come, or may have gone before the watches began. */
  async #ask(dependent: Dependent<Kind>, owner: Owner): Promise<void> {
    const { exists, onError } = this.#ports
    try {
      if ((await exists?.(owner)) === false) await this.#ports.remove(dependent)
    } catch (error) {
      onError(error)
    }
  }

  /** In the order of names, so that a simulated run depends on its story alone. */
  #collect(owner: string): void {
    const { remove, onError } = this.#ports
    const orphans = [...this.#dependents.values()].filter(
      ({ owners }) =>
        owners.some(({ uid }) => uid === owner) && owners.every(({ uid }) => this.#gone.has(uid)),
    )
    for (const orphan of orphans.toSorted((a, b) => (a.name < b.name ? -1 : 1)))
      remove(orphan).catch(onError)
  }
}
