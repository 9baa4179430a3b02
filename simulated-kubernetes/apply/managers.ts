import { type Fields, isEqual } from '../json.ts'
import type { Schema } from '../schema.ts'
import { compare, type Comparison, fieldsIn } from './compare.ts'
import {
  difference,
  emptySet,
  encodeSet,
  type FieldSet,
  intersection,
  isEmpty,
  isSameSet,
  union,
  withNamedFields,
  withoutBelow,
} from './field-set.ts'
import { merged, removed } from './merge.ts'

/** Who writes, and how. */
export interface Writer {
  readonly manager: string
  readonly operation: 'Apply' | 'Update'
  readonly apiVersion: string
  /** Empty for the main resource. */
  readonly subresource: string
}

/** What one writer owns, and since when. */
export interface Owner extends Writer {
  readonly time: string
  readonly fields: FieldSet
}

/** All owners of an object's fields by who they are. */
export type Owners = ReadonlyMap<string, Owner>

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

/** Fields that nobody owns. */
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

/** The owners after a write that was not an apply. `reset` are fields that such a write cannot change. */
export function afterUpdate(
  owners: Owners,
  before: unknown,
  after: unknown,
  options: {
    readonly schema: Schema
    readonly writer: Writer
    readonly reset: FieldSet
    readonly time: string
  },
): Owners {
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

/** What an apply gives: the new object and who owns it. Errors: `ApplyConflict`, unless forced. */
export function afterApply(
  owners: Owners,
  live: unknown,
  applied: unknown,
  options: {
    readonly schema: Schema
    readonly writer: Writer
    readonly reset: FieldSet
    readonly time: string
    readonly force: boolean
  },
): { readonly object: unknown; readonly owners: Owners } {
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
    // Whoever changes nothing has no time of its own.
    const since = isEqual(live, object) ? (last?.time ?? '') : time
    next.set(id, { ...writer, time: since, fields: own })
  }
  return { object, owners: next }
}

/** The owners without what was taken from them; `except` keeps what it has. */
function taken(
  owners: Owners,
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

/** Removes what this applier owned before and nobody owns now. */
function pruned(
  whole: unknown,
  owners: Owners,
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

function capped(owners: Map<string, Owner>): Owners {
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
export function encodeOwners(owners: Owners): readonly Fields[] {
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
export function areSameOwners(a: Owners, b: Owners): boolean {
  if (a.size !== b.size) return false
  for (const [id, { fields }] of a) {
    const other = b.get(id)
    if (other === undefined || !isSameSet(fields, other.fields)) return false
  }
  return true
}
