import { Environment } from '@marcbachmann/cel-js'
import { isFields } from './json.ts'
import { type FieldProblem, invalidValue } from './refusal.ts'
import type { Schema, SchemaSource } from './schema.ts'

/** One entry of `x-kubernetes-validations`. */
export interface RuleSource {
  readonly rule: string
  readonly message?: string
  readonly reason?: string
  readonly fieldPath?: string
  readonly optionalOldSelf?: boolean
}

/** A rule, ready to run. */
export interface Rule {
  readonly source: RuleSource
  /** True when it compares with the value before, and so is run on updates only. */
  readonly isTransition: boolean
  readonly evaluate: (self: unknown, oldSelf: unknown) => unknown
  readonly wantsIntegers: boolean
}

const environment = new Environment({ enableOptionalTypes: true })
  // As the API server matches: letters of every script count as one sign.
  .registerFunction('string.matchesRe2(string): bool', (text: string, pattern: string) =>
    new RegExp(pattern, 'u').test(text),
  )
  .registerVariable('self', 'dyn')
  .registerVariable('oldSelf', 'dyn')

/** Compiles the rules of one node. Errors: throws on a rule that does not parse. */
export function compileRules(
  sources: readonly RuleSource[],
  schema: SchemaSource,
): readonly Rule[] {
  return sources.map((source) => {
    const program = environment.parse(asJavaScriptPatterns(source.rule))
    return {
      source,
      isTransition: /\boldSelf\b/.test(source.rule),
      evaluate: (self, oldSelf): unknown => program({ self, oldSelf }),
      wantsIntegers: hasIntegers(schema),
    }
  })
}

/**
 * Every rule of the schema that the value breaks; `known` is the value before, absent when it is
 * new.
 */
export function brokenRules(
  value: unknown,
  schema: Schema,
  path: string,
  known: unknown,
): readonly FieldProblem[] {
  const problems: FieldProblem[] = []
  if (schema.hasRules) walk(value, schema, path, known, problems)
  return problems
}

function walk(
  value: unknown,
  schema: Schema,
  path: string,
  known: unknown,
  problems: FieldProblem[],
): void {
  if (value === known || value === undefined || value === null) return
  for (const rule of schema.rules) {
    if (rule.isTransition && known === undefined) continue
    const problem = broken(rule, schema, value, known, path)
    if (problem !== undefined) problems.push(problem)
  }
  if (isFields(value)) {
    const before = isFields(known) ? known : undefined
    for (const name in value) {
      const child = schema.properties.get(name) ?? schema.values
      if (child?.hasRules) {
        walk(value[name], child, path === '' ? name : `${path}.${name}`, before?.[name], problems)
      }
    }
  } else if (Array.isArray(value) && schema.items?.hasRules) {
    // Items of an unkeyed list have no counterpart before.
    for (const [index, item] of value.entries()) {
      walk(item, schema.items, `${path}[${index}]`, undefined, problems)
    }
  }
}

function broken(
  rule: Rule,
  schema: Schema,
  value: unknown,
  known: unknown,
  path: string,
): FieldProblem | undefined {
  const { source } = rule
  const typed = (of: unknown) => (rule.wantsIntegers ? withIntegers(of, schema) : of)
  const at = path === '' ? '<nil>' : path
  let verdict: unknown
  try {
    verdict = rule.evaluate(typed(value), typed(known))
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n', 1)[0] : String(error)
    const told = `${asGoSays(why ?? '')} evaluating rule: ${source.message ?? source.rule}`
    return invalidValue(at, schema.type ?? '', told)
  }
  if (verdict === true) return undefined
  return refusedBy(source, at, value, source.message ?? `failed rule: ${source.rule}`)
}

function refusedBy(
  source: RuleSource,
  path: string,
  value: unknown,
  message: string,
): FieldProblem {
  const field = source.fieldPath === undefined ? path : path + source.fieldPath
  if (source.reason === 'FieldValueRequired') {
    return { reason: source.reason, field, text: `Required value: ${message}` }
  }
  if (source.reason === 'FieldValueForbidden') {
    return { reason: source.reason, field, text: `Forbidden: ${message}` }
  }
  // Objects and lists are too long to be shown.
  const told =
    typeof value === 'object'
      ? { reason: 'FieldValueInvalid', field, text: `Invalid value: ${message}` }
      : invalidValue(field, value, message)
  return source.reason === 'FieldValueDuplicate' ? { ...told, reason: source.reason } : told
}

function asGoSays(why: string): string {
  return why.replace(/^No such key/, 'no such key')
}

/** CEL has integers of their own; JSON has not. */
function withIntegers(value: unknown, schema: Schema): unknown {
  if (typeof value === 'number') return schema.type === 'integer' ? BigInt(value) : value
  if (Array.isArray(value)) {
    const { items } = schema
    return items === undefined ? value : value.map((item) => withIntegers(item, items))
  }
  if (!isFields(value)) return value
  const typed: Record<string, unknown> = {}
  for (const name in value) {
    const child = schema.properties.get(name) ?? schema.values
    typed[name] = child === undefined ? value[name] : withIntegers(value[name], child)
  }
  return typed
}

function hasIntegers(source: SchemaSource): boolean {
  if (source.type === 'integer') return true
  const { additionalProperties, items, properties } = source
  return (
    Object.values(properties ?? {}).some(hasIntegers) ||
    (items !== undefined && hasIntegers(items)) ||
    (typeof additionalProperties === 'object' && hasIntegers(additionalProperties))
  )
}

/** POSIX classes are known to RE2, which the API server uses, and not to JavaScript. */
const posixClasses: Readonly<Record<string, string>> = {
  '[:space:]': '\\\\t\\\\n\\\\v\\\\f\\\\r ',
  '[:alpha:]': 'A-Za-z',
  '[:digit:]': '0-9',
  '[:alnum:]': '0-9A-Za-z',
  '[:upper:]': 'A-Z',
  '[:lower:]': 'a-z',
}

function asJavaScriptPatterns(rule: string): string {
  return rule
    .replaceAll(/\[:[a-z]+:\]/g, (name) => posixClasses[name] ?? name)
    .replaceAll('.matches(', '.matchesRe2(')
}
