import { type BuiltIn, type Kind, storageOf } from './kind.ts'
import { metadataSchema } from './metadata-schema.ts'
import { compileSchema, type SchemaSource } from './schema.ts'

export const text: SchemaSource = { type: 'string' }
export const flag: SchemaSource = { type: 'boolean' }
export const int32: SchemaSource = { type: 'integer', format: 'int32' }
export const texts: SchemaSource = { type: 'object', additionalProperties: text }
export const anything: SchemaSource = {
  type: 'object',
  'x-kubernetes-preserve-unknown-fields': true,
}

type Traits = Pick<Kind, 'group' | 'version' | 'kind' | 'plural'> &
  Partial<Omit<Kind, 'schema' | 'verbs'>>

/** A kind that every server has; what is not said about it holds for most of them. */
export function builtIn(
  traits: Traits,
  fields: Readonly<Record<string, SchemaSource>>,
  verbs: Partial<BuiltIn> = {},
): Kind {
  const properties = { apiVersion: text, kind: text, metadata: metadataSchema, ...fields }
  return {
    namespaced: true,
    storage: storageOf(traits.group, traits.plural),
    isCustom: false,
    hasStatus: false,
    hasGeneration: false,
    updatesBlindly: true,
    createsOnUpdate: false,
    returnsDeleted: false,
    scale: undefined,
    selectable: new Map(),
    empty: { metadata: {} },
    ...traits,
    schema: compileSchema({ type: 'object', properties }),
    verbs,
  }
}
