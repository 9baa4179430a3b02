import { frozen } from './json.ts'
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
