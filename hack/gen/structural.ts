// From a zod schema to a structural schema: the subset of OpenAPI v3 that a CRD may carry.
//
// zod 4 writes most of it. What is left is a list of small named transforms, each with an example
// that a test runs, and a linter (crd-schema.ts) that refuses every node that is still not legal.
// This table says what becomes of zod's output:
//
//   zod                                   becomes
//   z.object                              properties and required; pruning does what strictness would
//   z.enum, z.literal                     enum
//   .default(x), .prefault({})            default; the API server fills in nested defaults inside `default: {}`
//   z.int32(), z.int()                    integer with format int32 or int64 instead of the widest bounds
//   .meta({ 'x-kubernetes-…': … })        passed through; this is how CEL rules stand at their field
//   z.looseObject, z.any, z.unknown       refused: no type. Use .meta({ 'x-kubernetes-preserve-unknown-fields': true })
//   z.union, z.discriminatedUnion         refused: types inside anyOf or oneOf. Use optional members and a CEL rule
//   two .regex() on one string            refused: they become allOf with types. Write one pattern
//   z.iso.duration                        refused: look-ahead. Use a count of seconds
//   .meta({ id }), recursive getters      refused: $ref
//   .refine, .transform, .preprocess,     refused: zod drops them from the schema without a word. Write a CEL rule
//   .trim, .catch
//   z.bigint, z.date, z.set, z.map        zod throws
import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { crdProblems, type CelRule, type SchemaNode } from './crd-schema.ts'
import { forms } from '../../core/api/schema.ts'

/** The kinds of zod schema that lose something on the way to JSON Schema. */
const lossyTypes = new Set(['pipe', 'transform', 'custom', 'catch', 'lazy', 'promise', 'function'])
/** The checks that do. */
const lossyChecks = new Set(['custom', 'overwrite', 'property'])

/**
 * The structural schema of a zod schema.
 *
 * @param where Path shown in errors, e.g. `DevRequest.spec`.
 * @throws {Error} naming every place that cannot be said in a CRD, and what to write instead.
 */
export function structuralSchema(schema: z.ZodType, where: string): SchemaNode {
  const lost: string[] = []
  const written: object = z.toJSONSchema(schema, {
    target: 'openapi-3.0',
    io: 'input',
    reused: 'inline',
    cycles: 'throw',
    unrepresentable: 'throw',
    override: ({ zodSchema: { _zod: schemaInternals }, path }) => {
      const what = lossyPart(schemaInternals.def)
      if (what !== undefined) lost.push(`${[where, ...path].join('.')}: zod drops ${what}`)
    },
  })
  const structural = transformed(written)
  const problems = [
    ...lost.map((text) => `${text}; write a CEL rule with withRules() instead`),
    ...crdProblems(structural, where),
  ]
  if (problems.length > 0) {
    throw new Error(`${where} cannot be written as a CRD schema:\n  ${problems.join('\n  ')}`)
  }
  return structural
}

/**
 * The same schema with CEL rules instead of its patterns. The API server shows a person the pattern
 * that failed, or the message of the rule that failed. Only for a spec, which people write; in a
 * status, rules would only cost time.
 *
 * @throws {Error} for a pattern that no form has words for.
 */
export function patternsInWords(node: SchemaNode, where: string): SchemaNode {
  const { pattern, ...rest } = node
  const { properties, items, additionalProperties } = node
  const rules = node['x-kubernetes-validations'] ?? []
  const inner: SchemaNode = {
    ...rest,
    ...(pattern !== undefined && {
      'x-kubernetes-validations': [ruleOf(pattern, where), ...rules],
    }),
    ...(properties && {
      properties: Object.fromEntries(
        Object.entries(properties).map(([name, child]) => [
          name,
          patternsInWords(child, `${where}.${name}`),
        ]),
      ),
    }),
    ...(items && { items: patternsInWords(items, `${where}[]`) }),
    ...(typeof additionalProperties === 'object' && {
      additionalProperties: patternsInWords(additionalProperties, `${where}{}`),
    }),
  }
  return transformed(inner)
}

function ruleOf(pattern: string, where: string): CelRule {
  const form = forms.find((one) => plainSlashes(one.pattern.source) === pattern)
  if (form === undefined || pattern.includes("'"))
    throw new Error(`${where} has a pattern without words; add it to forms in core/api/schema.ts`)
  // A raw string: in the others a backslash would have to be doubled.
  return { rule: `self.matches(r'${pattern}')`, message: form.words }
}

/** Applies every transform to every node, children first. */
function transformed(node: SchemaNode): SchemaNode {
  const { properties, items, additionalProperties } = node
  const inner: SchemaNode = {
    ...node,
    ...(properties && {
      properties: Object.fromEntries(
        Object.entries(properties).map(([name, child]) => [name, transformed(child)]),
      ),
    }),
    ...(items && { items: transformed(items) }),
    ...(typeof additionalProperties === 'object' && {
      additionalProperties: transformed(additionalProperties),
    }),
  }
  return transforms.reduce((result, { apply }) => apply(result), inner)
}

function lossyPart(def: z.core.$ZodTypeDef): string | undefined {
  if (lossyTypes.has(def.type)) return `a ${def.type}`
  const checks = (def.checks ?? []).map(({ _zod: checkInternals }) => checkInternals.def.check)
  const lossy = checks.find((check) => lossyChecks.has(check))
  return lossy && `a check (${lossy})`
}

/** A change to one node of a schema. Its example is its documentation; a test runs it. */
interface Transform {
  readonly name: string
  /** What is wrong without it. */
  readonly why: string
  readonly before: SchemaNode
  readonly after: SchemaNode
  readonly apply: (node: SchemaNode) => SchemaNode
}

const int32 = { minimum: -2147483648, maximum: 2147483647 }
const safe = { minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER }

/** Every transform, in the order in which they run on a node whose children are done. */
export const transforms: readonly Transform[] = [
  {
    name: 'drop keys of the dialect',
    why: '$schema, id and readOnly are forbidden; they say nothing that the API server would check',
    before: { $schema: 'https://example.org/x', type: 'array', readOnly: true },
    after: { type: 'array' },
    apply: (node) => omit(node, ['$schema', 'id', 'readOnly']),
  },
  {
    name: 'open closed objects',
    why: 'additionalProperties is forbidden together with properties; the API server prunes unknown fields by itself',
    before: { type: 'object', properties: {}, additionalProperties: false },
    after: { type: 'object', properties: {} },
    apply: (node) =>
      node.properties && node.additionalProperties === false
        ? omit(node, ['additionalProperties'])
        : node,
  },
  {
    name: 'type enums',
    why: 'every node needs a type; an enum without one takes that of its members',
    before: { enum: ['a', 'b'] },
    after: { type: 'string', enum: ['a', 'b'] },
    apply: (node) => {
      if (node.enum === undefined || node.type !== undefined) return node
      const types = new Set(node.enum.map((value) => typeof value))
      const [type] = types
      return types.size === 1 && type !== undefined ? { type, ...node } : node
    },
  },
  {
    name: 'name the width of integers',
    why: 'the widest bounds only repeat the format, and kubectl explain shows the format',
    before: { type: 'integer', ...int32 },
    after: { type: 'integer', format: 'int32' },
    apply: (node) => {
      if (node.type !== 'integer') return node
      const { minimum, maximum, ...rest } = node
      const narrow = isDeepStrictEqual({ minimum, maximum }, int32)
      const wide = isDeepStrictEqual({ minimum, maximum }, safe)
      if (narrow) return { ...rest, format: 'int32' }
      return wide ? { ...rest, format: 'int64' } : node
    },
  },
  {
    name: 'unescape slashes',
    why: 'JavaScript writes \\/ in the source of a regular expression; people read these patterns',
    before: { type: 'string', pattern: '^https?:\\/\\/' },
    after: { type: 'string', pattern: '^https?://' },
    apply: (node) =>
      node.pattern === undefined ? node : { ...node, pattern: plainSlashes(node.pattern) },
  },
  {
    name: 'shorten object defaults',
    why: 'a default that repeats the defaults of its fields would have to be changed in two places',
    before: {
      type: 'object',
      default: { n: 3 },
      properties: { n: { type: 'integer', default: 3 } },
    },
    after: { type: 'object', default: {}, properties: { n: { type: 'integer', default: 3 } } },
    apply: (node) =>
      node.properties && isDeepStrictEqual(node.default, nestedDefaults(node.properties))
        ? { ...node, default: {} }
        : node,
  },
  {
    name: 'order keys',
    why: 'a reader looks for the description first, and a diff should show changes only',
    before: { maxLength: 3, type: 'string', description: 'A word.' },
    after: { description: 'A word.', type: 'string', maxLength: 3 },
    apply: (node) =>
      Object.fromEntries(Object.entries(node).toSorted(([a], [b]) => rank(a) - rank(b))),
  },
]

/** `\/` becomes `/`, and a backslash that is escaped before a slash stays one. */
function plainSlashes(pattern: string): string {
  return pattern.replaceAll(/\\([\s\S])/g, (pair, sign) => (sign === '/' ? '/' : pair))
}

const order = [
  'description',
  'type',
  'format',
  'nullable',
  'default',
  'enum',
  'pattern',
  'minLength',
  'maxLength',
  'minimum',
  'maximum',
  'minItems',
  'maxItems',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-validations',
  'required',
  'properties',
  'items',
  'additionalProperties',
]

function rank(key: string): number {
  const place = order.indexOf(key)
  return place === -1 ? order.length : place
}

function nestedDefaults(properties: Readonly<Record<string, SchemaNode>>): unknown {
  return Object.fromEntries(
    Object.entries(properties).flatMap(([name, { default: value }]) =>
      value === undefined ? [] : [[name, value]],
    ),
  )
}

function omit(node: SchemaNode, keys: readonly (keyof SchemaNode)[]): SchemaNode {
  return Object.fromEntries(
    Object.entries(node).filter(([key]) => !keys.some((unwanted) => unwanted === key)),
  )
}
