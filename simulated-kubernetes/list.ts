import { type Fields, isFields } from './json.ts'
import type { ServedKind } from './kind.ts'
import type { StoredObject } from './metadata.ts'
import { badRequest, expired, type Refusal, tooLarge } from './refusal.ts'
import type { ApiRequest, Target } from './request.ts'
import type { ObjectStore } from './store.ts'

interface ListBody extends Fields {
  readonly items: readonly Fields[]
}

/**
 * A collection, or a page of it, as it is now, or as it was when its first page was read.
 * Errors: 410 when that is forgotten.
 */
export function listObjects(store: ObjectStore, request: ApiRequest): ListBody {
  const { kind, query } = request
  const { filter, prefix, only } = readSelection(request, query)
  const token = query.get('continue') ?? ''
  const limit = Number(query.get('limit') ?? 0)
  const page = token === '' ? undefined : readToken(token)
  const wanted = query.get('resourceVersion') ?? ''
  refuseEarly(store, wanted)
  const match = query.get('resourceVersionMatch') ?? ''
  if (page !== undefined && wanted !== '' && wanted !== '0') {
    throw badRequest('specifying resource version is not allowed when using continue')
  }
  const isExact =
    match === 'Exact' || (limit > 0 && match === '' && wanted !== '' && wanted !== '0')
  const collection = store.of(kind)
  let revision = store.revision
  let objects: readonly StoredObject[]
  if (page !== undefined || isExact) {
    revision = page?.revision ?? Number(wanted)
    const then = collection.at(revision)
    if (then === undefined)
      throw page === undefined ? tooOld(revision, collection.forgotten) : tokenExpired()
    const keys = [...then.keys()]
      .filter((key) => key.startsWith(prefix) && key >= (page?.start ?? ''))
      .toSorted()
    objects = keys.map((key) => then.get(key) as StoredObject)
  } else if (only === undefined) objects = collection.under(prefix)
  else {
    const object = collection.get(only)
    objects = object === undefined ? [] : [object]
  }
  const shown = firstOf(objects, filter, limit)
  const last = shown.at(-1)
  // The real server does not look whether the rest matches either: the last page may be empty.
  const isCut = limit > 0 && shown.length === limit && last !== objects.at(-1)
  const { fromStorage } = kind.verbs
  const version = kind.group === '' ? kind.version : `${kind.group}/${kind.version}`
  return {
    kind: `${kind.kind}List`,
    apiVersion: version,
    metadata: {
      resourceVersion: String(revision),
      ...(isCut && last !== undefined
        ? {
            continue: writeToken(revision, last),
            ...(filter === undefined ? { remainingItemCount: objects.length - limit } : {}),
          }
        : {}),
    },
    items: shown.map((object) => {
      const item = fromStorage?.(object) ?? object
      if (kind.isCustom) return item
      // Items of built-in kinds carry no kind of their own; the list has it.
      const { apiVersion: _, kind: __, ...rest } = item
      return rest
    }),
  }
}

function firstOf(
  objects: readonly StoredObject[],
  filter: Filter | undefined,
  limit: number,
): readonly StoredObject[] {
  if (limit <= 0) return filter === undefined ? objects : objects.filter(filter)
  const found: StoredObject[] = []
  for (const object of objects) {
    if (filter !== undefined && !filter(object)) continue
    found.push(object)
    if (found.length === limit) break
  }
  return found
}

/** Errors: 400 for a text that is not a version, 504 for a version that is not reached yet. */
export function refuseEarly(store: ObjectStore, wanted: string): void {
  if (wanted === '') return
  if (!isVersion(wanted)) throw badRequest(`invalid resource version: ${notAVersion(wanted)}`)
  if (Number(wanted) > store.revision) throw tooLarge(Number(wanted), store.revision)
}

export function isVersion(text: string): boolean {
  return /^\d+$/.test(text)
}

export function notAVersion(text: string): string {
  const shown = JSON.stringify(text)
  return `resourceVersion: Invalid value: ${shown}: strconv.ParseUint: parsing ${shown}: invalid syntax`
}

interface PageToken {
  readonly revision: number
  readonly start: string
}

function writeToken(revision: number, { metadata }: StoredObject): string {
  const start = metadata.namespace ? `${metadata.namespace}/${metadata.name}` : metadata.name
  const token = { v: 'meta.k8s.io/v1', rv: revision, start: `${start}\0` }
  return Buffer.from(JSON.stringify(token)).toString('base64url')
}

function readToken(text: string): PageToken {
  try {
    const token = JSON.parse(Buffer.from(text, 'base64url').toString()) as {
      readonly rv: number
      readonly start: string
    }
    if (typeof token.start === 'string' && token.rv > 0) {
      return { revision: token.rv, start: token.start }
    }
  } catch {
    // Answered below, like every other token that is none.
  }
  throw badRequest('continue key is not valid: incorrect encoded token')
}

function tokenExpired(): Refusal {
  return expired(
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
  )
}

/** The 410 for a version whose successors are forgotten. */
export function tooOld(wanted: number, oldest: number): Refusal {
  return expired(`too old resource version: ${wanted} (${oldest})`)
}

/** Whether an object is among those that a list or watch asks for. */
export type Filter = (object: StoredObject) => boolean

/** The objects of a kind that a list or watch asks for. */
interface Selection {
  readonly filter: Filter | undefined
  /** Keys of the objects that may match start so. */
  readonly prefix: string
  /** The key of the only object that can match, when the name is given: then there are no pages. */
  readonly only: string | undefined
}

const none: Readonly<Record<string, string>> = {}

/**
 * Reads the selectors of a request. Errors: 400 for one that does not parse or names an unknown
 * field.
 */
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

function fieldFilter(kind: ServedKind, { field, value, isEqual }: FieldTerm): Filter {
  const read = readerOf(kind, field)
  if (read === undefined) throw badRequest(unknownField(kind, field))
  return (object) => (read(object) === value) === isEqual
}

function unknownField(kind: ServedKind, field: string): string {
  const isStrict = kind.isCustom || kind.selectable.size > 0
  return isStrict
    ? `field label not supported: ${field}`
    : `"${field}" is not a known field selector: only "metadata.name", "metadata.namespace"`
}

function readerOf(kind: ServedKind, field: string): ((object: StoredObject) => string) | undefined {
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

/** Whether an object is meant, by its labels. */
type LabelSelector = (labels: Readonly<Record<string, string>>) => boolean

/** One term of a field selector. */
interface FieldTerm {
  readonly field: string
  readonly value: string
  readonly isEqual: boolean
}

const setTerm = /^([^\s!=(),]+)\s+(in|notin)\s*\(([^()]*)\)$/
const equalTerm = /^([^\s!=(),]+)\s*(==|=|!=)\s*([^\s!=(),]*)$/
const existsTerm = /^(!?)\s*([^\s!=(),]+)$/

const compiled = new Map<string, LabelSelector>()

/** Parses a label selector: `a=b,c!=d,e in (f,g),h,!i`. Errors: 400 when it does not parse. */
function labelSelector(text: string): LabelSelector {
  const known = compiled.get(text)
  if (known !== undefined) return known
  const terms = splitTerms(text).map(labelTerm)
  const selector: LabelSelector = (labels) => terms.every((term) => term(labels))
  if (compiled.size >= 256) compiled.clear()
  compiled.set(text, selector)
  return selector
}

function labelTerm(text: string): LabelSelector {
  const set = setTerm.exec(text)
  if (set !== null) {
    const [, key = '', operator, list = ''] = set
    const values = new Set(list.split(',').map((value) => value.trim()))
    return operator === 'in'
      ? (labels) => labels[key] !== undefined && values.has(labels[key])
      : (labels) => labels[key] === undefined || !values.has(labels[key])
  }
  const equal = equalTerm.exec(text)
  if (equal !== null) {
    const [, key = '', operator, value = ''] = equal
    return operator === '!=' ? (labels) => labels[key] !== value : (labels) => labels[key] === value
  }
  const exists = existsTerm.exec(text)
  if (exists !== null) {
    const [, not, key = ''] = exists
    return not === '!'
      ? (labels) => labels[key] === undefined
      : (labels) => labels[key] !== undefined
  }
  throw badRequest(`unable to parse requirement: ${text}`)
}

/** Parses a field selector: `a=b,c!=d`. Errors: 400 when it does not parse. */
function fieldSelector(text: string): readonly FieldTerm[] {
  return splitTerms(text).map((term) => {
    const match = /^([^!=]+?)(==|!=|=)(.*)$/.exec(term)
    if (match === null) throw badRequest(`invalid selector: '${term}'; can't understand '${term}'`)
    const [, field = '', operator, value = ''] = match
    return { field, value, isEqual: operator !== '!=' }
  })
}

/** At the commas that are not inside parentheses. */
function splitTerms(text: string): readonly string[] {
  return text
    .split(/,(?![^(]*\))/)
    .map((term) => term.trim())
    .filter((term) => term !== '')
}
