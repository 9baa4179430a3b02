// The rules for a schema in a CRD: legal for the API server, and of the quality that kubectl
// explain and CEL need. Rules: reference pages of CustomResourceDefinition ("structural schema"),
// and our own for bounds and descriptions.

/**
 * One node of a schema: the keys a CRD may use, and those that zod writes and a transform removes.
 */
export interface SchemaNode {
  readonly type?: string
  readonly description?: string
  readonly format?: string
  readonly enum?: readonly unknown[]
  readonly default?: unknown
  readonly nullable?: boolean
  readonly pattern?: string
  readonly minLength?: number
  readonly maxLength?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly minItems?: number
  readonly maxItems?: number
  readonly minProperties?: number
  readonly maxProperties?: number
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, SchemaNode>>
  readonly items?: SchemaNode
  readonly additionalProperties?: SchemaNode | boolean
  readonly 'x-kubernetes-list-type'?: string
  readonly 'x-kubernetes-list-map-keys'?: readonly string[]
  readonly 'x-kubernetes-map-type'?: string
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean
  readonly 'x-kubernetes-int-or-string'?: boolean
  readonly 'x-kubernetes-validations'?: readonly CelRule[]
  readonly $schema?: string
  readonly id?: string
  readonly readOnly?: boolean
}

/** A CEL rule as the API server reads it. */
export interface CelRule {
  readonly rule: string
  readonly message?: string
  readonly reason?: string
  readonly fieldPath?: string
}

const types = ['object', 'array', 'string', 'integer', 'number', 'boolean']

const allowedKeys = new Set([
  'type',
  'description',
  'format',
  'enum',
  'default',
  'nullable',
  'pattern',
  'minLength',
  'maxLength',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  'minItems',
  'maxItems',
  'minProperties',
  'maxProperties',
  'required',
  'properties',
  'items',
  'additionalProperties',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-map-type',
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-embedded-resource',
  'x-kubernetes-validations',
])

/** Every place where a schema breaks a rule, as `path: problem`. Empty when the schema is fine. */
export function crdProblems(node: SchemaNode, path: string): readonly string[] {
  const problems = nodeRules.flatMap((rule) => rule(node))
  return [
    ...problems.map((problem) => `${path}: ${problem}`),
    ...Object.entries(node.properties ?? {}).flatMap(([name, child]) => [
      ...(child.description ? [] : [`${path}.${name}: has no description`]),
      ...crdProblems(child, `${path}.${name}`),
    ]),
    ...(node.items ? crdProblems(node.items, `${path}[]`) : []),
    ...(typeof node.additionalProperties === 'object'
      ? crdProblems(node.additionalProperties, `${path}{}`)
      : []),
  ]
}

type NodeRule = (node: SchemaNode) => readonly string[]

const nodeRules: readonly NodeRule[] = [
  (node) =>
    Object.keys(node)
      .filter((key) => !allowedKeys.has(key))
      .map((key) => `'${key}' may not be used in a CRD`),
  (node) =>
    node.type !== undefined && types.includes(node.type)
      ? []
      : [`needs one type of ${types.join(', ')}, has ${String(node.type)}`],
  (node) =>
    node.additionalProperties !== undefined && node.properties !== undefined
      ? ['has both properties and additionalProperties']
      : [],
  (node) =>
    typeof node.additionalProperties === 'boolean'
      ? ['additionalProperties must be a schema, not true or false']
      : [],
  (node) => (node.pattern === undefined ? [] : patternProblems(node.pattern)),
  (node) => {
    const keeps = node['x-kubernetes-preserve-unknown-fields'] === true
    return node.type === 'object' && !node.properties && !node.additionalProperties && !keeps
      ? ['is an object of which nothing is known']
      : []
  },
  (node) => (node.type === 'array' ? listProblems(node) : []),
  (node) =>
    node.type === 'object' && node.additionalProperties && node.maxProperties === undefined
      ? ['is a map without maxProperties']
      : [],
  (node) =>
    node.type === 'string' && node.maxLength === undefined && node.enum === undefined
      ? ['is a string without maxLength']
      : [],
  (node) => (node.type === 'number' ? ['is a floating point number; use integers'] : []),
  (node) =>
    (node.required ?? [])
      .filter((name) => node.properties?.[name] === undefined)
      .map((name) => `requires '${name}', which it does not have`),
  (node) =>
    (node.required ?? [])
      .filter((name) => node.properties?.[name]?.default !== undefined)
      .map((name) => `requires '${name}', which has a default`),
  (node) => (node['x-kubernetes-validations'] ?? []).flatMap(ruleProblems),
]

function listProblems(node: SchemaNode): readonly string[] {
  const listType = node['x-kubernetes-list-type']
  const keys = node['x-kubernetes-list-map-keys'] ?? []
  const missing = keys.filter((key) => !(node.items?.required ?? []).includes(key))
  return [
    ...(node.items ? [] : ['is a list without items']),
    ...(node.maxItems === undefined ? ['is a list without maxItems'] : []),
    ...(listType === undefined ? ['is a list without x-kubernetes-list-type'] : []),
    ...((listType === 'map') === keys.length > 0 ? [] : ['list-type map and keys go together']),
    ...missing.map((key) => `is keyed by '${key}', which its items do not require`),
  ]
}

/**
 * The API server compiles patterns with Go's RE2, which has neither look-around nor
 * back-references.
 */
function patternProblems(pattern: string): readonly string[] {
  const group = /\(\?(?:[=!]|<[=!])/.exec(pattern)
  const reference = /\\(?:[1-9]|k<)/.exec(pattern)
  return [
    ...(group ? [`pattern uses look-around ${group[0]}…), which RE2 has not`] : []),
    ...(reference ? [`pattern uses the back-reference ${reference[0]}, which RE2 has not`] : []),
  ]
}

function ruleProblems({ rule, message }: CelRule): readonly string[] {
  return [
    ...(rule.trim() === '' ? ['has an empty CEL rule'] : []),
    ...(message ? [] : [`CEL rule '${rule}' has no message for people`]),
  ]
}
