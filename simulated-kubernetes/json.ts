import { Refusal } from './refusal.ts'

/** A JSON object whose fields are not known. */
export type Fields = Readonly<Record<string, unknown>>

/** True for a JSON object: neither null nor a list. */
export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * Makes a JSON value immutable, all the way down, and returns it.
 * Stored objects are handed to clients as they are, so a client that writes into one must fail at
 * once.
 * Caveat: stops at values that are frozen already, so a half frozen value must not come in.
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
 * The new value with every part that equals the old one replaced by the old part itself; the old
 * value when all of it is equal. Comparing, checking and freezing an unchanged part then costs one
 * comparison of references.
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

const maxOperations = 10_000

/**
 * Applies an RFC 6902 patch and returns the new value; the old one stays as it is.
 * Errors: 400 for a value that is not a patch, 422 when an operation cannot be done or a test
 * fails: then nothing is done.
 */
export function applyJsonPatch(target: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch)) throw unreadable()
  if (patch.length > maxOperations) {
    const why = `The allowed maximum operations in a JSON patch is ${maxOperations}, got ${patch.length}`
    throw new Refusal(413, 'RequestEntityTooLarge', why, {})
  }
  let value = target
  for (const operation of patch) {
    if (!isFields(operation)) throw unreadable()
    value = applyOne(value, operation)
  }
  return value
}

function applyOne(value: unknown, operation: Fields): unknown {
  const { op } = operation
  const path = pointerOf(operation['path'])
  if (op === 'add') return put(value, path, operation['value'], 'add')
  if (op === 'replace') {
    return put(value, path, operation['value'], 'replace')
  }
  if (op === 'remove') return remove(value, path)
  if (op === 'test') {
    const wanted = operation['value'] ?? null
    const found = locate(value, path) ?? null
    if (!isEqual(found, wanted)) throw impossible()
    return value
  }
  const from = pointerOf(operation['from'])
  const moved = find(value, from)
  if (op === 'copy') return put(value, path, moved, 'add')
  if (op === 'move') return put(remove(value, from), path, moved, 'add')
  throw impossible()
}

function pointerOf(text: unknown): readonly string[] {
  if (typeof text !== 'string') throw impossible()
  if (text === '') return []
  if (!text.startsWith('/')) throw impossible()
  return text
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/**
 * The value at a path, or undefined. Errors: when a part of the path before the last is missing.
 */
function locate(value: unknown, path: readonly string[]): unknown {
  let current = value
  for (const [index, part] of path.entries()) {
    if (Array.isArray(current)) current = current[indexIn(current, part, false)]
    else if (isFields(current)) current = current[part]
    else throw impossible()
    if (current === undefined && index < path.length - 1) throw impossible()
  }
  return current
}

function find(value: unknown, path: readonly string[]): unknown {
  const found = locate(value, path)
  if (found === undefined) throw impossible()
  return found
}

function put(
  target: unknown,
  path: readonly string[],
  value: unknown,
  how: 'add' | 'replace',
): unknown {
  const [part, ...rest] = path
  if (part === undefined) return value
  if (Array.isArray(target)) {
    const copy: unknown[] = [...target]
    if (rest.length > 0) {
      const index = indexIn(target, part, false)
      copy[index] = put(target[index], rest, value, how)
    } else if (how === 'replace') copy[indexIn(target, part, false)] = value
    else copy.splice(part === '-' ? target.length : indexIn(target, part, true), 0, value)
    return copy
  }
  if (!isFields(target)) throw impossible()
  if (rest.length > 0 && target[part] === undefined) throw impossible()
  return { ...target, [part]: put(target[part], rest, value, how) }
}

function remove(target: unknown, path: readonly string[]): unknown {
  const [part, ...rest] = path
  if (part === undefined) throw impossible()
  if (Array.isArray(target)) {
    const index = indexIn(target, part, false)
    const copy: unknown[] = [...target]
    if (rest.length > 0) copy[index] = remove(target[index], rest)
    else copy.splice(index, 1)
    return copy
  }
  if (!isFields(target) || target[part] === undefined) throw impossible()
  if (rest.length > 0) return { ...target, [part]: remove(target[part], rest) }
  const { [part]: _, ...others } = target
  return others
}

function indexIn(list: readonly unknown[], part: string, mayBeEnd: boolean): number {
  const index = /^-?\d+$/.test(part) ? Number(part) : Number.NaN
  const actual = index < 0 ? index + list.length : index
  const end = mayBeEnd ? list.length : list.length - 1
  if (!(actual >= 0 && actual <= end)) throw impossible()
  return actual
}

function unreadable(): Refusal {
  return new Refusal(
    400,
    'BadRequest',
    'error decoding patch: json: cannot unmarshal into Go value of type jsonpatch.Patch',
  )
}

function impossible(): Refusal {
  return new Refusal(
    422,
    'Invalid',
    'the server rejected our request due to an error in our request',
    {},
  )
}

/** Applies an RFC 7386 merge patch and returns the new value; the old one stays as it is. */
export function applyMergePatch(target: unknown, patch: unknown): unknown {
  if (!isFields(patch)) return patch
  const merged: Record<string, unknown> = isFields(target) ? { ...target } : {}
  for (const key in patch) {
    const value = patch[key]
    if (value === null) delete merged[key]
    else merged[key] = applyMergePatch(merged[key], value)
  }
  return merged
}
