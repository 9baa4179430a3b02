import { isFields } from '../json.ts'
import { keysOf } from '../list-keys.ts'
import type { Schema } from '../schema.ts'

/** How ownership goes through a value: field by field, item by item, or not at all. */
export type Shape = 'map' | 'list' | 'leaf'

/** The shape of a value that is there; without a schema, maps are granular and lists are not. */
export function shapeOf(schema: Schema | undefined, value: unknown): Shape {
  if (Array.isArray(value))
    return schema === undefined || schema.listType === 'atomic' ? 'leaf' : 'list'
  if (isFields(value)) return schema?.isAtomicMap ? 'leaf' : 'map'
  if (value !== null || schema === undefined) return 'leaf'
  // Null takes the form that the schema gives it.
  if (schema.type === 'array') return schema.listType === 'atomic' ? 'leaf' : 'list'
  return schema.type === 'object' && !schema.isAtomicMap ? 'map' : 'leaf'
}

/** The schema of a field, or undefined where there is none. */
export function fieldOf(schema: Schema | undefined, name: string): Schema | undefined {
  return schema?.properties.get(name) ?? schema?.values
}

export function itemsOf(schema: Schema | undefined): Schema | undefined {
  return schema?.items
}

/** True for a field that the schema names, as opposed to the key of a map. */
export function isStructField(schema: Schema | undefined, name: string): boolean {
  return schema?.properties.has(name) === true
}

/** How an item of a granular list is known. */
export function elementOf(schema: Schema, item: unknown): string {
  return schema.listType === 'set'
    ? `v:${JSON.stringify(item)}`
    : `k:${JSON.stringify(keysOf(item, schema.listKeys, schema.items))}`
}

/** Whether two values count as one leaf although they are containers: both are absent or empty. */
export function areEmpty(a: unknown, b: unknown): boolean {
  return isNothing(a) && isNothing(b)
}

function isNothing(value: unknown): boolean {
  if (value === undefined || value === null) return true
  if (Array.isArray(value)) return value.length === 0
  if (!isFields(value)) return false
  for (const _ in value) return false
  return true
}
