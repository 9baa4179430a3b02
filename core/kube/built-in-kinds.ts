import type { V1ConfigMap, V1PodSpec, V1PodStatus, V1Secret } from '@kubernetes/client-node'
import type { KubeObject, Resource } from './resource.ts'

/**
 * A client-node model as it really looks on the wire: read-only, and timestamps are strings. Only
 * the types of that package are used, which costs nothing at run time; its serializer loses fields.
 */
type Wire<T> = T extends Date
  ? string
  : T extends readonly (infer Item)[]
    ? readonly Wire<Item>[]
    : T extends object
      ? { readonly [Key in keyof T]: Wire<T[Key]> }
      : T

export interface Pod extends KubeObject {
  readonly spec?: Wire<V1PodSpec>
  readonly status?: Wire<V1PodStatus>
}

export interface ConfigMap extends KubeObject, Omit<Wire<V1ConfigMap>, keyof KubeObject> {}

/** `data` values are base64. */
interface Secret extends KubeObject, Omit<Wire<V1Secret>, keyof KubeObject> {}

interface Namespace extends KubeObject {
  readonly status?: { readonly phase?: string }
}

/** `coordination.k8s.io/v1` Lease; the two times are MicroTime. */
export interface Lease extends KubeObject {
  readonly spec?: {
    readonly holderIdentity?: string
    readonly leaseDurationSeconds?: number
    readonly acquireTime?: string
    readonly renewTime?: string
    readonly leaseTransitions?: number
  }
}

/** `v1` ObjectReference: which object an event is about. */
export interface ObjectReference {
  readonly apiVersion?: string | undefined
  readonly kind?: string | undefined
  readonly name?: string | undefined
  readonly namespace?: string | undefined
  readonly uid?: string | undefined
}

/** `events.k8s.io/v1` Event. */
export interface Event extends KubeObject {
  readonly eventTime: string
  readonly reportingController: string
  readonly reportingInstance: string
  readonly action: string
  readonly reason: string
  readonly type: 'Normal' | 'Warning'
  readonly note?: string
  readonly regarding: ObjectReference
  readonly related?: ObjectReference
  readonly series?: { readonly count: number; readonly lastObservedTime: string }
}

/** `authentication.k8s.io/v1` TokenReview: send `spec`, read `status` of the answer. */
export interface TokenReview extends KubeObject {
  readonly spec: { readonly token: string; readonly audiences?: readonly string[] }
  readonly status?: {
    readonly authenticated?: boolean
    readonly error?: string
    readonly audiences?: readonly string[]
    readonly user?: {
      readonly username?: string
      readonly uid?: string
      readonly groups?: readonly string[]
      readonly extra?: Readonly<Record<string, readonly string[]>>
    }
  }
}

const core = { group: '', version: 'v1', namespaced: true } as const

export const pods: Resource<Pod> = { ...core, kind: 'Pod', plural: 'pods' }
export const configMaps: Resource<ConfigMap> = { ...core, kind: 'ConfigMap', plural: 'configmaps' }
export const secrets: Resource<Secret> = { ...core, kind: 'Secret', plural: 'secrets' }
export const namespaces: Resource<Namespace> = {
  ...core,
  namespaced: false,
  kind: 'Namespace',
  plural: 'namespaces',
}
export const leases: Resource<Lease> = {
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  namespaced: true,
}
export const events: Resource<Event> = {
  group: 'events.k8s.io',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  namespaced: true,
}
/** Create only; needs `create` on `tokenreviews`. */
export const tokenReviews: Resource<TokenReview> = {
  group: 'authentication.k8s.io',
  version: 'v1',
  kind: 'TokenReview',
  plural: 'tokenreviews',
  namespaced: false,
}
