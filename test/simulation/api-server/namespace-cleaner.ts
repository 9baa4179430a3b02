import type { KubeClient } from '../../../operator/kube/client.ts'
import { namespaces } from '../../../operator/kube/core.ts'
import { KubeError } from '../../../operator/kube/errors.ts'
import type { Cancel, Clock } from '../../../operator/kube/ports.ts'
import { pathOf, type KubeObject, type Resource } from '../../../operator/kube/resource.ts'
import type { CollectedServer } from './garbage-collector.ts'

const never = new AbortController().signal

/**
 * kube-controller-manager's part for namespaces that are deleted: deletes what is in them, waits for finalizers and
 * kubelets, then lets the namespace go. Runs on the injected clock; what fails is tried again.
 */
export class NamespaceCleaner {
  readonly #server: CollectedServer
  readonly #client: Pick<KubeClient, 'delete' | 'raw'>
  readonly #clock: Clock
  readonly #resources: readonly Resource[]
  readonly #delayMs: number
  #cancel: Cancel | undefined
  #isStopped = false

  constructor(options: {
    readonly server: CollectedServer
    readonly client: Pick<KubeClient, 'delete' | 'raw'>
    readonly clock: Clock
    /** The kinds that may be in a namespace. */
    readonly resources: readonly Resource[]
    /** How far its caches lag behind; 150 ms unless told. */
    readonly delayMs?: number
  }) {
    this.#server = options.server
    this.#client = options.client
    this.#clock = options.clock
    this.#resources = options.resources
    this.#delayMs = options.delayMs ?? 150
    this.#server.onCommit(({ type, object }) => {
      if (type === 'DELETED' || object.kind === 'Namespace') this.#soon()
    })
  }

  stop(): void {
    this.#isStopped = true
    this.#cancel?.()
  }

  #soon(): void {
    if (this.#isStopped) return
    this.#cancel ??= this.#clock.after(this.#delayMs, () => {
      this.#cancel = undefined
      for (const namespace of this.#server.objects(namespaces)) {
        if (namespace.metadata.deletionTimestamp !== undefined) void this.#clean(namespace)
      }
    })
  }

  async #clean(namespace: KubeObject): Promise<void> {
    const { name } = namespace.metadata
    const content = this.#resources.flatMap((resource) =>
      this.#server
        .objects(resource)
        .filter((object) => object.metadata.namespace === name)
        .map((object) => ({ resource, object })),
    )
    const writes =
      content.length === 0
        ? [async () => this.#finalize(namespace)]
        : content
            .filter(({ object }) => object.metadata.deletionTimestamp === undefined)
            .map(({ resource, object }) => async () => {
              const { uid } = object.metadata
              await this.#client.delete(resource, { ...refOf(object), uid }, { signal: never })
            })
    const results = await Promise.all(writes.map(isDone))
    if (results.includes(false)) this.#soon()
  }

  async #finalize(namespace: KubeObject): Promise<void> {
    const path = `${pathOf(namespaces, namespace.metadata)}/finalize`
    const body = { ...namespace, spec: { finalizers: [] } }
    await this.#client.raw('PUT', path, body, { signal: never })
  }
}

function refOf({ metadata }: KubeObject) {
  return { name: metadata.name, namespace: metadata.namespace }
}

async function isDone(write: () => Promise<void>): Promise<boolean> {
  try {
    await write()
    return true
  } catch (error) {
    if (error instanceof KubeError) return error.status === 404
    throw error
  }
}
