import { type Fields, isFields } from './json.ts'
import { duplicateValue, type FieldProblem } from './refusal.ts'
import type { Schema } from './schema.ts'

/** Entries of sets and keyed lists that are there twice. */
export function duplicatesIn(
  value: unknown,
  schema: Schema,
  path: string,
  known?: unknown,
): readonly FieldProblem[] {
  const problems: FieldProblem[] = []
  findDuplicates(value, schema, path, known, problems)
  return problems
}

function findDuplicates(
  value: unknown,
  schema: Schema,
  path: string,
  known: unknown,
  problems: FieldProblem[],
): void {
  // What is stored already has been looked at.
  if (value === known || schema.isOpaque) return
  if (Array.isArray(value)) {
    const { listType, listKeys, items } = schema
    if (listType !== 'atomic') {
      const seen = new Set<string>()
      for (const [index, item] of value.entries()) {
        const key = listType === 'set' ? item : keysOf(item, listKeys, items)
        const text = JSON.stringify(key)
        if (seen.has(text)) problems.push(duplicateValue(`${path}[${index}]`, key))
        seen.add(text)
      }
    }
    if (items !== undefined) {
      for (const [index, item] of value.entries()) {
        findDuplicates(item, items, `${path}[${index}]`, undefined, problems)
      }
    }
  } else if (isFields(value)) {
    const before = isFields(known) ? known : undefined
    for (const name in value) {
      const child = schema.properties.get(name) ?? schema.values
      const at = path === '' ? name : `${path}.${name}`
      if (child !== undefined) findDuplicates(value[name], child, at, before?.[name], problems)
    }
  }
}

/** What an item of a keyed list is known by; absent keys take their default. */
export function keysOf(item: unknown, keys: readonly string[], items: Schema | undefined): Fields {
  const fields = isFields(item) ? item : {}
  const found: Record<string, unknown> = {}
  for (const key of keys.toSorted()) {
    const value = fields[key] ?? items?.properties.get(key)?.source.default
    if (value !== undefined) found[key] = value
  }
  return found
}
