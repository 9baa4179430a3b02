import { type Fields, without } from './json.ts'
import type { StoredObject } from './metadata.ts'
import type { SchemaSource } from './schema.ts'

const text: SchemaSource = { type: 'string' }
const anything: SchemaSource = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }

/** The fields of an `events.k8s.io/v1` Event, which is the form that is stored. */
export const eventSchema: Readonly<Record<string, SchemaSource>> = {
  eventTime: { ...text, nullable: true },
  series: anything,
  reportingController: text,
  reportingInstance: text,
  action: text,
  reason: text,
  regarding: anything,
  related: anything,
  note: text,
  type: text,
  deprecatedSource: anything,
  deprecatedFirstTimestamp: { ...text, nullable: true },
  deprecatedLastTimestamp: { ...text, nullable: true },
  deprecatedCount: { type: 'integer' },
}

/** The fields that field selectors of either version may name, and where they are stored. */
export const eventSelectors: ReadonlyMap<string, readonly string[]> = new Map([
  ...['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'].flatMap(
    (field): [string, string[]][] => [
      [`involvedObject.${field}`, ['regarding', field]],
      [`regarding.${field}`, ['regarding', field]],
    ],
  ),
  ['reason', ['reason']],
  ['type', ['type']],
  ['reportingComponent', ['reportingController']],
  ['reportingController', ['reportingController']],
  ['source', ['deprecatedSource', 'component']],
])

const renamed: readonly (readonly [core: string, stored: string])[] = [
  ['involvedObject', 'regarding'],
  ['message', 'note'],
  ['reportingComponent', 'reportingController'],
  ['source', 'deprecatedSource'],
  ['firstTimestamp', 'deprecatedFirstTimestamp'],
  ['lastTimestamp', 'deprecatedLastTimestamp'],
  ['count', 'deprecatedCount'],
]

/** From `v1` to the stored shape. */
export function storedEvent(object: Fields): Fields {
  const fields: Record<string, unknown> = {}
  for (const [core, stored] of renamed) {
    if (object[core] !== undefined) fields[stored] = object[core]
  }
  const rest = without(object, ...renamed.map(([core]) => core))
  return { ...rest, ...fields, apiVersion: 'events.k8s.io/v1' }
}

const converted = new WeakMap<StoredObject, StoredObject>()

/** From the stored shape to `v1`. */
export function coreEvent(object: StoredObject): StoredObject {
  const known = converted.get(object)
  if (known !== undefined) return known
  const fields: Record<string, unknown> = { ...object, apiVersion: 'v1' }
  for (const [core, stored] of renamed) {
    fields[core] =
      object[stored] ?? (core === 'firstTimestamp' || core === 'lastTimestamp' ? null : undefined)
    delete fields[stored]
    if (fields[core] === undefined) delete fields[core]
  }
  const event = Object.freeze(fields) as StoredObject
  converted.set(object, event)
  return event
}
