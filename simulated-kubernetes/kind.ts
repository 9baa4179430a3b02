import type { Resource } from '../core/kube/resource.ts'
import type { Fields } from './json.ts'
import type { StoredObject } from './metadata.ts'
import type { FieldProblem } from './refusal.ts'
import { compileSchema, type Schema, type SchemaSource } from './schema.ts'

/** How one kind is served. The real server calls this the strategy of a kind. */
export interface ServedKind extends Resource {
  /** Kinds with the same one share their objects: the two Event APIs. */
  readonly storage: string
  readonly schema: Schema
  /**
   * True for kinds of a CRD: their schema refuses (422), where that of a built-in kind does not
   * parse (400).
   */
  readonly isCustom: boolean
  readonly hasStatus: boolean
  readonly hasGeneration: boolean
  /** PUT without a resourceVersion is taken. */
  readonly updatesBlindly: boolean
  /** PUT of an object that is not there makes it. */
  readonly createsOnUpdate: boolean
  /** DELETE answers with the object, not with a `Status`. */
  readonly returnsDeleted: boolean
  readonly scale: ScalePaths | undefined
  /**
   * Fields that a field selector may name, besides name and namespace, and the path to each in the
   * stored object.
   */
  readonly selectable: ReadonlyMap<string, readonly string[]>
  readonly verbs: Partial<BuiltIn>
  /** The fields that an object of this kind has even when its maker set none. */
  readonly empty: Fields
}

/** Where a kind keeps the numbers that the scale subresource shows. */
export interface ScalePaths {
  readonly specReplicasPath: string
  readonly statusReplicasPath: string
  readonly labelSelectorPath?: string
}

/** The rules of a built-in kind that differ from those of other kinds. All are pure. */
export interface BuiltIn {
  /** Fills in and drops fields as the server does on creation. */
  prepare(object: StoredObject): StoredObject
  /** The object that an update of the main resource stores. */
  change(next: StoredObject, old: StoredObject): StoredObject
  /** The object that an update of the status stores. */
  changeStatus(next: StoredObject, old: StoredObject): StoredObject
  problems(object: StoredObject): readonly FieldProblem[]
  changeProblems(next: StoredObject, old: StoredObject): readonly FieldProblem[]
  /**
   * Seconds until an object that is deleted goes, given the seconds asked for; undefined for at
   * once.
   */
  grace(object: StoredObject, asked: number | undefined): number | undefined
  /** True while something else than finalizers in the metadata keeps an object that is deleted. */
  isHeld(object: StoredObject): boolean
  /** The object once it is deleted and held. */
  mark(object: StoredObject, time: string): StoredObject
  /** From the shape that clients of this version send to the stored shape, and back. */
  toStorage(object: Fields): Fields
  fromStorage(object: StoredObject): StoredObject
}

/** Kinds of one version of the API, by `group/plural`; made once and shared by servers. */
export type CompiledKinds = readonly ServedKind[]

/** A CRD, as far as it is used here. */
export interface Definition {
  readonly spec: {
    readonly group: string
    readonly scope: string
    readonly names: { readonly kind: string; readonly plural: string; readonly listKind?: string }
    readonly versions: readonly {
      readonly name: string
      readonly served: boolean
      readonly subresources?: { readonly status?: object; readonly scale?: ScalePaths }
      readonly selectableFields?: readonly { readonly jsonPath: string }[]
      readonly schema?: { readonly openAPIV3Schema?: SchemaSource }
    }[]
  }
}

/** Compiles CRDs. Caveat: one storage for all versions, without conversion. */
export function compileKinds(definitions: readonly Definition[]): CompiledKinds {
  return definitions.flatMap(({ spec }) =>
    spec.versions
      .filter((version) => version.served)
      .map((version): ServedKind => {
        const { group, names } = spec
        const source = version.schema?.openAPIV3Schema ?? {}
        return {
          group,
          version: version.name,
          kind: names.kind,
          plural: names.plural,
          namespaced: spec.scope === 'Namespaced',
          storage: storageOf(group, names.plural),
          schema: compileSchema(withTypeMeta(source)),
          isCustom: true,
          hasStatus: version.subresources?.status !== undefined,
          hasGeneration: true,
          updatesBlindly: false,
          createsOnUpdate: false,
          returnsDeleted: false,
          scale: version.subresources?.scale,
          selectable: new Map(
            (version.selectableFields ?? []).map(({ jsonPath }) => {
              const name = jsonPath.replace(/^\./, '')
              return [name, name.split('.')]
            }),
          ),
          verbs: {},
          empty: {},
        }
      }),
  )
}

export function storageOf(group: string, plural: string): string {
  return group === '' ? plural : `${plural}.${group}`
}

/** Every object has these, whatever its schema says; metadata is looked after elsewhere. */
function withTypeMeta(source: SchemaSource): SchemaSource {
  const properties = {
    ...source.properties,
    apiVersion: { type: 'string' },
    kind: { type: 'string' },
    metadata: metadataSchema,
  }
  return { ...source, properties }
}

export const text: SchemaSource = { type: 'string' }
export const flag: SchemaSource = { type: 'boolean' }
export const int32: SchemaSource = { type: 'integer', format: 'int32' }
export const texts: SchemaSource = { type: 'object', additionalProperties: text }
export const anything: SchemaSource = {
  type: 'object',
  'x-kubernetes-preserve-unknown-fields': true,
}

/** `ObjectMeta`, for who owns which part of it; it is read and checked in metadata.ts. */
const metadataSchema: SchemaSource = {
  type: 'object',
  isOpaque: true,
  properties: {
    name: text,
    generateName: text,
    namespace: text,
    uid: text,
    resourceVersion: text,
    generation: { type: 'integer' },
    creationTimestamp: text,
    deletionTimestamp: text,
    deletionGracePeriodSeconds: { type: 'integer' },
    labels: texts,
    annotations: texts,
    finalizers: { type: 'array', 'x-kubernetes-list-type': 'set', items: text },
    ownerReferences: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['uid'],
      items: {
        type: 'object',
        'x-kubernetes-map-type': 'atomic',
        properties: {
          apiVersion: text,
          kind: text,
          name: text,
          uid: text,
          controller: { type: 'boolean' },
          blockOwnerDeletion: { type: 'boolean' },
        },
      },
    },
    managedFields: { type: 'array', items: { type: 'object' } },
  },
}

type Traits = Pick<ServedKind, 'group' | 'version' | 'kind' | 'plural'> &
  Partial<Omit<ServedKind, 'schema' | 'verbs'>>

/** A kind that every server has. The defaults are those that hold for most built-in kinds. */
export function builtIn(
  traits: Traits,
  fields: Readonly<Record<string, SchemaSource>>,
  verbs: Partial<BuiltIn> = {},
): ServedKind {
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
