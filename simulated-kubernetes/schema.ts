import { type Fields, frozen, isFields } from './json.ts'
import {
  duplicateValue,
  type FieldProblem,
  invalidValue,
  requiredValue,
  unsupportedValue,
} from './refusal.ts'
import { compileRules, type Rule, type RuleSource } from './rules.ts'

/** A structural schema as it stands in a CRD, as far as it is used here. */
export interface SchemaSource {
  readonly type?: string
  readonly format?: string
  readonly nullable?: boolean
  readonly default?: unknown
  readonly enum?: readonly unknown[]
  readonly pattern?: string
  readonly minLength?: number
  readonly maxLength?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: boolean
  readonly exclusiveMaximum?: boolean
  readonly multipleOf?: number
  readonly minItems?: number
  readonly maxItems?: number
  readonly minProperties?: number
  readonly maxProperties?: number
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, SchemaSource>>
  readonly additionalProperties?: SchemaSource | boolean
  readonly items?: SchemaSource
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean
  readonly 'x-kubernetes-int-or-string'?: boolean
  readonly 'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map'
  readonly 'x-kubernetes-list-map-keys'?: readonly string[]
  readonly 'x-kubernetes-map-type'?: 'atomic' | 'granular'
  readonly 'x-kubernetes-validations'?: readonly RuleSource[]
  /** Ours: checked elsewhere, and so neither pruned nor checked by the schema. */
  readonly isOpaque?: boolean
}

/** One node of a compiled schema: made once, shared by all servers. */
export interface Schema {
  readonly source: SchemaSource
  readonly type: string | undefined
  readonly properties: ReadonlyMap<string, Schema>
  /** The schema of every other field of a map. */
  readonly values: Schema | undefined
  readonly items: Schema | undefined
  readonly keepsUnknown: boolean
  readonly hasDefault: boolean
  readonly pattern: RegExp | undefined
  readonly rules: readonly Rule[]
  /** True when it or anything below has a rule, so that the rest is never walked for rules. */
  readonly hasRules: boolean
  readonly listType: 'atomic' | 'set' | 'map'
  readonly listKeys: readonly string[]
  /** True for an object that is owned as a whole. */
  readonly isAtomicMap: boolean
  /** See `SchemaSource`. */
  readonly isOpaque: boolean
}

/** Compiles a schema. Errors: throws on a rule or pattern that does not parse. */
export function compileSchema(source: SchemaSource): Schema {
  const properties = new Map(
    Object.entries(source.properties ?? {}).map(([name, child]) => [name, compileSchema(child)]),
  )
  const { additionalProperties } = source
  const values =
    typeof additionalProperties === 'object' ? compileSchema(additionalProperties) : undefined
  const items = source.items === undefined ? undefined : compileSchema(source.items)
  const rules = compileRules(source['x-kubernetes-validations'] ?? [], source)
  const children = [...properties.values(), ...(values ? [values] : []), ...(items ? [items] : [])]
  if (source.default !== undefined) frozen(source.default)
  return {
    source,
    type: source.type,
    properties,
    values,
    items,
    keepsUnknown:
      source['x-kubernetes-preserve-unknown-fields'] === true || additionalProperties === true,
    hasDefault: source.default !== undefined,
    pattern: source.pattern === undefined ? undefined : new RegExp(source.pattern, 'u'),
    rules,
    hasRules: rules.length > 0 || children.some((child) => child.hasRules),
    listType: source['x-kubernetes-list-type'] ?? 'atomic',
    listKeys: source['x-kubernetes-list-map-keys'] ?? [],
    isAtomicMap: source['x-kubernetes-map-type'] === 'atomic',
    isOpaque: source.isOpaque === true,
  }
}

/**
 * Every problem of a value by its schema, in the words of the real server. A part that equals
 * `known`, the value before, is not looked at again (ratcheting).
 */
export function problemsOf(
  value: unknown,
  schema: Schema,
  path: string,
  known?: unknown,
): readonly FieldProblem[] {
  const problems: FieldProblem[] = []
  check(value, schema, path, known, problems)
  return problems
}

function check(
  value: unknown,
  schema: Schema,
  path: string,
  known: unknown,
  problems: FieldProblem[],
): void {
  if (value === known || schema.isOpaque) return
  const { source, type } = schema
  if (value === null) {
    if (source.nullable) return
    problems.push(wrongType(path, value, source))
    return
  }
  if (typeof value === 'string') {
    if (type !== undefined && type !== 'string') {
      problems.push(wrongType(path, value, source))
      return
    }
    checkText(value, schema, path, problems)
  } else if (typeof value === 'number') {
    const fits = type === 'number' || (type === 'integer' && Number.isInteger(value))
    if (!fits && type !== undefined) {
      problems.push(...wrongNumber(path, value, source))
      return
    }
    checkNumber(value, source, path, problems)
  } else if (typeof value === 'boolean') {
    if (type !== undefined && type !== 'boolean') problems.push(wrongType(path, value, source))
  } else if (Array.isArray(value)) {
    if (type !== undefined && type !== 'array') {
      problems.push(wrongType(path, value, source))
      return
    }
    checkList(value, schema, path, known, problems)
  } else if (isFields(value)) {
    if (type !== undefined && type !== 'object') {
      problems.push(wrongType(path, value, source))
      return
    }
    checkFields(value, schema, path, known, problems)
  }
  if (source.enum !== undefined && !source.enum.includes(value)) {
    problems.push(unsupportedValue(path, value, source.enum))
  }
}

function checkText(value: string, schema: Schema, path: string, problems: FieldProblem[]): void {
  const { minLength, maxLength, pattern, format } = schema.source
  const length = lengthOf(value)
  if (maxLength !== undefined && length > maxLength) {
    problems.push(tooLong(path, maxLength))
  }
  if (minLength !== undefined && length < minLength) {
    const why = `${inBody(path)} should be at least ${minLength} chars long`
    problems.push(invalidValue(path, value, why))
  }
  if (pattern !== undefined && schema.pattern?.test(value) !== true) {
    problems.push(invalidValue(path, value, `${inBody(path)} should match '${pattern}'`))
  }
  if (format === 'byte' && !base64.test(value)) {
    problems.push(invalidValue(path, value, 'illegal base64 data'))
  }
  if (format === 'micro-time' && !microTime.test(value)) {
    const why = `parsing time ${JSON.stringify(value)}`
    problems.push(invalidValue(path, value, why))
  }
  if (format === 'date-time' && !isDateTime(value)) {
    const text = `Invalid value: ${JSON.stringify(value)}: ${inBody(path)} must be of type date-time: ${JSON.stringify(value)}`
    problems.push({ reason: 'FieldValueTypeInvalid', field: path, text })
  }
}

function checkNumber(
  value: number,
  source: SchemaSource,
  path: string,
  problems: FieldProblem[],
): void {
  const { minimum, maximum, multipleOf } = source
  const say = (words: string) => {
    problems.push(invalidValue(path, value, `${inBody(path)} should be ${words}`))
  }
  if (maximum !== undefined) {
    if (source.exclusiveMaximum ? value >= maximum : value > maximum) {
      say(`${source.exclusiveMaximum ? 'less than' : 'less than or equal to'} ${maximum}`)
    }
  }
  if (minimum !== undefined) {
    if (source.exclusiveMinimum ? value <= minimum : value < minimum) {
      say(`${source.exclusiveMinimum ? 'greater than' : 'greater than or equal to'} ${minimum}`)
    }
  }
  if (multipleOf !== undefined && value % multipleOf !== 0) say(`a multiple of ${multipleOf}`)
}

function checkList(
  value: readonly unknown[],
  schema: Schema,
  path: string,
  known: unknown,
  problems: FieldProblem[],
): void {
  const { items, source } = schema
  if (items !== undefined) {
    const before = Array.isArray(known) ? known : []
    for (let index = 0; index < value.length; index += 1) {
      check(value[index], items, `${path}[${index}]`, before[index], problems)
    }
  }
  const { minItems, maxItems } = source
  if (minItems !== undefined && value.length < minItems) {
    const why = `${inBody(path)} should have at least ${minItems} items`
    problems.push(invalidValue(path, value.length, why))
  }
  if (maxItems !== undefined && value.length > maxItems) {
    problems.push(tooMany(path, value.length, maxItems))
  }
}

function checkFields(
  value: Fields,
  schema: Schema,
  path: string,
  known: unknown,
  problems: FieldProblem[],
): void {
  const before = isFields(known) ? known : undefined
  const at = (name: string) => (path === '' ? name : `${path}.${name}`)
  for (const name in value) {
    const child = schema.properties.get(name) ?? schema.values
    if (child !== undefined) check(value[name], child, at(name), before?.[name], problems)
  }
  for (const name of schema.source.required ?? []) {
    if (value[name] === undefined) problems.push(requiredValue(at(name)))
  }
  const { minProperties, maxProperties } = schema.source
  if (minProperties === undefined && maxProperties === undefined) return
  const count = Object.keys(value).length
  if (minProperties !== undefined && count < minProperties) {
    const why = `${inBody(path)} should have at least ${minProperties} properties`
    problems.push(invalidValue(path, count, why))
  }
  if (maxProperties !== undefined && count > maxProperties) {
    problems.push(tooMany(path, count, maxProperties))
  }
}

const inBody = (path: string): string => `${path} in body`

/**
 * A number where the schema wants something else; formats are reported twice, as the real server
 * does.
 */
function wrongNumber(path: string, value: number, source: SchemaSource): readonly FieldProblem[] {
  const { type, format } = source
  if (type !== 'integer' || format === undefined) return [wrongType(path, value, source)]
  const text = `Invalid value: "float64": ${inBody(path)} must be of type ${format}: "float64"`
  const checked = `Checked value must be of type integer with format ${format} in ${path}`
  return [
    { reason: 'FieldValueTypeInvalid', field: path, text },
    { reason: 'FieldValueInvalid', field: '<nil>', text: `Invalid value: "": ${checked}` },
  ]
}

function wrongType(path: string, value: unknown, source: SchemaSource): FieldProblem {
  const wanted = source.type ?? ''
  const given = typeOf(value)
  return {
    reason: 'FieldValueTypeInvalid',
    field: path,
    text: `Invalid value: "${given}": ${inBody(path)} must be of type ${wanted}: "${given}"`,
  }
}

function typeOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number'
  return typeof value
}

const tooLong = (path: string, limit: number): FieldProblem => ({
  reason: 'FieldValueTooLong',
  field: path,
  text: `Too long: may not be more than ${limit} bytes`,
})

const tooMany = (path: string, count: number, limit: number): FieldProblem => ({
  reason: 'FieldValueTooMany',
  field: path,
  text: `Too many: ${count}: must have at most ${limit} items`,
})

/** Length in code points, as Go counts; most texts are plain and need no counting. */
function lengthOf(text: string): number {
  let length = text.length
  for (let index = 0; index < text.length - 1; index += 1) {
    const unit = text.charCodeAt(index)
    if (unit >= 0xd800 && unit < 0xdc00) {
      length -= 1
      index += 1
    }
  }
  return length
}

const dateTime =
  /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])[Tt]([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/

const base64 = /^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/** `metav1.MicroTime`: six digits, no more and no fewer. */
const microTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)$/

function isDateTime(text: string): boolean {
  return dateTime.test(text)
}

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
  // A stored value was checked when it was stored.
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

/** The key of an item of a keyed list; absent keys take their default. */
export function keysOf(item: unknown, keys: readonly string[], items: Schema | undefined): Fields {
  const fields = isFields(item) ? item : {}
  const found: Record<string, unknown> = {}
  for (const key of keys.toSorted()) {
    const value = fields[key] ?? items?.properties.get(key)?.source.default
    if (value !== undefined) found[key] = value
  }
  return found
}
