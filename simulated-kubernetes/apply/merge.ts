import { isFields } from '../json.ts'
import type { Schema } from '../schema.ts'
import type { FieldSet } from './field-set.ts'
import { areEmpty, elementOf, fieldOf, shapeOf } from './shape.ts'

/** The live value with what was applied put over it. */
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

/** Items keep the order of the live list among themselves, and that of the applied list where it says so. */
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

/** The value without the fields of a set; what nothing is left of becomes null. */
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
