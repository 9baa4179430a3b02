import { category, group, labels, version } from '../../core/api/names.ts'
import type { Column, KindDefinition } from '../../core/api/schema.ts'
import type { SchemaNode } from './crd-schema.ts'
import { patternsInWords, structuralSchema } from './structural.ts'

/** Short names that neighbours in the same cluster use. */
const takenShortNames = new Set(['ag', 'at', 'wl', 'dr', 'mc'])

/** A CustomResourceDefinition, as far as we write one. */
export interface Crd {
  readonly apiVersion: 'apiextensions.k8s.io/v1'
  readonly kind: 'CustomResourceDefinition'
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> }
  readonly spec: {
    readonly group: string
    readonly scope: 'Namespaced'
    readonly names: Readonly<Record<string, string | readonly string[]>>
    readonly versions: readonly CrdVersion[]
  }
}

/** One served version of it. */
export interface CrdVersion {
  readonly name: string
  readonly served: boolean
  readonly storage: boolean
  readonly subresources: { readonly status: Readonly<Record<string, never>> }
  readonly additionalPrinterColumns: readonly PrinterColumn[]
  readonly selectableFields?: readonly { readonly jsonPath: string }[]
  readonly schema: { readonly openAPIV3Schema: SchemaNode }
}

/** A column of `kubectl get`; priority 1 shows with `-o wide` only. */
interface PrinterColumn {
  readonly name: string
  readonly type: string
  readonly jsonPath: string
  readonly description?: string
  readonly priority?: number
}

/**
 * The CRD of a kind.
 *
 * @throws {Error} when a schema is not CRD-legal, a column or selectable field points nowhere, or a
 *   short name is taken.
 */
export function crdOf(definition: KindDefinition): Crd {
  const { kind, plural, singular, shortNames } = definition
  const taken = shortNames.filter((name) => takenShortNames.has(name))
  if (taken.length > 0) throw new Error(`${kind}: the short name ${taken.join(', ')} is taken`)
  const root = rootSchema(definition)
  const selectable = (definition.selectableFields ?? []).map((path) => selectableField(root, path))
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}`, labels: { [labels.name]: 'guildhall' } },
    spec: {
      group,
      scope: 'Namespaced',
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular,
        shortNames,
        categories: [category],
      },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: definition.columns.map((column) => printed(root, column)),
          ...(selectable.length > 0 && { selectableFields: selectable }),
          schema: { openAPIV3Schema: root },
        },
      ],
    },
  }
}

function rootSchema({ kind, description, spec, status, rules }: KindDefinition): SchemaNode {
  return {
    description,
    type: 'object',
    ...(rules && { 'x-kubernetes-validations': rules }),
    required: ['spec'],
    properties: {
      apiVersion: { description: `${group}/${version}.`, type: 'string' },
      kind: { description: `${kind}.`, type: 'string' },
      metadata: { type: 'object' },
      spec: patternsInWords(structuralSchema(spec, `${kind}.spec`), `${kind}.spec`),
      status: structuralSchema(status, `${kind}.status`),
    },
  }
}

function printed(root: SchemaNode, column: Column): PrinterColumn {
  const { name, path, type = 'string', wide } = column
  const field = path.startsWith('.metadata.') ? metadataField(path) : schemaAt(root, path)
  const actual = field.format === 'date-time' && type === 'date' ? 'date' : field.type
  if (actual !== type) {
    throw new Error(`column ${name} is of type ${type}, but ${path} is ${String(actual)}`)
  }
  const description = column.description ?? field.description
  return {
    name,
    type,
    jsonPath: path,
    ...(description && { description }),
    ...(wide && { priority: 1 }),
  }
}

/** `metadata` has no schema in a CRD; these are the parts of it that columns show. */
function metadataField(path: string): SchemaNode {
  if (path !== '.metadata.creationTimestamp') {
    throw new Error(`columns show no part of the metadata but its creationTimestamp, not ${path}`)
  }
  return { description: 'Time since it was created.', type: 'string', format: 'date-time' }
}

function selectableField(root: SchemaNode, jsonPath: string): { readonly jsonPath: string } {
  const { type } = schemaAt(root, jsonPath)
  if (type !== 'string' && type !== 'integer' && type !== 'boolean') {
    throw new Error(`selectable field ${jsonPath} is ${String(type)}; only scalars can be selected`)
  }
  return { jsonPath }
}

/**
 * The schema of the field that a JSONPath of a printer column or selectable field points at.
 *
 * Knows what those may use: `.name` steps and the filter `[?(@.name=="value")]` on lists.
 *
 * @throws {Error} naming the step that leads nowhere.
 */
export function schemaAt(root: SchemaNode, path: string): SchemaNode {
  const steps = [...path.matchAll(/\.(?<field>[A-Za-z]\w*)|\[\?\(@\.(?<key>\w+)=="\w+"\)\]/g)]
  if (steps.map(([text]) => text).join('') !== path || path === '') {
    throw new Error(`'${path}' is not a JSONPath of the simple kind`)
  }
  return steps.reduce((node, { 0: text, groups }) => {
    const { field, key } = groups ?? {}
    const next = field === undefined ? node.items : node.properties?.[field]
    if (next === undefined || (key !== undefined && next.properties?.[key] === undefined)) {
      throw new Error(`'${path}' leads nowhere: the schema has no '${text}' there`)
    }
    return next
  }, root)
}
