// The JSON schemas that every Ollama version and small model can follow, and values that follow
// them.

/** A JSON schema in the supported subset, as `lintSchema` checks. */
export type AnswerSchema = Readonly<Record<string, unknown>>

const keywords: Readonly<Record<string, ReadonlySet<string>>> = {
  object: new Set(['type', 'description', 'properties', 'required', 'additionalProperties']),
  array: new Set(['type', 'description', 'items', 'minItems', 'maxItems']),
  string: new Set(['type', 'description', 'enum', 'minLength', 'maxLength']),
  integer: new Set(['type', 'description', 'minimum', 'maximum']),
  boolean: new Set(['type', 'description']),
}
const deepestObject = 3
const longestArray = 8
const longestEnum = 40

/**
 * The problems of a schema, as sentences; empty when it is in the subset.
 * The subset: all keys required, ASCII names, keys in alphabetical order (some servers sort them,
 * and models think in this order), no unions, no references, objects at most three deep, small
 * arrays and enums.
 */
export function lintSchema(schema: unknown, path = '$', depth = 0): string[] {
  if (!isRecord(schema)) return [`${path} is not an object`]
  const type = schema['type']
  const allowed = typeof type === 'string' ? keywords[type] : undefined
  if (allowed === undefined) return [`${path} has no supported type`]
  const problems = Object.keys(schema)
    .filter((key) => !allowed.has(key))
    .map((key) => `${path} uses ${key}, which is ignored by some servers`)
  if (type === 'object') problems.push(...lintObject(schema, path, depth + 1))
  if (type === 'array') {
    const most = schema['maxItems']
    if (typeof most !== 'number' || most > longestArray) {
      problems.push(`${path} needs maxItems of at most ${longestArray}`)
    }
    problems.push(...lintSchema(schema['items'], `${path}[]`, depth))
  }
  if (Array.isArray(schema['enum'])) {
    const values: readonly unknown[] = schema['enum']
    if (values.length === 0 || values.length > longestEnum) {
      problems.push(`${path} needs 1 to ${longestEnum} enum values`)
    }
    if (values.some((value) => typeof value !== 'string')) {
      problems.push(`${path} has an enum value that is not a string`)
    }
  }
  return problems
}

function lintObject(schema: AnswerSchema, path: string, depth: number): string[] {
  const problems: string[] = []
  const properties = schema['properties']
  if (!isRecord(properties) || Object.keys(properties).length === 0) {
    return [`${path} has no properties`]
  }
  const names = Object.keys(properties)
  if (depth > deepestObject) problems.push(`${path} is nested too deep`)
  const required: unknown = schema['required']
  const listed = Array.isArray(required) ? required : []
  for (const name of names) {
    if (!/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name))
      problems.push(`${path}.${name} is not an ASCII name`)
    if (!listed.includes(name)) problems.push(`${path}.${name} is not required`)
    problems.push(...lintSchema(properties[name], `${path}.${name}`, depth))
  }
  if (names.join() !== names.toSorted().join()) {
    problems.push(`${path} does not list its keys in alphabetical order`)
  }
  return problems
}

/**
 * The reasons why `value` does not follow `schema`, as sentences; empty when it does. Keys beyond
 * the schema are allowed.
 */
export function validateValue(schema: AnswerSchema, value: unknown, path = '$'): string[] {
  switch (schema['type']) {
    case 'object': {
      if (!isRecord(value)) return [`${path} is not an object`]
      const properties = isRecord(schema['properties']) ? schema['properties'] : {}
      return Object.entries(properties).flatMap(([name, inner]) =>
        Object.hasOwn(value, name)
          ? validateValue(isRecord(inner) ? inner : {}, value[name], `${path}.${name}`)
          : [`${path}.${name} is missing`],
      )
    }
    case 'array': {
      if (!Array.isArray(value)) return [`${path} is not an array`]
      const items: readonly unknown[] = value
      const inner = isRecord(schema['items']) ? schema['items'] : {}
      return [
        ...outside(items.length, schema['minItems'], schema['maxItems'], `${path} has a length`),
        ...items.flatMap((item, index) => validateValue(inner, item, `${path}[${index}]`)),
      ]
    }
    case 'string': {
      if (typeof value !== 'string') return [`${path} is not a string`]
      const choices = schema['enum']
      if (Array.isArray(choices) && !choices.includes(value)) {
        return [`${path} is none of the allowed values`]
      }
      return outside(value.length, schema['minLength'], schema['maxLength'], `${path} has a length`)
    }
    case 'integer':
      if (!Number.isSafeInteger(value)) return [`${path} is not an integer`]
      return outside(Number(value), schema['minimum'], schema['maximum'], `${path} is a number`)
    case 'boolean':
      return typeof value === 'boolean' ? [] : [`${path} is not true or false`]
    default:
      return [`${path} has no supported type`]
  }
}

/**
 * The value with certain mistakes corrected: numbers and truth values written as text, one text in
 * the place of a list of texts, a choice in another case of letters. Keys beyond the schema are
 * dropped. Other mistakes stay for `validateValue`.
 */
export function fitValue(schema: AnswerSchema, value: unknown): unknown {
  const text = typeof value === 'string' ? value.trim() : undefined
  switch (schema['type']) {
    case 'object': {
      if (!isRecord(value)) return value
      const properties = isRecord(schema['properties']) ? schema['properties'] : {}
      return Object.fromEntries(
        Object.entries(properties)
          .filter(([name]) => Object.hasOwn(value, name))
          .map(([name, inner]) => [name, fitValue(isRecord(inner) ? inner : {}, value[name])]),
      )
    }
    case 'array': {
      const inner = isRecord(schema['items']) ? schema['items'] : {}
      if (text !== undefined && inner['type'] === 'string') return [value]
      const items: readonly unknown[] | undefined = Array.isArray(value) ? value : undefined
      return items?.map((item) => fitValue(inner, item)) ?? value
    }
    case 'string': {
      const choices: readonly unknown[] = Array.isArray(schema['enum']) ? schema['enum'] : []
      const alike = (choice: unknown) =>
        typeof choice === 'string' && choice.toLowerCase() === text?.toLowerCase()
      return choices.find(alike) ?? value
    }
    case 'integer':
      return text !== undefined && /^-?\d{1,15}$/.test(text) ? Number(text) : value
    case 'boolean': {
      const word = text?.toLowerCase()
      return word === 'true' ? true : word === 'false' ? false : value
    }
    default:
      return value
  }
}

function outside(value: number, low: unknown, high: unknown, what: string): string[] {
  if (typeof low === 'number' && value < low) return [`${what} below ${low}`]
  if (typeof high === 'number' && value > high) return [`${what} above ${high}`]
  return []
}

/** True for the schema itself given back as the answer, as small models do. */
export function isSchemaEcho(value: unknown): boolean {
  if (!isRecord(value)) return false
  return (
    (value['type'] === 'object' && isRecord(value['properties'])) ||
    typeof value['$schema'] === 'string'
  )
}

/** True for a JSON object. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
