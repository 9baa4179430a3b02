// From a zod schema to a structural schema: the subset of OpenAPI v3 that a CRD may carry.
//
// zod 4 writes most of it. What is left is a list of small named transforms, each with an example that a test runs,
// and a linter (crd-rules.ts) that refuses whatever is still not legal. What zod writes and what becomes of it:
//
//   zod                                   becomes
//   z.object                              properties and required; pruning does what strictness would
//   z.enum, z.literal                     enum
//   .default(x), .prefault({})            default; the API server fills in nested defaults inside `default: {}`
//   z.int32(), z.int()                    integer with format int32 or int64 instead of the widest bounds
//   .meta({ 'x-kubernetes-…': … })        passed through; CEL rules live beside the field this way
//   z.looseObject, z.any, z.unknown       refused: no type. Use .meta({ 'x-kubernetes-preserve-unknown-fields': true })
//   z.union, z.discriminatedUnion         refused: types inside anyOf or oneOf. Use optional members and a CEL rule
//   two .regex() on one string            refused: they become allOf with types. Write one pattern
//   z.iso.duration                        refused: look-ahead. Use a count of seconds
//   .meta({ id }), recursive getters      refused: $ref
//   .refine, .transform, .preprocess,     refused: zod drops them from the schema without a word. Write a CEL rule
//   .trim, .catch
//   z.bigint, z.date, z.set, z.map        zod throws
import { z } from 'zod'
import { crdProblems } from './crd-rules.ts'
import { forms } from '../../core/api/schema.ts'
import type { CelRule, SchemaNode } from './schema-node.ts'
import { plainSlashes, transforms } from './transforms.ts'

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
 * The same schema with rules in the place of its patterns: of a pattern the API server shows the pattern, of a rule its
 * message. For what people write; in a status, which the operator writes, rules would only cost.
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
export function transformed(node: SchemaNode): SchemaNode {
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
