import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { crdProblems, type SchemaNode } from './crd-schema.ts'
import { structuralSchema, transforms } from './structural.ts'

const word = z.string().max(10)
const field = (schema: z.ZodType): z.ZodType =>
  z.object({ field: schema.meta({ ...schema.meta(), description: 'A field.' }) })

describe('structuralSchema', () => {
  test('writes an object with nothing but what a CRD may carry', () => {
    const schema = z.object({
      count: z.int32().default(3).meta({ description: 'A count.' }),
      word: word.optional().meta({ description: 'A word.' }),
    })

    expect(structuralSchema(schema, 'X.spec')).toEqual({
      type: 'object',
      properties: {
        count: { description: 'A count.', type: 'integer', format: 'int32', default: 3 },
        word: { description: 'A word.', type: 'string', maxLength: 10 },
      },
    })
  })

  test('opens strict objects, because the API server prunes', () => {
    expect(structuralSchema(z.strictObject({ a: word.meta({ description: 'A.' }) }), 'X')).toEqual({
      type: 'object',
      required: ['a'],
      properties: { a: { description: 'A.', type: 'string', maxLength: 10 } },
    })
  })

  test.each<[string, z.ZodType, RegExp]>([
    ['a loose object', z.looseObject({ a: word }), /both properties and additionalProperties/],
    ['a union', z.union([word, z.int32()]), /'anyOf' may not be used/],
    [
      'a discriminated union',
      z.discriminatedUnion('k', [
        z.object({ k: z.literal('a') }),
        z.object({ k: z.literal('b'), n: word }),
      ]),
      /'oneOf' may not be used/,
    ],
    ['two patterns', word.regex(/a/).regex(/b/), /'allOf' may not be used/],
    ['anything', z.any(), /needs one type/],
    ['an unknown', z.unknown(), /needs one type/],
    ['an identified schema', z.object({ a: word.meta({ id: 'word' }) }), /'\$ref' may not be used/],
    ['an ISO duration', z.iso.duration().max(40), /look-around/],
    ['a back-reference', word.regex(/(a)\1/), /back-reference/],
    ['a refinement', word.refine((text) => text === 'a'), /drops a check \(custom\)/],
    ['a transformation', word.transform((text) => text.length), /drops a pipe/],
    ['a preprocessing', z.preprocess((text) => text, word), /drops a pipe/],
    ['a trim', word.trim(), /drops a check \(overwrite\)/],
    ['a fallback', word.catch('a'), /drops a catch/],
    ['an unbounded string', z.string(), /string without maxLength/],
    ['an unbounded list', z.array(word), /list without maxItems/],
    ['a list without list-type', z.array(word).max(3), /without x-kubernetes-list-type/],
    ['an unbounded map', z.record(z.string(), word), /map without maxProperties/],
    ['a float', z.number(), /floating point/],
    ['a tuple', z.tuple([word]), /'anyOf' may not be used/],
    ['a recursive object', recursive(), /ecursive|cycle|Cycle/],
    ['a set', z.set(word), /Set cannot be represented/],
    ['a date', z.date(), /Date cannot be represented/],
  ])('refuses %s and says why', (_, schema, wanted) => {
    expect(() => structuralSchema(field(schema), 'X.spec')).toThrow(wanted)
  })

  test('refuses a field without a description', () => {
    expect(() => structuralSchema(z.object({ a: word }), 'X.spec')).toThrow(
      'X.spec.a: has no description',
    )
  })
})

describe('crdProblems', () => {
  test.each<[string, SchemaNode, string]>([
    [
      'a list keyed by what its items may lack',
      {
        type: 'array',
        maxItems: 3,
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['name'],
        items: { type: 'object', properties: {} },
      },
      "x: is keyed by 'name', which its items do not require",
    ],
    [
      'a keyed list without keys',
      {
        type: 'array',
        maxItems: 3,
        'x-kubernetes-list-type': 'map',
        items: { type: 'boolean' },
      },
      'x: list-type map and keys go together',
    ],
    [
      'a required field with a default',
      {
        type: 'object',
        required: ['a'],
        properties: { a: { description: 'A.', type: 'boolean', default: true } },
      },
      "x: requires 'a', which has a default",
    ],
    [
      'a required field that is not there',
      { type: 'object', required: ['b'], properties: {} },
      "x: requires 'b', which it does not have",
    ],
    [
      'a CEL rule without a sentence',
      { type: 'boolean', 'x-kubernetes-validations': [{ rule: 'self' }] },
      "x: CEL rule 'self' has no message for people",
    ],
    [
      'an object of which nothing is known',
      { type: 'object' },
      'x: is an object of which nothing is known',
    ],
    [
      'a map of anything',
      { type: 'object', additionalProperties: true, maxProperties: 3 },
      'x: additionalProperties must be a schema, not true or false',
    ],
  ])('finds %s', (_, node, want) => {
    expect(crdProblems(node, 'x')).toContain(want)
  })
})

function recursive(): z.ZodType {
  const tree = z.object({
    get children(): z.ZodType {
      return z.array(tree).max(3)
    },
  })
  return tree
}

describe('transforms', () => {
  test.each(transforms)('$name: turns the example before into the example after', (transform) => {
    const got = transform.apply(transform.before)

    expect(got).toEqual(transform.after)
    expect(Object.keys(got)).toEqual(Object.keys(transform.after))
  })

  test.each(transforms)('$name: leaves its own result as it is', (transform) => {
    expect(transform.apply(transform.after)).toEqual(transform.after)
  })

  test.each(transforms)('$name: has an example that changes something', ({ before, after }) => {
    expect(JSON.stringify(before)).not.toEqual(JSON.stringify(after))
  })
})
