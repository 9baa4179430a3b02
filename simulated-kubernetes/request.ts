import { type Fields, isFields } from './json.ts'
import type { ServedKind } from './kind.ts'
import { type StoredMetadata, readMetadata, type StoredObject } from './metadata.ts'
import { badRequest, invalid, invalidValue, noSuchPath, notFound, Refusal } from './refusal.ts'
import { problemsOf, type Schema } from './schema.ts'

/** The object or collection that a path names. */
export interface Target {
  readonly kind: ServedKind
  readonly namespace: string
  /** Empty for the collection. */
  readonly name: string
  readonly subresource: string
}

/** A request, read. */
export interface ApiRequest extends Target {
  readonly method: string
  readonly query: URLSearchParams
  readonly body: string | undefined
  readonly contentType: string
  readonly user: string
  readonly signal: AbortSignal
}

/** The kinds that are served now. */
export interface KindFinder {
  /** By `group/version/plural`. */
  find(path: string): ServedKind | undefined
  /** Paths that were read already: they come again and again. */
  readonly targets: Map<string, Target>
}

const noQuery = new URLSearchParams()

/** Path and query of a request. */
export function splitPath(path: string): {
  readonly path: string
  readonly query: URLSearchParams
} {
  const mark = path.indexOf('?')
  return mark < 0
    ? { path, query: noQuery }
    : { path: path.slice(0, mark), query: new URLSearchParams(path.slice(mark + 1)) }
}

/** Reads the path of an object or collection. Errors: 404 for a kind that is not served. */
export function readTarget(path: string, kindOf: KindFinder): Target {
  const known = kindOf.targets.get(path)
  if (known !== undefined) return known
  const target = parseTarget(path, (name) => kindOf.find(name))
  if (kindOf.targets.size >= 10_000) kindOf.targets.clear()
  kindOf.targets.set(path, target)
  return target
}

function parseTarget(path: string, kindOf: (path: string) => ServedKind | undefined): Target {
  const parts = path.split('/')
  // ['', 'api', 'v1', …] or ['', 'apis', group, version, …]
  const isCore = parts[1] === 'api'
  if (!isCore && parts[1] !== 'apis') throw noSuchPath()
  const start = isCore ? 3 : 4
  const prefix = isCore ? `/${parts[2]}` : `${parts[2]}/${parts[3]}`
  const rest = parts.slice(start)
  if (rest[0] === 'namespaces' && rest.length >= 3) {
    const kind = kindOf(`${prefix}/${rest[2]}`)
    if (kind?.namespaced) {
      const [, namespace = '', , name = '', subresource = ''] = rest
      return { kind, namespace, name: decode(name), subresource: subresource + more(rest, 5) }
    }
  }
  const kind = kindOf(`${prefix}/${rest[0]}`)
  if (kind === undefined) throw noSuchPath()
  const [, name = '', subresource = ''] = rest
  if (kind.namespaced && name !== '') throw noSuchPath()
  return { kind, namespace: '', name: decode(name), subresource: subresource + more(rest, 3) }
}

const more = (parts: readonly string[], from: number): string =>
  parts.length > from ? `/${parts.slice(from).join('/')}` : ''

function decode(part: string): string {
  return part.includes('%') ? decodeURIComponent(part) : part
}

/** The body as JSON. Errors: 400 when it is none. */
export function readBody(request: { readonly body?: string | undefined }): unknown {
  try {
    return JSON.parse(request.body ?? '')
  } catch (cause) {
    throw badRequest(`couldn't get version/kind; json parse error: ${String(cause)}`)
  }
}

/** An object as a client sent it: only its type is checked. */
export interface Draft {
  readonly fields: Fields
  readonly metadata: StoredMetadata
}

/**
 * Reads an object that a client sent for a place: the right kind, the right name and namespace.
 * Errors: 400 when it is meant for another place.
 */
export function readDraft(body: unknown, target: Target): Draft {
  const { kind } = target
  if (!isFields(body)) throw badRequest('the object provided is unrecognized')
  const version = kind.group === '' ? kind.version : `${kind.group}/${kind.version}`
  const given = { apiVersion: body['apiVersion'], kind: body['kind'] }
  if (kind.isCustom && (!given.kind || !given.apiVersion)) {
    throw badRequest(`Object '${given.kind ? 'apiVersion' : 'Kind'}' is missing in the request`)
  }
  if (
    (given.kind && given.kind !== kind.kind) ||
    (given.apiVersion && given.apiVersion !== version)
  ) {
    throw badRequest(
      `${String(given.kind)} in version "${String(given.apiVersion)}" cannot be handled as a ${kind.kind}`,
    )
  }
  const fields = kind.verbs.toStorage?.(body) ?? body
  const metadata = readMetadata(body)
  if (!kind.isCustom) refuseUnreadable(kind, fields)
  if (kind.namespaced && metadata.namespace !== undefined) {
    if (metadata.namespace !== target.namespace) {
      throw badRequest(
        `the namespace of the provided object does not match the namespace sent on the request`,
      )
    }
  }
  return { fields, metadata }
}

/**
 * Reads an object after a patch. Errors: 422, where the same object from a client would not parse
 * at all.
 */
export function readPatched(body: unknown, target: Target): Draft {
  try {
    return readDraft(body, target)
  } catch (error) {
    if (!(error instanceof Refusal) || target.kind.isCustom) throw error
    const problem = invalidValue('patch', JSON.stringify(body), error.message)
    throw invalid({ group: '', kind: '' }, '', [problem])
  }
}

/** The name of the object that is meant. Errors: 400 when path and object differ. */
export function checkName({ metadata }: Draft, target: Target): void {
  if (metadata.name && metadata.name !== target.name) {
    throw badRequest(
      `the name of the object (${metadata.name}) does not match the name on the URL (${target.name})`,
    )
  }
  if (!metadata.name) throw badRequest(`name must be provided`)
}

/** The object without the fields that its schema drops, and with the defaults that it adds. */
export function conforming(
  kind: ServedKind,
  draft: Fields,
  known: StoredObject | undefined,
): Fields {
  const { schema } = kind
  const fields = conform(draft, schema, known) as Fields
  return kind.isCustom ? fields : withoutEmpty(fields)
}

/** Built-in kinds have Go types: an object that does not fit them does not parse. */
function refuseUnreadable(kind: ServedKind, draft: Fields): void {
  const fields = conform(draft, kind.schema)
  const [first] = problemsOf(fields, kind.schema, '')
  if (first !== undefined)
    throw badRequest(
      `${kind.kind} in version "${kind.version}" cannot be handled as a ${kind.kind}: ${first.field}: ${first.text}`,
    )
}

/** Errors: 400 that names every field which the schema does not know. */
export function refuseStrange(kind: ServedKind, { fields }: Draft): void {
  const strange = strangeFields(fields, kind.schema, '')
  if (strange.length === 0) return
  const words = strange.map((path) => `unknown field "${path}"`).join(', ')
  throw badRequest(
    `${kind.kind} in version "${kind.version}" cannot be handled as a ${kind.kind}: strict decoding error: ${words}`,
  )
}

function strangeFields(value: unknown, schema: Schema, path: string): readonly string[] {
  if (Array.isArray(value)) {
    const { items } = schema
    if (items === undefined) return []
    return value.flatMap((item, at) => strangeFields(item, items, `${path}[${at}]`))
  }
  if (!isFields(value)) return []
  return Object.entries(value).flatMap(([name, field]) => {
    const child = schema.properties.get(name) ?? schema.values
    const at = path === '' ? name : `${path}.${name}`
    if (child === undefined) return schema.keepsUnknown ? [] : [at]
    // Of the metadata only the first names are listed whole.
    return schema.isOpaque ? [] : strangeFields(field, child, at)
  })
}

/** Go leaves empty maps and lists of typed objects away. */
function withoutEmpty(fields: Fields): Fields {
  let copy: Record<string, unknown> | undefined
  for (const name in fields) {
    if (name === 'metadata' || name === 'spec') continue
    const value = fields[name]
    const isEmpty =
      value === false || (isFields(value) && name !== 'status' && Object.keys(value).length === 0)
    if (isEmpty && (name === 'data' || name === 'binaryData' || name === 'stringData')) {
      copy ??= { ...fields }
      delete copy[name]
    }
  }
  return copy ?? fields
}

/** `apiVersion` and `kind` of stored objects. */
export function typeOf(kind: ServedKind): { readonly apiVersion: string; readonly kind: string } {
  const stored = kind.storage === 'events' ? 'events.k8s.io' : kind.group
  return { apiVersion: stored === '' ? kind.version : `${stored}/${kind.version}`, kind: kind.kind }
}

/** The 404 of an object that is not there. */
export function absent(target: Target): Error {
  return notFound(target.kind, target.name)
}

/**
 * The value as it is stored: fields that the schema does not know are dropped, nulls that may not
 * be are dropped or defaulted, defaults are filled in. A value that needs no change is returned as
 * it is, so nothing is copied in vain.
 */
function conform(value: unknown, schema: Schema, known?: unknown): unknown {
  // A stored value conforms already.
  if (value === known || schema.isOpaque) return value
  if (Array.isArray(value)) {
    const { items } = schema
    if (items === undefined) return value
    let copy: unknown[] | undefined
    for (let index = 0; index < value.length; index += 1) {
      const item: unknown = value[index]
      const next =
        item === null && items.hasDefault && !items.source.nullable
          ? conform(items.source.default, items)
          : conform(item, items)
      if (next !== item) {
        copy ??= [...value]
        copy[index] = next
      }
    }
    return copy ?? value
  }
  if (!isFields(value)) return value
  const before = isFields(known) ? known : undefined
  let copy: Record<string, unknown> | undefined
  for (const name in value) {
    const child = schema.properties.get(name) ?? schema.values
    const field = value[name]
    if (child === undefined) {
      if (schema.keepsUnknown) continue
      copy ??= { ...value }
      delete copy[name]
    } else if (field === null && !child.source.nullable) {
      copy ??= { ...value }
      if (child.hasDefault) copy[name] = conform(child.source.default, child)
      else delete copy[name]
    } else {
      const next = conform(field, child, before?.[name])
      if (next !== field) {
        copy ??= { ...value }
        copy[name] = next
      }
    }
  }
  for (const [name, child] of schema.properties) {
    if (child.hasDefault && value[name] === undefined) {
      copy ??= { ...value }
      copy[name] = conform(child.source.default, child)
    }
  }
  return copy ?? value
}
