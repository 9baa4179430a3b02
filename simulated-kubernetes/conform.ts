import { isFields } from './json.ts'
import type { Schema } from './schema.ts'

/**
 * The value as it is stored: fields that the schema does not know are dropped, nulls that may not be are dropped or
 * defaulted, defaults are filled in. What needs no change is returned as it is, so nothing is copied in vain.
 */
export function conform(value: unknown, schema: Schema, known?: unknown): unknown {
  // What is stored conforms already.
  if (value === known || schema.isOpaque) return value
  if (Array.isArray(value)) {
    const { items } = schema
    if (items === undefined) return value
    let copy: unknown[] | undefined
    for (let index = 0; index < value.length; index += 1) {
      const item: unknown = value[index]
      const next =
        item === null && items.hasDefault && !items.source.nullable
          ? conform(items.source.default, items)
          : conform(item, items)
      if (next !== item) {
        copy ??= [...value]
        copy[index] = next
      }
    }
    return copy ?? value
  }
  if (!isFields(value)) return value
  const before = isFields(known) ? known : undefined
  let copy: Record<string, unknown> | undefined
  for (const name in value) {
    const child = schema.properties.get(name) ?? schema.values
    const field = value[name]
    if (child === undefined) {
      if (schema.keepsUnknown) continue
      copy ??= { ...value }
      delete copy[name]
    } else if (field === null && !child.source.nullable) {
      copy ??= { ...value }
      if (child.hasDefault) copy[name] = conform(child.source.default, child)
      else delete copy[name]
    } else {
      const next = conform(field, child, before?.[name])
      if (next !== field) {
        copy ??= { ...value }
        copy[name] = next
      }
    }
  }
  for (const [name, child] of schema.properties) {
    if (child.hasDefault && value[name] === undefined) {
      copy ??= { ...value }
      copy[name] = conform(child.source.default, child)
    }
  }
  return copy ?? value
}
