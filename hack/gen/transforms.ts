import { isDeepStrictEqual } from 'node:util'
import type { SchemaNode } from './schema-node.ts'

/** A change to one node of a schema. Its example is its documentation; a test runs it. */
export interface Transform {
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
    why: 'additionalProperties is forbidden beside properties; the API server prunes unknown fields by itself',
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
export function plainSlashes(pattern: string): string {
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
