import { keyFor, type StoreAct, type ObjectStore } from './store.ts'
import { type Fields, isFields } from './json.ts'
import type { StoredMetadata, StoredObject } from './metadata.ts'
import { conflict, notFound, otherThanMeant, type Status } from './refusal.ts'
import type { Target } from './request.ts'

/** `metav1.DeleteOptions`, read. */
interface DeleteOptions {
  readonly uid: string | undefined
  readonly resourceVersion: string | undefined
  readonly propagation: string | undefined
  readonly graceSeconds: number | undefined
  readonly isDry: boolean
}

/** Reads the options from a body that may be absent. */
export function readDeleteOptions(body: unknown, query: URLSearchParams): DeleteOptions {
  const fields: Fields = isFields(body) ? body : {}
  const conditions: Fields = isFields(fields['preconditions']) ? fields['preconditions'] : {}
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined)
  const grace = fields['gracePeriodSeconds'] ?? query.get('gracePeriodSeconds')
  return {
    uid: text(conditions['uid']),
    resourceVersion: text(conditions['resourceVersion']),
    propagation: text(fields['propagationPolicy']) ?? query.get('propagationPolicy') ?? undefined,
    isDry: Array.isArray(fields['dryRun']) && fields['dryRun'].includes('All'),
    graceSeconds: grace === null || grace === undefined ? undefined : Math.max(-1, Number(grace)),
  }
}

/**
 * Deletes an object, or marks it when finalizers or a grace period keep it.
 * Errors: 404, 409 when it is not the object that was meant.
 */
export function deleteObject(
  store: ObjectStore,
  target: Target,
  options: DeleteOptions,
  act: StoreAct,
): StoredObject | Status {
  const { kind, name } = target
  const key = keyFor(kind.namespaced ? target.namespace : undefined, name)
  const old = store.of(kind).get(key)
  if (old === undefined) throw notFound(kind, name)
  refuseOther(target, options, old.metadata)
  const { metadata } = old
  const isGoing = metadata.deletionTimestamp !== undefined
  if (kind.verbs.mark !== undefined && kind.verbs.isHeld?.(old) === true) {
    return isGoing ? old : store.mark(kind, kind.verbs.mark(old, store.time), old, act)
  }
  const asked = options.graceSeconds === -1 ? 1 : options.graceSeconds
  const grace = graceOf(target, old, asked)
  if (grace === 'pending') return old
  const finalizers = finalizersFor(metadata.finalizers ?? [], options.propagation)
  const isHeld = finalizers.length > 0
  if (grace === 0 && !isHeld) {
    // The real server updates the finalizers first and then compares with a version that it did not
    // get.
    if (options.resourceVersion !== undefined && (metadata.finalizers ?? []).length > 0) {
      const why = `Precondition failed: ResourceVersion in precondition: , ResourceVersion in object meta: ${metadata.resourceVersion}`
      throw otherThanMeant(target, name, act, why)
    }
    const last = store.remove(kind, old, act)
    return kind.returnsDeleted ? last : success(target, metadata)
  }
  const now = store.clock.now()
  const at = grace === 0 ? store.time : timeOf(now + grace * 1000)
  const { finalizers: _, ...others } = metadata
  const next: StoredObject = {
    ...old,
    metadata: {
      ...others,
      ...(isHeld ? { finalizers } : {}),
      deletionTimestamp: isGoing && grace === 0 ? earlier(metadata.deletionTimestamp, at) : at,
      deletionGracePeriodSeconds: grace,
      ...(!isGoing && metadata.generation !== undefined
        ? { generation: metadata.generation + 1 }
        : {}),
    },
  }
  const isUnchanged =
    isGoing &&
    next.metadata.deletionTimestamp === metadata.deletionTimestamp &&
    metadata.deletionGracePeriodSeconds === grace &&
    sameTexts(finalizers, metadata.finalizers ?? [])
  if (isUnchanged) return old
  return store.mark(kind, next, old, act)
}

function refuseOther({ kind }: Target, options: DeleteOptions, metadata: StoredMetadata): void {
  const { uid, resourceVersion } = options
  const named = { group: kind.group, plural: kind.kind }
  if (uid !== undefined && uid !== metadata.uid) {
    const why = `the UID in the precondition (${uid}) does not match the UID in record (${metadata.uid}). The object might have been deleted and then recreated`
    throw conflict(named, metadata.name, why)
  }
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
    const why = `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${metadata.resourceVersion}). The object might have been modified`
    throw conflict(named, metadata.name, why)
  }
}

/** Seconds it may take to go; `pending` when it is going already and no sooner was asked for. */
function graceOf(
  { kind }: Target,
  old: StoredObject,
  asked: number | undefined,
): number | 'pending' {
  if (kind.verbs.grace === undefined) return 0
  const { deletionTimestamp, deletionGracePeriodSeconds: left } = old.metadata
  if (deletionTimestamp === undefined) return kind.verbs.grace(old, asked) ?? 0
  if (left === undefined || left === 0) return 0
  if (asked === undefined || asked >= left) return 'pending'
  return asked
}

const ownFinalizers = ['orphan', 'foregroundDeletion']

/** The finalizers after the wish of who deletes: the garbage collector works by them. */
function finalizersFor(
  present: readonly string[],
  propagation: string | undefined,
): readonly string[] {
  const others = present.filter((name) => !ownFinalizers.includes(name))
  if (propagation === 'Foreground') return [...others, 'foregroundDeletion']
  if (propagation === 'Orphan') return [...others, 'orphan']
  if (propagation === undefined) return present
  return others.length === present.length ? present : others
}

function success({ kind, name }: Target, metadata: StoredMetadata): Status {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: {
      name,
      ...(kind.group === '' ? {} : { group: kind.group }),
      kind: kind.plural,
      ...(metadata.uid === undefined ? {} : { uid: metadata.uid }),
    },
  }
}

const timeOf = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`

function earlier(a: string | undefined, b: string): string {
  return a !== undefined && Date.parse(a) <= Date.parse(b) ? a : b
}

function sameTexts(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, index) => text === b[index])
}
