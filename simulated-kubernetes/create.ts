import { keyFor } from './collection.ts'
import { conforming, type Draft, typeOf } from './draft.ts'
import { type Fields, isFields, without } from './json.ts'
import type { Kind } from './kind.ts'
import { metadataProblems, type Metadata, type StoredObject } from './metadata.ts'
import { generatedName } from './names.ts'
import {
  alreadyExists,
  type FieldProblem,
  invalid,
  notFound,
  Refusal,
  terminating,
} from './refusal.ts'
import type { Target } from './request.ts'
import { brokenRules } from './rules.ts'
import { scaleProblems } from './scale.ts'
import { duplicatesIn } from './list-keys.ts'
import { problemsOf } from './schema-problems.ts'
import type { Act, Store } from './store.ts'

/**
 * Makes an object from what a client sent.
 * Errors: 404 for a namespace that is not there, 409 when the name is taken, 422 for what the kind forbids.
 */
export function createObject(store: Store, target: Target, draft: Draft, act: Act): StoredObject {
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

function newObject(store: Store, target: Target, draft: Draft): StoredObject {
  const { kind, namespace } = target
  const { metadata: sent } = draft
  // Replaced when it is stored; a dry run shows it.
  const { resourceVersion } = sent
  const metadata: Metadata = {
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
export function refuseLifeless(store: Store, { kind, namespace }: Target, name: string): void {
  if (!kind.namespaced) return
  const found = store.of({ group: '', plural: 'namespaces' }).get(namespace)
  if (found === undefined) throw notFound({ group: '', plural: 'namespaces' }, namespace)
  if (found.metadata.deletionTimestamp === undefined) return
  throw terminating(kind, name, namespace)
}

/** Everything that is wrong with an object of a CRD; `old` is what it replaces. */
export function customProblems(
  kind: Kind,
  object: StoredObject,
  old?: StoredObject,
): readonly FieldProblem[] {
  const fields = forSchema(object)
  const before = old === undefined ? undefined : forSchema(old)
  const problems = [...problemsOf(fields, kind.schema, '', before), ...scaleProblems(kind, object)]
  return withRules(kind, fields, before, problems)
}

/** The same for the status alone, whose errors do not look at the rest. */
export function customStatusProblems(
  kind: Kind,
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
  kind: Kind,
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
