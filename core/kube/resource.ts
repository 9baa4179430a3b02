/** One entry of `ownerReferences`; the garbage collector compares the uid, not the name. */
export interface OwnerReference {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly uid: string
  readonly controller?: boolean | undefined
  readonly blockOwnerDeletion?: boolean | undefined
}

/**
 * The metadata that is used here. Fields set by the server are absent on an object that was not
 * sent yet.
 */
export interface ObjectMeta {
  readonly name: string
  readonly namespace?: string | undefined
  readonly uid?: string | undefined
  readonly resourceVersion?: string | undefined
  readonly generation?: number | undefined
  readonly creationTimestamp?: string | undefined
  readonly deletionTimestamp?: string | undefined
  readonly labels?: Readonly<Record<string, string>> | undefined
  readonly annotations?: Readonly<Record<string, string>> | undefined
  readonly finalizers?: readonly string[] | undefined
  readonly ownerReferences?: readonly OwnerReference[] | undefined
}

/** Any Kubernetes object, as parsed JSON: timestamps are RFC 3339 strings. */
export interface KubeObject {
  readonly apiVersion?: string | undefined
  readonly kind?: string | undefined
  readonly metadata: ObjectMeta
}

/** Where a kind lives in the API. The type parameter is carried for the compiler only. */
export interface Resource<T extends KubeObject = KubeObject> {
  /** Empty for the core group. */
  readonly group: string
  readonly version: string
  readonly kind: string
  /** Lower-case plural, as in the path. */
  readonly plural: string
  readonly namespaced: boolean
  /** Never set; lets `client.get(pods, …)` return a Pod. */
  readonly object?: T | undefined
}

/** Which object: `namespace` is required for namespaced kinds and ignored for others. */
export interface ObjectRef {
  readonly name: string
  readonly namespace?: string | undefined
}

/** `group/version`, or `v1` for the core group. */
export function apiVersionOf(resource: Resource): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`
}

/**
 * The URL path of a collection, an object or a subresource.
 * Errors: throws when a namespaced object is named without its namespace, before a request goes to
 * the wrong collection.
 */
export function pathOf(
  resource: Resource,
  ref: {
    readonly namespace?: string | undefined
    readonly name?: string | undefined
    readonly subresource?: string | undefined
  } = {},
): string {
  const { namespace, name, subresource } = ref
  const parts = [resource.group === '' ? 'api' : 'apis', apiVersionOf(resource)]
  if (resource.namespaced) {
    if (namespace) parts.push('namespaces', encodeURIComponent(namespace))
    else if (name !== undefined) throw new TypeError(`${resource.kind} ${name} has no namespace`)
  }
  parts.push(resource.plural)
  if (name !== undefined) {
    if (name === '') throw new TypeError(`${resource.kind} has an empty name`)
    parts.push(encodeURIComponent(name))
  }
  if (subresource !== undefined) parts.push(subresource)
  return `/${parts.join('/')}`
}

/** `namespace/name`, or `name` for cluster-scoped objects: what queues and stores are keyed by. */
export function keyOf(ref: ObjectRef): string {
  return ref.namespace ? `${ref.namespace}/${ref.name}` : ref.name
}

/** The reverse of `keyOf`. */
export function refOf(key: string): { readonly namespace: string; readonly name: string } {
  const slash = key.indexOf('/')
  return slash < 0
    ? { namespace: '', name: key }
    : { namespace: key.slice(0, slash), name: key.slice(slash + 1) }
}

/**
 * True when resource version `a` is later than `b`. Versions are comparable decimals since
 * Kubernetes 1.35 (KEP-5504).
 */
export function isNewer(a: string, b: string): boolean {
  return a.length === b.length ? a > b : a.length > b.length
}

/**
 * Key, uid and version of an object as the server sent it; each is empty where the object has none.
 * Never throws.
 */
export function identityOf(object: unknown): {
  readonly key: string
  readonly uid: string
  readonly version: string
} {
  const metadata = isRecord(object) ? object['metadata'] : undefined
  const text = (field: string): string => {
    const value = isRecord(metadata) ? metadata[field] : undefined
    return typeof value === 'string' ? value : ''
  }
  const name = text('name')
  const key = name === '' ? '' : keyOf({ namespace: text('namespace'), name })
  return { key, uid: text('uid'), version: text('resourceVersion') }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
