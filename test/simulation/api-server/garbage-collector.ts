import type { KubeClient } from '../../../operator/kube/client.ts'
import { KubeError } from '../../../operator/kube/errors.ts'
import { guarded } from '../../../operator/kube/patch.ts'
import type { Cancel, Clock } from '../../../operator/kube/ports.ts'
import {
  apiVersionOf,
  type KubeObject,
  type OwnerReference,
  type Resource,
} from '../../../operator/kube/resource.ts'
import type { CommitReport } from './store.ts'

/** The server, as far as the collector looks at it: the truth, as its caches will show it once they caught up. */
export interface CollectedServer {
  objects(resource: Pick<Resource, 'group' | 'plural'>): readonly KubeObject[]
  onCommit(listener: (commit: Pick<CommitReport, 'type' | 'object' | 'previous'>) => void): void
}

const orphan = 'orphan'
const foreground = 'foregroundDeletion'
const never = new AbortController().signal

/** One object, with the kind that it is of. */
interface Node {
  readonly resource: Resource
  readonly object: KubeObject
}

/**
 * kube-controller-manager's part: deletes what has no owner left, by uid; lets an owner that is deleted in the foreground
 * go after its dependents; takes its reference off the dependents of an owner that is to leave them alone.
 * Runs on the injected clock, a moment after each change that may concern it; a write that fails is tried again then.
 * Caveat: owners of kinds that it was not told of are taken to be there, as the real one does with kinds it cannot find.
 */
export class GarbageCollector {
  readonly #server: CollectedServer
  readonly #client: Pick<KubeClient, 'delete' | 'patch'>
  readonly #clock: Clock
  readonly #resources: readonly Resource[]
  readonly #delayMs: number
  #cancel: Cancel | undefined
  #isStopped = false
  /** How many writes it made; for tests and reports. */
  writes = 0

  constructor(options: {
    readonly server: CollectedServer
    readonly client: Pick<KubeClient, 'delete' | 'patch'>
    readonly clock: Clock
    /** Kinds that own or are owned. */
    readonly resources: readonly Resource[]
    /** How far its caches lag behind; 150 ms unless told. */
    readonly delayMs?: number
  }) {
    this.#server = options.server
    this.#client = options.client
    this.#clock = options.clock
    this.#resources = options.resources
    this.#delayMs = options.delayMs ?? 150
    this.#server.onCommit(({ type, object, previous }) => {
      const isWork = type === 'DELETED' || concerns(object)
      if (isWork || (previous !== undefined && concerns(previous))) this.#soon()
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
      void this.#pass()
    })
  }

  async #pass(): Promise<void> {
    const nodes = this.#resources.flatMap((resource) =>
      this.#server.objects(resource).map((object): Node => ({ resource, object })),
    )
    const byUid = new Map(nodes.map((node) => [node.object.metadata.uid ?? '', node]))
    const dependents = Map.groupBy(
      nodes.flatMap((node) =>
        (node.object.metadata.ownerReferences ?? []).map(({ uid }) => ({ uid, node })),
      ),
      ({ uid }) => uid,
    )
    const of = (node: Node): readonly Node[] =>
      (dependents.get(node.object.metadata.uid ?? '') ?? []).map((entry) => entry.node)
    const writes = nodes.flatMap((node) => this.#decide(node, of(node), byUid))
    this.writes += writes.length
    const results = await Promise.all(writes.map(async (write) => isDone(write)))
    if (results.includes(false)) this.#soon()
  }

  /** What one object needs now. */
  #decide(
    node: Node,
    dependents: readonly Node[],
    byUid: ReadonlyMap<string, Node>,
  ): readonly (() => Promise<unknown>)[] {
    const { deletionTimestamp, finalizers = [], ownerReferences = [] } = node.object.metadata
    if (deletionTimestamp !== undefined) {
      if (finalizers.includes(foreground)) {
        const blocking = dependents.some((each) => blocks(each, node))
        return blocking ? [] : [() => this.#release(node, foreground)]
      }
      if (!finalizers.includes(orphan)) return []
      return dependents.length > 0
        ? dependents.map((each) => () => this.#disown(each, [node.object.metadata.uid ?? '']))
        : [() => this.#release(node, orphan)]
    }
    if (ownerReferences.length === 0) return []
    const { solid, dangling, waiting } = this.#classify(node, ownerReferences, byUid)
    const lost = [...dangling, ...waiting]
    if (lost.length === 0) return []
    if (solid.length > 0) return [() => this.#disown(node, lost)]
    const isForeground = waiting.length > 0 && dependents.length > 0
    const propagation = finalizers.includes(orphan)
      ? 'Orphan'
      : isForeground || finalizers.includes(foreground)
        ? 'Foreground'
        : 'Background'
    return [() => this.#delete(node, propagation)]
  }

  #classify(
    { object }: Node,
    owners: readonly OwnerReference[],
    byUid: ReadonlyMap<string, Node>,
  ): Readonly<Record<'solid' | 'dangling' | 'waiting', readonly string[]>> {
    const found = { solid: [] as string[], dangling: [] as string[], waiting: [] as string[] }
    for (const { uid, apiVersion, kind } of owners) {
      const isKnown = this.#resources.some(
        (resource) => resource.kind === kind && apiVersionOf(resource) === apiVersion,
      )
      const owner = byUid.get(uid)
      // An owner in another namespace is none.
      const isAbsent =
        owner === undefined ||
        (owner.resource.namespaced && owner.object.metadata.namespace !== object.metadata.namespace)
      if (isAbsent) found[isKnown ? 'dangling' : 'solid'].push(uid)
      else found[isLeaving(owner) ? 'waiting' : 'solid'].push(uid)
    }
    return found
  }

  async #delete(
    { resource, object }: Node,
    propagation: 'Background' | 'Foreground' | 'Orphan',
  ): Promise<void> {
    const { name, namespace, uid, resourceVersion } = object.metadata
    const ref = { name, namespace, uid, resourceVersion, propagation }
    await this.#client.delete(resource, ref, { signal: never })
  }

  async #release({ resource, object }: Node, finalizer: string): Promise<void> {
    const { finalizers = [], resourceVersion } = object.metadata
    const rest = finalizers.filter((name) => name !== finalizer)
    const body = guarded({ '/metadata/resourceVersion': resourceVersion }, [
      { op: 'replace', path: '/metadata/finalizers', value: rest },
    ])
    await this.#client.patch(resource, object.metadata, { type: 'json', body }, { signal: never })
  }

  async #disown({ resource, object }: Node, owners: readonly string[]): Promise<void> {
    const { ownerReferences = [], resourceVersion } = object.metadata
    const rest = ownerReferences.filter(({ uid }) => !owners.includes(uid))
    const body = guarded({ '/metadata/resourceVersion': resourceVersion }, [
      { op: 'replace', path: '/metadata/ownerReferences', value: rest },
    ])
    await this.#client.patch(resource, object.metadata, { type: 'json', body }, { signal: never })
  }
}

/** Whether a change of this object may be work for the collector. */
function concerns({ metadata }: KubeObject): boolean {
  if ((metadata.ownerReferences ?? []).length > 0) return true
  if (metadata.deletionTimestamp === undefined) return false
  return metadata.finalizers?.some((name) => name === orphan || name === foreground) === true
}

/** Deleted in the foreground: it waits for its dependents. */
function isLeaving({ object }: Node): boolean {
  const { deletionTimestamp, finalizers } = object.metadata
  return deletionTimestamp !== undefined && finalizers?.includes(foreground) === true
}

function blocks({ object }: Node, owner: Node): boolean {
  return (
    object.metadata.ownerReferences?.some(
      ({ uid, blockOwnerDeletion }) =>
        uid === owner.object.metadata.uid && blockOwnerDeletion === true,
    ) === true
  )
}

/** False when somebody else was faster, or the server did not answer: it is looked at again. */
async function isDone(write: () => Promise<unknown>): Promise<boolean> {
  try {
    await write()
    return true
  } catch (error) {
    if (error instanceof KubeError) return error.status === 404
    throw error
  }
}
