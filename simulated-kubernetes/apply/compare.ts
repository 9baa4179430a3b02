import { isEqual, isFields } from '../json.ts'
import type { Schema } from '../schema.ts'
import {
  areEmpty,
  elementOf,
  fieldOf,
  type FieldSet,
  FieldSetBuilder,
  isStructField,
  shapeOf,
} from './field-set.ts'

/** The fields that differ between two states of an object. */
export interface Comparison {
  readonly added: FieldSet
  readonly modified: FieldSet
  readonly removed: FieldSet
}

/** Compares two states, field by field where the schema says so. */
export function compare(before: unknown, after: unknown, schema: Schema | undefined): Comparison {
  const comparison = {
    added: new FieldSetBuilder(),
    modified: new FieldSetBuilder(),
    removed: new FieldSetBuilder(),
  }
  walk(before, after, schema, [], comparison)
  return comparison
}

type Building = Readonly<Record<keyof Comparison, FieldSetBuilder>>

function walk(
  before: unknown,
  after: unknown,
  schema: Schema | undefined,
  path: string[],
  into: Building,
): void {
  if (before === after) return
  const shape = shapeOf(schema, after === undefined ? before : after)
  const isChanged = before !== undefined && after !== undefined && shapeOf(schema, before) !== shape
  if (shape === 'leaf' || isChanged || areEmpty(before, after)) {
    if (before === undefined) into.added.insert(path)
    else if (after === undefined) into.removed.insert(path)
    else if (!isEqual(before, after)) into.modified.insert(path)
    return
  }
  if (shape === 'map') walkMap(before, after, schema, path, into)
  else if (schema !== undefined) walkList(before, after, schema, path, into)
  if (before === undefined) into.added.insert(path)
  else if (after === undefined) into.removed.insert(path)
}

function walkMap(
  before: unknown,
  after: unknown,
  schema: Schema | undefined,
  path: string[],
  into: Building,
): void {
  const old = isFields(before) ? before : {}
  const next = isFields(after) ? after : {}
  for (const name in next) {
    if (next[name] === old[name]) continue
    path.push(`f:${name}`)
    walk(old[name], next[name], fieldOf(schema, name), path, into)
    path.pop()
  }
  for (const name in old) {
    if (next[name] !== undefined || old[name] === undefined) continue
    path.push(`f:${name}`)
    walk(old[name], undefined, fieldOf(schema, name), path, into)
    path.pop()
  }
}

function walkList(
  before: unknown,
  after: unknown,
  schema: Schema,
  path: string[],
  into: Building,
): void {
  const old = byElement(before, schema)
  const next = byElement(after, schema)
  for (const [element, item] of next) {
    path.push(element)
    walk(old.get(element), item, schema.items, path, into)
    path.pop()
  }
  for (const [element, item] of old) {
    if (next.has(element)) continue
    path.push(element)
    walk(item, undefined, schema.items, path, into)
    path.pop()
  }
}

function byElement(list: unknown, schema: Schema): ReadonlyMap<string, unknown> {
  const items = new Map<string, unknown>()
  if (Array.isArray(list)) for (const item of list) items.set(elementOf(schema, item), item)
  return items
}

/** All fields of a value, as its applier owns them. */
export function fieldsIn(value: unknown, schema: Schema | undefined): FieldSet {
  const set = new FieldSetBuilder()
  collect(value, schema, set, undefined)
  return set
}

function collect(
  value: unknown,
  schema: Schema | undefined,
  into: FieldSetBuilder,
  element: string | undefined,
): void {
  const shape = shapeOf(schema, value)
  if (shape === 'leaf') {
    if (element !== undefined) into.members.add(element)
    return
  }
  const below = (): FieldSetBuilder => (element === undefined ? into : into.at(element))
  if (shape === 'list') {
    if (!Array.isArray(value) || schema === undefined || value.length === 0) return
    const set = below()
    for (const item of value) {
      const key = elementOf(schema, item)
      collect(item, schema.items, set, key)
      set.members.add(key)
    }
    return
  }
  if (!isFields(value)) return
  for (const name in value) {
    const field = value[name]
    const key = `f:${name}`
    const set = below()
    collect(field, fieldOf(schema, name), set, key)
    const isBare = field === null || (isFields(field) && Object.keys(field).length === 0)
    if (isBare || !isStructField(schema, name)) set.members.add(key)
  }
}

/** The live value with the applied value laid over it. */
export function merged(live: unknown, applied: unknown, schema: Schema | undefined): unknown {
  if (applied === undefined) return live
  const shape = shapeOf(schema, applied)
  if (shape === 'leaf' || areEmpty(live, applied)) return applied
  if (live !== undefined && live !== null && shapeOf(schema, live) !== shape) return applied
  if (shape === 'list' && schema !== undefined) return mergedList(live, applied, schema)
  const out: Record<string, unknown> = { ...(isFields(live) ? live : {}) }
  if (isFields(applied)) {
    for (const name in applied) out[name] = merged(out[name], applied[name], fieldOf(schema, name))
  }
  return out
}

/**
 * Items keep the order of the live list among themselves, and that of the applied list where it
 * says so.
 */
function mergedList(live: unknown, applied: unknown, schema: Schema): unknown {
  const left = entriesOf(live, schema)
  const right = entriesOf(applied, schema)
  const ofLeft = new Map(left)
  const ofRight = new Map(right)
  const order = right.map(([element]) => element).filter((element) => ofLeft.has(element))
  const done = new Set<string>()
  const out: unknown[] = []
  const item = (element: string) => merged(ofLeft.get(element), ofRight.get(element), schema.items)
  let shared = order.shift()
  for (let l = 0, r = 0; l < left.length || r < right.length; ) {
    const leftElement = left[l]?.[0]
    const rightElement = right[r]?.[0]
    if (leftElement !== undefined && rightElement !== undefined) {
      if (leftElement === rightElement) {
        done.add(leftElement)
        out.push(item(leftElement))
        l += 1
        r += 1
        shared = order.shift()
        continue
      }
      if (ofRight.has(leftElement) && shared !== undefined && shared !== leftElement) {
        // Both have it, but it is not the next that both have.
        l += 1
        continue
      }
    }
    if (leftElement !== undefined) {
      if (!ofRight.has(leftElement)) {
        out.push(left[l]?.[1])
        l += 1
        continue
      }
      if (done.has(leftElement)) l += 1
    }
    if (rightElement !== undefined) {
      done.add(rightElement)
      out.push(item(rightElement))
      r += 1
      if (shared === rightElement) shared = order.shift()
    }
  }
  return out
}

function entriesOf(list: unknown, schema: Schema): readonly (readonly [string, unknown])[] {
  return Array.isArray(list)
    ? list.map((item: unknown) => [elementOf(schema, item), item] as const)
    : []
}

/** The value without the fields of a set; a value of which nothing is left becomes null. */
export function removed(value: unknown, set: FieldSet, schema: Schema | undefined): unknown {
  const shape = shapeOf(schema, value)
  if (shape === 'leaf') return typeof value === 'object' ? null : value
  if (shape === 'list' && schema !== undefined) {
    if (!Array.isArray(value)) return null
    const items: unknown[] = []
    for (const item of value) {
      const element = elementOf(schema, item)
      if (set.members.has(element)) continue
      const below = set.children.get(element)
      items.push(below === undefined ? item : removed(item, below, schema.items))
    }
    return items.length > 0 ? items : null
  }
  if (!isFields(value)) return null
  const fields: Record<string, unknown> = {}
  let count = 0
  for (const name in value) {
    const element = `f:${name}`
    if (set.members.has(element)) continue
    const below = set.children.get(element)
    fields[name] =
      below === undefined ? value[name] : removed(value[name], below, fieldOf(schema, name))
    count += 1
  }
  return count > 0 ? fields : null
}
