/** A JSON object whose fields are not known. */
export type Fields = Readonly<Record<string, unknown>>

/** True for a JSON object: neither null nor a list. */
export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * Makes a JSON value immutable, all the way down, and returns it.
 * What is stored is handed to clients as it is, so a client that writes into an object it got must fail at once.
 * Caveat: stops at what is frozen already; nothing half frozen may come in.
 */
export function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    if (Array.isArray(value)) for (const item of value) frozen(item)
    else for (const key in value) frozen(value[key])
  }
  return value
}

/** Whether two JSON values are the same; the order of keys does not matter. */
export function isEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false
    for (let index = 0; index < a.length; index += 1) {
      if (!isEqual(a[index], b[index])) return false
    }
    return true
  }
  if (Array.isArray(b)) return false
  const left = a as Fields
  const right = b as Fields
  let count = 0
  for (const key in left) {
    if (left[key] === undefined) continue
    if (right[key] === undefined || !isEqual(left[key], right[key])) return false
    count += 1
  }
  for (const key in right) if (right[key] !== undefined) count -= 1
  return count === 0
}

/** A copy of an object without some of its fields. */
export function without(object: Fields, ...names: readonly string[]): Fields {
  const rest: Record<string, unknown> = { ...object }
  for (const name of names) delete rest[name]
  return rest
}

/**
 * The new value with every part that equals the old one replaced by the old part itself; the old value when all of it is
 * equal. Comparing, checking and freezing what did not change then costs one comparison of references.
 */
export function shared(next: unknown, old: unknown): unknown {
  if (next === old || typeof next !== 'object' || typeof old !== 'object') return next
  if (next === null || old === null) return next
  if (Array.isArray(next)) {
    if (!Array.isArray(old)) return next
    let isSame = next.length === old.length
    const items: unknown[] = []
    for (let index = 0; index < next.length; index += 1) {
      const item = shared(next[index], old[index])
      if (item !== old[index]) isSame = false
      items.push(item)
    }
    return isSame ? old : items
  }
  if (Array.isArray(old)) return next
  const before = old as Fields
  let isSame = true
  let count = 0
  const fields: Record<string, unknown> = {}
  for (const key in next as Fields) {
    const value = (next as Fields)[key]
    if (value === undefined) continue
    const field = shared(value, before[key])
    if (field !== before[key]) isSame = false
    fields[key] = field
    count += 1
  }
  if (!isSame) return fields
  for (const key in before) if (before[key] !== undefined) count -= 1
  return count === 0 ? old : fields
}
