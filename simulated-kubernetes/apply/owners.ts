import { type Fields, isEqual } from '../json.ts'
import type { ServedKind } from '../kind.ts'
import type { StoredObject } from '../metadata.ts'
import type { Schema } from '../schema.ts'
import { compare, type Comparison, fieldsIn, merged, removed } from './compare.ts'
import {
  difference,
  emptySet,
  encodeSet,
  type FieldSet,
  hasPath,
  intersection,
  isEmpty,
  isSameSet,
  union,
  withNamedFields,
  withoutBelow,
} from './field-set.ts'

/** Who writes, and how. */
export interface Writer {
  readonly manager: string
  readonly operation: 'Apply' | 'Update'
  readonly apiVersion: string
  /** Empty for the main resource. */
  readonly subresource: string
}

/** The fields that one writer owns, and since when. */
export interface Owner extends Writer {
  readonly time: string
  readonly fields: FieldSet
}

/** All owners of an object's fields by who they are. */
export type FieldOwners = ReadonlyMap<string, Owner>

/** Two managers want one field to be different. */
export class ApplyConflict extends Error {
  override readonly name = 'ApplyConflict'
  readonly code = 'apply-conflict'
  readonly owners: readonly Owner[]

  constructor(owners: readonly Owner[]) {
    super('apply failed with conflicts')
    this.owners = owners
  }
}

/** Fields without owners. */
const ownerless: FieldSet = {
  members: new Set(['f:apiVersion', 'f:kind', 'f:metadata']),
  children: new Map([
    [
      'f:metadata',
      {
        members: new Set(
          [
            'name',
            'namespace',
            'creationTimestamp',
            'selfLink',
            'uid',
            'clusterName',
            'generation',
            'managedFields',
            'resourceVersion',
          ].map((name) => `f:${name}`),
        ),
        children: new Map(),
      },
    ],
  ]),
}

/** More writers than these that never applied are joined into one. */
const maxUpdaters = 10

function idOf({ manager, operation, apiVersion, subresource }: Writer): string {
  return JSON.stringify([manager, operation, operation === 'Apply' ? '' : apiVersion, subresource])
}

/**
 * The owners after a write that was not an apply. `reset` are fields that such a write cannot
 * change.
 */
function afterUpdate(
  owners: FieldOwners,
  before: unknown,
  after: unknown,
  options: {
    readonly schema: Schema
    readonly writer: Writer
    readonly reset: FieldSet
    readonly time: string
  },
): FieldOwners {
  const { schema, writer, reset, time } = options
  const comparison = filtered(compare(before, after, schema), reset)
  const changed = union(comparison.modified, comparison.added)
  const next = taken(owners, comparison, undefined)
  const own = difference(changed, ownerless)
  if (isEmpty(own)) return next
  const id = idOf(writer)
  const previous = next.get(id)
  const fields = previous === undefined ? own : union(previous.fields, own)
  // The Scale does not keep the time of who wrote it.
  const since = writer.subresource === 'scale' ? '' : time
  next.set(id, { ...writer, time: since, fields })
  return capped(next)
}

/**
 * The object after an apply, and the owners of its fields. Errors: `ApplyConflict`, unless forced.
 */
function afterApply(
  owners: FieldOwners,
  live: unknown,
  applied: unknown,
  options: {
    readonly schema: Schema
    readonly writer: Writer
    readonly reset: FieldSet
    readonly time: string
    readonly force: boolean
  },
): { readonly object: unknown; readonly owners: FieldOwners } {
  const { schema, writer, reset, time, force } = options
  const id = idOf(writer)
  const last = owners.get(id)
  const set = withoutBelow(fieldsIn(applied, schema), reset)
  const claimed = new Map(owners)
  claimed.set(id, { ...writer, time, fields: set })
  const object = pruned(merged(live, applied, schema), claimed, last?.fields, schema)
  const comparison = filtered(compare(live, object, schema), reset)
  const conflicts = [...claimed]
    .filter(([other]) => other !== id)
    .map(([, owner]) => ({
      ...owner,
      fields: intersection(owner.fields, union(comparison.modified, comparison.added)),
    }))
    .filter(({ fields }) => !isEmpty(fields))
  if (!force && conflicts.length > 0) throw new ApplyConflict(conflicts)
  const next = taken(claimed, comparison, id)
  const own = difference(set, ownerless)
  if (isEmpty(own)) next.delete(id)
  else {
    // A writer that changes nothing keeps its earlier time.
    const since = isEqual(live, object) ? (last?.time ?? '') : time
    next.set(id, { ...writer, time: since, fields: own })
  }
  return { object, owners: next }
}

/** The owners without the fields that were taken from them; `except` keeps its own. */
function taken(
  owners: FieldOwners,
  { added, modified, removed: gone }: Comparison,
  except: string | undefined,
): Map<string, Owner> {
  const changed = union(union(added, modified), gone)
  const next = new Map<string, Owner>()
  for (const [id, owner] of owners) {
    if (id === except) {
      next.set(id, owner)
      continue
    }
    const fields = difference(owner.fields, changed)
    if (!isEmpty(fields)) next.set(id, fields === owner.fields ? owner : { ...owner, fields })
  }
  return next
}

function filtered(comparison: Comparison, reset: FieldSet): Comparison {
  return {
    added: withoutBelow(comparison.added, reset),
    modified: withoutBelow(comparison.modified, reset),
    removed: withoutBelow(comparison.removed, reset),
  }
}

/** Removes the fields that this applier owned before and that have no owner now. */
function pruned(
  whole: unknown,
  owners: FieldOwners,
  last: FieldSet | undefined,
  schema: Schema,
): unknown {
  if (last === undefined || isEmpty(last)) return whole
  const named = (set: FieldSet) => withNamedFields(set, schema)
  const cut = removed(whole, named(last), schema)
  const owned = named(
    [...owners.values()].reduce((all, { fields }) => union(all, fields), emptySet),
  )
  const inWhole = named(fieldsIn(whole, schema))
  const kept = removed(
    whole,
    difference(inWhole, union(named(fieldsIn(cut, schema)), owned)),
    schema,
  )
  const dangling = intersection(difference(inWhole, named(fieldsIn(kept, schema))), named(last))
  return removed(whole, dangling, schema)
}

function capped(owners: Map<string, Owner>): FieldOwners {
  const updaters = [...owners].filter(([, { operation }]) => operation === 'Update')
  if (updaters.length <= maxUpdaters) return owners
  const oldest = updaters.toSorted(([, a], [, b]) => {
    if (a.time !== b.time) return a.time < b.time ? -1 : 1
    return a.manager < b.manager ? -1 : 1
  })
  const joined = oldest.slice(0, updaters.length - maxUpdaters + 1)
  const first = joined[0]?.[1]
  if (first === undefined) return owners
  for (const [id] of joined) owners.delete(id)
  const writer = { ...first, manager: 'ancient-changes', subresource: '' }
  const fields = joined.reduce((all, [, owner]) => union(all, owner.fields), emptySet)
  const time = joined.at(-1)?.[1].time ?? first.time
  owners.set(idOf(writer), { ...writer, time, fields })
  return owners
}

/** `metadata.managedFields`. */
export function encodeOwners(owners: FieldOwners): readonly Fields[] {
  const order = ({ operation, time, manager, apiVersion, subresource }: Owner) =>
    [operation, time, manager, apiVersion, subresource].join('\0')
  return [...owners.values()]
    .map((owner) => [order(owner), owner] as const)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { manager, operation, apiVersion, time, fields, subresource }]) => ({
      manager,
      operation,
      apiVersion,
      ...(time === '' ? {} : { time }),
      fieldsType: 'FieldsV1',
      fieldsV1: encodeSet(fields),
      ...(subresource === '' ? {} : { subresource }),
    }))
}

/** Whether two sets of owners own the same, whenever they came to it. */
export function areSameOwners(a: FieldOwners, b: FieldOwners): boolean {
  if (a.size !== b.size) return false
  for (const [id, { fields }] of a) {
    const other = b.get(id)
    if (other === undefined || !isSameSet(fields, other.fields)) return false
  }
  return true
}

/** A write that was not an apply, kept until the owners are asked for. */
interface Step {
  readonly before: StoredObject | undefined
  readonly after: StoredObject
  readonly writer: Writer
  readonly time: string
}

/** The owners of one object's fields, as they were last computed, and the writes since. */
interface Provenance {
  owners: FieldOwners
  readonly steps: Step[]
}

const nobody: FieldOwners = new Map()
/** After so many writes the owners are computed, so that old states do not pile up. */
const maxSteps = 16

/**
 * Who owns which field of which object. Most objects are never applied, and so nobody asks: owners
 * are computed from the states that an object went through when they are needed.
 */
export class Ownership {
  readonly #known = new Map<string, Map<string, Provenance>>()

  /** Notes a write that was not an apply. */
  wrote(kind: ServedKind, key: string, step: Step): void {
    const provenance = this.#at(kind, key)
    if (step.before === undefined) provenance.owners = nobody
    provenance.steps.push(step)
    if (provenance.steps.length > maxSteps) this.of(kind, key)
  }

  /** Notes owners that are known. */
  set(kind: ServedKind, key: string, owners: FieldOwners): void {
    const provenance = this.#at(kind, key)
    provenance.owners = owners
    provenance.steps.length = 0
  }

  /** The owners of an object that is stored. */
  of(kind: ServedKind, key: string): FieldOwners {
    const provenance = this.#known.get(kind.storage)?.get(key)
    if (provenance === undefined) return nobody
    for (const step of provenance.steps) {
      provenance.owners = ownersAfter(provenance.owners, kind, step)
    }
    provenance.steps.length = 0
    return provenance.owners
  }

  /** The owners there would be after a write that is not made. */
  after(kind: ServedKind, key: string, step: Step): FieldOwners {
    return ownersAfter(step.before === undefined ? nobody : this.of(kind, key), kind, step)
  }

  /** Forgets an object that is gone. */
  forget(kind: ServedKind, key: string): void {
    this.#known.get(kind.storage)?.delete(key)
  }

  #at(kind: ServedKind, key: string): Provenance {
    let objects = this.#known.get(kind.storage)
    if (objects === undefined) {
      objects = new Map()
      this.#known.set(kind.storage, objects)
    }
    let provenance = objects.get(key)
    if (provenance === undefined) {
      provenance = { owners: nobody, steps: [] }
      objects.set(key, provenance)
    }
    return provenance
  }
}

function ownersAfter(owners: FieldOwners, kind: ServedKind, step: Step): FieldOwners {
  const { before, after, writer, time } = step
  // An object without owners stays so until it is applied.
  if (before !== undefined && owners.size === 0) return owners
  if (writer.subresource === 'scale' && !isScaleOwned(owners, kind)) return owners
  const options = { schema: kind.schema, writer, reset: resetFields(kind, writer), time }
  return afterUpdate(owners, before ?? kind.empty, after, options)
}

/** The Scale shows the owners of its number only; a number without owners gets none. */
function isScaleOwned(owners: FieldOwners, { scale }: ServedKind): boolean {
  const parts = (scale?.specReplicasPath ?? '').replace(/^\./, '').split('.')
  const path = parts.map((part) => `f:${part}`)
  return [...owners.values()].some(({ fields }) => hasPath(fields, path))
}

/** The result of applying a part of an object. Errors: `ApplyConflict`. */
export function applied(
  owners: FieldOwners,
  kind: ServedKind,
  live: StoredObject | undefined,
  part: unknown,
  options: { readonly writer: Writer; readonly time: string; readonly force: boolean },
): { readonly object: unknown; readonly owners: FieldOwners } {
  const { schema } = kind
  const { writer, time } = options
  const reset = resetFields(kind, writer)
  let known = owners
  if (live !== undefined && owners.size === 0) {
    const first: Writer = { ...writer, manager: 'before-first-apply', operation: 'Update' }
    known = afterUpdate(owners, kind.empty, live, { schema, writer: first, reset, time })
  }
  return afterApply(known, live ?? kind.empty, part, { schema, reset, ...options })
}

const nothing: FieldSet = { members: new Set(), children: new Map() }
const statusField: FieldSet = { members: new Set(['f:status']), children: new Map() }
const allButStatus: FieldSet = { members: new Set(['f:metadata', 'f:spec']), children: new Map() }

/** Fields that a write cannot change, and so never owns. */
function resetFields(kind: ServedKind, { subresource }: Writer): FieldSet {
  if (subresource === 'status') return kind.isCustom ? allButStatus : nothing
  return kind.hasStatus ? statusField : nothing
}
