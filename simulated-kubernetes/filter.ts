import { isFields } from './json.ts'
import type { Kind } from './kind.ts'
import type { StoredObject } from './metadata.ts'
import { badRequest } from './refusal.ts'
import type { Target } from './request.ts'
import { type FieldTerm, fieldSelector, labelSelector } from './selectors.ts'

/** Whether an object belongs to what was asked for. */
export type Filter = (object: StoredObject) => boolean

/** What a list or watch asks for, beside the kind. */
export interface Selection {
  readonly filter: Filter | undefined
  /** Keys of the objects that may match start so. */
  readonly prefix: string
  /** The key of the only object that can match, when the name is given: then there are no pages. */
  readonly only: string | undefined
}

const none: Readonly<Record<string, string>> = {}

/** Reads the selectors of a request. Errors: 400 for one that does not parse or names an unknown field. */
export function readSelection(target: Target, query: URLSearchParams): Selection {
  const { kind, namespace, name } = target
  const filters: Filter[] = []
  const labels = query.get('labelSelector')
  if (labels) {
    const selects = labelSelector(labels)
    filters.push((object) => selects(object.metadata.labels ?? none))
  }
  const terms = fieldSelector(query.get('fieldSelector') ?? '')
  for (const term of terms) filters.push(fieldFilter(kind, term))
  if (name !== '') filters.push((object) => object.metadata.name === name)
  const [first, ...others] = filters
  const filter =
    first === undefined || others.length === 0
      ? first
      : (object: StoredObject) => filters.every((each) => each(object))
  const prefix = kind.namespaced && namespace !== '' ? `${namespace}/` : ''
  const named = terms.find((term) => term.field === 'metadata.name' && term.isEqual)?.value
  const isPlace = !kind.namespaced || namespace !== ''
  return { filter, prefix, only: named && isPlace ? `${prefix}${named}` : undefined }
}

function fieldFilter(kind: Kind, { field, value, isEqual }: FieldTerm): Filter {
  const read = readerOf(kind, field)
  if (read === undefined) throw badRequest(unknownField(kind, field))
  return (object) => (read(object) === value) === isEqual
}

function unknownField(kind: Kind, field: string): string {
  const isStrict = kind.isCustom || kind.selectable.size > 0
  return isStrict
    ? `field label not supported: ${field}`
    : `"${field}" is not a known field selector: only "metadata.name", "metadata.namespace"`
}

function readerOf(kind: Kind, field: string): ((object: StoredObject) => string) | undefined {
  if (field === 'metadata.name') return ({ metadata }) => metadata.name
  if (field === 'metadata.namespace') return ({ metadata }) => metadata.namespace ?? ''
  const path = kind.selectable.get(field)
  if (path === undefined) return undefined
  return (object) => {
    let value: unknown = object
    for (const part of path) value = isFields(value) ? value[part] : undefined
    return typeof value === 'string' ? value : value ? JSON.stringify(value) : ''
  }
}
