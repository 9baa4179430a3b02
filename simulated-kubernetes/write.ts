import type { FieldOwners } from './apply/owners.ts'
import { keyFor, type StoreAct, type ObjectStore } from './store.ts'
import { type Fields, isEqual, isFields, shared, without } from './json.ts'
import type { ServedKind } from './kind.ts'
import { duplicatesIn, problemsOf } from './schema.ts'
import {
  type StoredMetadata,
  metadataChangeProblems,
  metadataProblems,
  type StoredObject,
  generatedName,
} from './metadata.ts'
import {
  alreadyExists,
  conflict,
  type FieldProblem,
  invalid,
  invalidValue,
  modified,
  notFound,
  otherThanMeant,
  Refusal,
  terminating,
} from './refusal.ts'
import { conforming, type Draft, type Target, typeOf } from './request.ts'
import { brokenRules } from './rules.ts'
import { scaleProblems } from './scale.ts'

/**
 * Makes an object from the draft that a client sent.
 * Errors: 404 for a namespace that is not there, 409 when the name is taken, 422 for fields that
 * the kind forbids.
 */
export function createObject(
  store: ObjectStore,
  target: Target,
  draft: Draft,
  act: StoreAct,
): StoredObject {
  const { kind, namespace } = target
  if (act.verb === 'create' && draft.metadata.resourceVersion !== undefined) {
    throw new Refusal(
      500,
      'InternalError',
      'resourceVersion should not be set on objects to be created',
    )
  }
  const object = newObject(store, target, draft)
  const { metadata } = object
  refuseLifeless(store, target, metadata.name)
  const problems = kind.isCustom
    ? customProblems(kind, object)
    : (kind.verbs.problems?.(object) ?? [])
  const all = [...problems, ...metadataProblems(metadata)]
  if (all.length > 0) throw invalid(kind, metadata.name, all)
  const collection = store.of(kind)
  const key = keyFor(kind.namespaced ? namespace : undefined, metadata.name)
  const present = collection.get(key)
  if (present !== undefined) {
    const refusal = alreadyExists(kind, metadata.name)
    if (present.metadata.deletionTimestamp === undefined) throw refusal
    throw new Refusal(
      409,
      'AlreadyExists',
      `object is being deleted: ${refusal.message}`,
      refusal.status.details,
    )
  }
  const made = store.put(kind, object, undefined, act)
  // The status is dropped before it is stored, and its default filled in when it is read.
  const hasDefault = kind.hasStatus && kind.schema.properties.get('status')?.hasDefault === true
  if (hasDefault && !act.isDry) collection.unwritten.add(key)
  return made
}

function newObject(store: ObjectStore, target: Target, draft: Draft): StoredObject {
  const { kind, namespace } = target
  const { metadata: sent } = draft
  // Replaced when it is stored; a dry run shows it.
  const { resourceVersion } = sent
  const metadata: StoredMetadata = {
    name:
      sent.name ||
      (sent.generateName ? generatedName(sent.generateName, () => store.random.next()) : ''),
    ...(sent.generateName ? { generateName: sent.generateName } : {}),
    ...(kind.namespaced ? { namespace } : {}),
    uid: store.random.uuid(),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
    ...(kind.hasGeneration ? { generation: 1 } : {}),
    creationTimestamp: store.time,
    ...(sent.labels ? { labels: sent.labels } : {}),
    ...(sent.annotations ? { annotations: sent.annotations } : {}),
    ...(sent.ownerReferences ? { ownerReferences: sent.ownerReferences } : {}),
    ...(sent.finalizers ? { finalizers: sent.finalizers } : {}),
  }
  const dropped = kind.isCustom && kind.hasStatus ? without(draft.fields, 'status') : draft.fields
  const fields = conforming(kind, dropped, undefined)
  const object: StoredObject = { ...fields, ...typeOf(kind), metadata }
  return kind.verbs.prepare?.(object) ?? object
}

/** In a namespace that is not there, or that is going, nothing is made. */
function refuseLifeless(store: ObjectStore, { kind, namespace }: Target, name: string): void {
  if (!kind.namespaced) return
  const found = store.of({ group: '', plural: 'namespaces' }).get(namespace)
  if (found === undefined) throw notFound({ group: '', plural: 'namespaces' }, namespace)
  if (found.metadata.deletionTimestamp === undefined) return
  throw terminating(kind, name, namespace)
}

/** Every problem of an object of a CRD. `old` is the object that it replaces. */
function customProblems(
  kind: ServedKind,
  object: StoredObject,
  old?: StoredObject,
): readonly FieldProblem[] {
  const fields = forSchema(object)
  const before = old === undefined ? undefined : forSchema(old)
  const problems = [...problemsOf(fields, kind.schema, '', before), ...scaleProblems(kind, object)]
  return withRules(kind, fields, before, problems)
}

/** The same for the status alone, whose errors do not look at the rest. */
function customStatusProblems(
  kind: ServedKind,
  object: StoredObject,
  old: StoredObject,
): readonly FieldProblem[] {
  const schema = kind.schema.properties.get('status')
  const problems =
    schema === undefined || object['status'] === undefined
      ? []
      : problemsOf(object['status'], schema, '', old['status']).map((problem) => ({
          ...problem,
          field: problem.field === '' ? 'status' : `status.${problem.field}`,
        }))
  const numbers = scaleProblems(kind, object).filter(({ field }) => field.startsWith('.status'))
  return withRules(kind, forSchema(object), forSchema(old), [...problems, ...numbers])
}

const blocking = new Set([
  'FieldValueNotSupported',
  'FieldValueRequired',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueTypeInvalid',
])

function withRules(
  kind: ServedKind,
  fields: Fields,
  before: Fields | undefined,
  problems: readonly FieldProblem[],
): readonly FieldProblem[] {
  const twice = duplicatesIn(fields, kind.schema, '', before)
  if (problems.some(({ reason }) => blocking.has(reason))) {
    const text =
      'Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation'
    return [...problems, ...twice, { reason: 'FieldValueInvalid', field: '<nil>', text }]
  }
  return [...problems, ...twice, ...brokenRules(fields, kind.schema, '', before)]
}

/** Metadata is checked elsewhere; rules may read its name. */
function forSchema(object: StoredObject): Fields {
  return isFields(object) ? object : {}
}

/** The result of an update. */
interface Updated {
  readonly object: StoredObject
  readonly isNew: boolean
}

/**
 * Replaces an object, or its status, by the draft that `draftOf` makes of the present one.
 * Errors: 404, 409 for an old version or another object, 422.
 */
export function updateObject(
  store: ObjectStore,
  target: Target,
  draftOf: (
    old: StoredObject | undefined,
  ) => Draft | { readonly draft: Draft; readonly owners: FieldOwners },
  asked: StoreAct,
): Updated {
  const { kind, name } = target
  const key = keyFor(kind.namespaced ? target.namespace : undefined, name)
  const old = store.of(kind).get(key)
  const isStatus = target.subresource === 'status'
  if (old === undefined) {
    const mayCreate = (kind.createsOnUpdate || asked.writer.operation === 'Apply') && !isStatus
    if (!mayCreate) throw notFound(kind, name)
    const { draft, act } = drafted(draftOf(undefined), asked)
    if (draft.metadata.uid !== undefined) throw otherUid(target, draft.metadata.uid, '', act)
    const fresh = { fields: draft.fields, metadata: { ...draft.metadata, name } }
    return { object: createObject(store, target, fresh, act), isNew: true }
  }
  const { draft, act } = drafted(draftOf(old), asked)
  refuseStale(target, draft.metadata, old, act)
  const next = isStatus ? nextStatus(kind, draft, old) : nextObject(kind, draft, old)
  const isWritten = !store.of(kind).unwritten.has(key)
  if (next === old && act.owners === undefined && isWritten) return { object: old, isNew: false }
  const problems = isStatus
    ? [
        ...metadataChangeProblems(next.metadata, old.metadata),
        ...(kind.isCustom ? customStatusProblems(kind, next, old) : []),
      ]
    : [
        ...metadataProblems(next.metadata),
        ...metadataChangeProblems(next.metadata, old.metadata),
        ...(kind.isCustom
          ? customProblems(kind, next, old)
          : [
              ...(kind.verbs.problems?.(next) ?? []),
              ...(kind.verbs.changeProblems?.(next, old) ?? []),
            ]),
      ]
  if (problems.length > 0) throw invalid(kind, name, problems)
  if (isFreed(next, old) && kind.verbs.isHeld?.(next) !== true) {
    // The answer is the object as it would have been stored.
    const object = store.put(kind, next, old, { ...act, isDry: true })
    store.remove(kind, old, act)
    return { object, isNew: false }
  }
  const isSame = isWritten && isEqual(next, old) && store.hasSameOwners(kind, old, act)
  if (isSame) return { object: old, isNew: false }
  return { object: store.put(kind, next, old, act), isNew: false }
}

function drafted(
  result: Draft | { readonly draft: Draft; readonly owners: FieldOwners },
  act: StoreAct,
): { readonly draft: Draft; readonly act: StoreAct } {
  return 'draft' in result
    ? { draft: result.draft, act: { ...act, owners: result.owners } }
    : { draft: result, act }
}

function refuseStale(
  { kind, namespace }: Target,
  sent: StoredMetadata,
  old: StoredObject,
  act: StoreAct,
): void {
  const { name, uid, resourceVersion } = old.metadata
  if (sent.uid !== undefined && sent.uid !== uid) {
    throw otherUid({ kind, namespace, name }, sent.uid, uid ?? '', act)
  }
  if (sent.resourceVersion === undefined) {
    if (kind.updatesBlindly) return
    const problem = invalidValue('metadata.resourceVersion', 0, 'must be specified for an update')
    throw invalid({ group: kind.group, kind: kind.plural }, name, [problem])
  }
  if (sent.resourceVersion !== resourceVersion) throw conflict(kind, name, modified)
}

function otherUid(target: NamedTarget, sent: string, uid: string, act: StoreAct): Error {
  const why = `Precondition failed: UID in precondition: ${sent}, UID in object meta: ${uid}`
  return otherThanMeant(target, target.name, act, why)
}

type NamedTarget = Pick<Target, 'kind' | 'namespace' | 'name'>

function nextObject(kind: ServedKind, draft: Draft, old: StoredObject): StoredObject {
  const fields = shared(without(draft.fields, 'metadata'), without(old, 'metadata')) as Fields
  const whole: StoredObject = {
    ...conforming(kind, fields, old),
    ...typeOf(kind),
    metadata: nextMetadata(draft.metadata, old.metadata),
  }
  let next = whole
  if (kind.isCustom && kind.hasStatus) {
    const { status: _, ...rest } = whole
    next = old['status'] === undefined ? rest : { ...rest, status: old['status'] }
  }
  next = kind.verbs.change?.(next, old) ?? next
  if (!kind.hasGeneration || !changesContent(next, old, kind)) return next
  const generation = (old.metadata.generation ?? 0) + 1
  return { ...next, metadata: { ...next.metadata, generation } }
}

function nextStatus(kind: ServedKind, draft: Draft, old: StoredObject): StoredObject {
  if (!kind.isCustom) {
    const fields = shared(without(draft.fields, 'metadata'), without(old, 'metadata')) as Fields
    const metadata = nextMetadata(draft.metadata, old.metadata)
    const next = { ...conforming(kind, fields, old), ...typeOf(kind), metadata }
    return kind.verbs.changeStatus?.(next, old) ?? next
  }
  // Of a custom object only the status counts.
  const sent = { ...old, status: shared(draft.fields['status'], old['status']) }
  const { status } = conforming(kind, sent, old)
  if (status === old['status']) return old
  const { status: _, ...rest } = old
  return status === undefined ? rest : { ...rest, status }
}

/** The metadata that an update asks for, with the fields put back that it cannot change. */
function nextMetadata(sent: StoredMetadata, old: StoredMetadata): StoredMetadata {
  const metadata: StoredMetadata = {
    ...sent,
    name: sent.name,
    namespace: sent.namespace ?? old.namespace,
    uid: sent.uid ?? old.uid,
    resourceVersion: old.resourceVersion,
    generation: old.generation,
    creationTimestamp: old.creationTimestamp,
    deletionTimestamp: old.deletionTimestamp ?? sent.deletionTimestamp,
    deletionGracePeriodSeconds: sent.deletionGracePeriodSeconds ?? old.deletionGracePeriodSeconds,
    // The owners of its fields are settled when it is stored.
    managedFields: old.managedFields,
  }
  const defined = Object.fromEntries(
    Object.entries(metadata).filter(([, value]) => value !== undefined),
  )
  return shared(defined, old) as StoredMetadata
}

function changesContent(next: StoredObject, old: StoredObject, kind: ServedKind): boolean {
  const names = new Set([...Object.keys(next), ...Object.keys(old)])
  names.delete('metadata')
  if (!kind.isCustom) names.delete('status')
  for (const name of names)
    if (next[name] !== old[name] && !isEqual(next[name], old[name])) return true
  return false
}

/** The last finalizer goes, and nothing else keeps the object. */
function isFreed(next: StoredObject, old: StoredObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds } = old.metadata
  if (deletionTimestamp === undefined || (next.metadata.finalizers ?? []).length > 0) return false
  return (deletionGracePeriodSeconds ?? 0) === 0
}
