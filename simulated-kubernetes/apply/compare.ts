import { isEqual, isFields } from '../json.ts'
import type { Schema } from '../schema.ts'
import { type FieldSet, FieldSetBuilder } from './field-set.ts'
import { areEmpty, elementOf, fieldOf, isStructField, shapeOf } from './shape.ts'

/** What differs between two states of an object. */
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
