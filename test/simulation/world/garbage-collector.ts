import type { KubeClient } from '../../../core/kube/client.ts'
import { isConflict, isNotFound } from '../../../core/kube/errors.ts'
import type { KubeObject, Resource } from '../../../core/kube/resource.ts'
import type { SimulatedApiServer } from '../../../simulated-kubernetes/server.ts'
import type { Timeline } from './timeline.ts'

const never = new AbortController().signal
const delayMs = 150

/** kube-controller-manager's part: deletes what belongs to an owner that is gone, by uid, a moment later. */
export class GarbageCollector {
  readonly #server: SimulatedApiServer
  readonly #client: KubeClient
  readonly #timeline: Timeline
  readonly #dependents: readonly Resource[]
  readonly #gone = new Set<string>()

  constructor(options: {
    readonly server: SimulatedApiServer
    readonly client: KubeClient
    readonly timeline: Timeline
    /** Kinds that may have owners. */
    readonly dependents: readonly Resource[]
  }) {
    this.#server = options.server
    this.#client = options.client
    this.#timeline = options.timeline
    this.#dependents = options.dependents
  }

  /** Told of each change of an object. */
  onCommit(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: KubeObject): void {
    const { uid = '', ownerReferences = [] } = object.metadata
    if (type === 'DELETED') {
      this.#gone.add(uid)
      this.#timeline.after(delayMs, () => this.#collect(uid))
    } else if (type === 'ADDED') {
      // Made for an owner that was deleted a moment before.
      const late = ownerReferences.find((owner) => this.#gone.has(owner.uid))
      if (late !== undefined) this.#timeline.after(delayMs, () => this.#collect(late.uid))
    }
  }

  #collect(owner: string): void {
    for (const resource of this.#dependents)
      for (const { metadata } of this.#server.objects(resource)) {
        if (metadata.ownerReferences?.some(({ uid }) => uid === owner) !== true) continue
        const { name, namespace, uid } = metadata
        this.#client
          .delete(resource, { name, namespace, uid }, { signal: never })
          .catch((error: unknown) => {
            if (!isNotFound(error) && !isConflict(error)) throw error
          })
      }
  }
}
