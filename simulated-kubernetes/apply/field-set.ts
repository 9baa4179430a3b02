import { type Fields, isFields } from '../json.ts'
import { keysOf, type Schema } from '../schema.ts'

/**
 * A set of fields of an object, such as those that a manager owns. Elements are written as in
 * `FieldsV1`: `f:name`, `k:{"key":"value"}`, `v:value`. Immutable once it left the function that
 * built it.
 */
export interface FieldSet {
  readonly members: ReadonlySet<string>
  readonly children: ReadonlyMap<string, FieldSet>
}

export const emptySet: FieldSet = { members: new Set(), children: new Map() }

/** A field set while it is built. */
export class FieldSetBuilder implements FieldSet {
  readonly members = new Set<string>()
  readonly children = new Map<string, FieldSetBuilder>()

  /**
   * Adds a path, from its element `from` on. An empty path, the object as a whole, has no owner.
   */
  insert(path: readonly string[], from = 0): void {
    const element = path[from]
    if (element === undefined) return
    if (from === path.length - 1) this.members.add(element)
    else this.at(element).insert(path, from + 1)
  }

  /** The set below an element, made when it is not there. */
  at(element: string): FieldSetBuilder {
    let child = this.children.get(element)
    if (child === undefined) {
      child = new FieldSetBuilder()
      this.children.set(element, child)
    }
    return child
  }
}

export function isEmpty(set: FieldSet): boolean {
  if (set.members.size > 0) return false
  for (const child of set.children.values()) if (!isEmpty(child)) return false
  return true
}

/** The fields that are in either set. */
export function union(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmpty(b)) return a
  if (isEmpty(a)) return b
  const children = new Map(a.children)
  for (const [element, child] of b.children) {
    const other = children.get(element)
    children.set(element, other === undefined ? child : union(other, child))
  }
  return { members: new Set([...a.members, ...b.members]), children }
}

/** The fields that are in both sets. */
export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  const children = new Map<string, FieldSet>()
  for (const [element, child] of a.children) {
    const other = b.children.get(element)
    const both = other === undefined ? emptySet : intersection(child, other)
    if (!isEmpty(both)) children.set(element, both)
  }
  return { members: membersOf(a, (element) => b.members.has(element)), children }
}

/**
 * The fields of the first set that are not in the second. A parent in the second keeps its children
 * in the first.
 */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmpty(b)) return a
  const children = new Map<string, FieldSet>()
  for (const [element, child] of a.children) {
    const other = b.children.get(element)
    const rest = other === undefined ? child : difference(child, other)
    if (!isEmpty(rest)) children.set(element, rest)
  }
  return { members: membersOf(a, (element) => !b.members.has(element)), children }
}

function membersOf(set: FieldSet, isKept: (element: string) => boolean): ReadonlySet<string> {
  const members = new Set<string>()
  for (const element of set.members) if (isKept(element)) members.add(element)
  return members
}

/** The fields of the first set that are neither in the second nor below one of its elements. */
export function withoutBelow(a: FieldSet, b: FieldSet): FieldSet {
  const children = new Map<string, FieldSet>()
  for (const [element, child] of a.children) {
    if (b.members.has(element)) continue
    const other = b.children.get(element)
    const rest = other === undefined ? child : withoutBelow(child, other)
    if (!isEmpty(rest)) children.set(element, rest)
  }
  return { members: membersOf(a, (element) => !b.members.has(element)), children }
}

/** Whether a path is in a set. */
export function hasPath(set: FieldSet, path: readonly string[]): boolean {
  const [element = '', ...rest] = path
  if (rest.length === 0) return set.members.has(element)
  const child = set.children.get(element)
  return child !== undefined && hasPath(child, rest)
}

export function isSameSet(a: FieldSet, b: FieldSet): boolean {
  return isEmpty(difference(a, b)) && isEmpty(difference(b, a))
}

/** The set with every named field on the way to its elements. */
export function withNamedFields(set: FieldSet, schema: Schema | undefined): FieldSet {
  const members = new Set(set.members)
  const children = new Map<string, FieldSet>()
  for (const [element, child] of set.children) {
    const name = element.slice(2)
    const isField = element.startsWith('f:')
    if (isField && isStructField(schema, name)) members.add(element)
    const below = isField ? fieldOf(schema, name) : itemsOf(schema)
    children.set(element, withNamedFields(child, below))
  }
  return { members, children }
}

/** `FieldsV1`. */
export function encodeSet(set: FieldSet): Fields {
  const fields: Record<string, unknown> = {}
  for (const element of set.members) fields[element] = {}
  for (const [element, child] of set.children) {
    if (isEmpty(child)) continue
    const below = encodeSet(child)
    fields[element] = set.members.has(element) ? { '.': {}, ...below } : below
  }
  return fields
}

/** Every element as a path in the words of a conflict: `.spec.parts[name="a"].count`. */
export function pathsOf(set: FieldSet, prefix = ''): readonly string[] {
  const own = [...set.members].map((element) => prefix + shownElement(element))
  const below = [...set.children].flatMap(([element, child]) =>
    pathsOf(child, prefix + shownElement(element)),
  )
  return [...own, ...below]
}

function shownElement(element: string): string {
  const rest = element.slice(2)
  if (element.startsWith('f:')) return `.${rest}`
  if (element.startsWith('v:')) return `[=${rest}]`
  const key: unknown = JSON.parse(rest)
  const parts = Object.entries(isFields(key) ? key : {})
  return `[${parts.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(',')}]`
}

/** How ownership goes through a value: field by field, item by item, or not at all. */
type Shape = 'map' | 'list' | 'leaf'

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

function itemsOf(schema: Schema | undefined): Schema | undefined {
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
