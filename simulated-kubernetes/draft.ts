import { type Fields, isFields } from './json.ts'
import type { Kind } from './kind.ts'
import { type Metadata, readMetadata, type StoredObject } from './metadata.ts'
import { badRequest, invalid, invalidValue, notFound, Refusal } from './refusal.ts'
import type { Target } from './request.ts'
import { conform } from './conform.ts'
import { problemsOf } from './schema-problems.ts'

/** What a client sent, before anything is checked but its type. */
export interface Draft {
  readonly fields: Fields
  readonly metadata: Metadata
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

/** Reads what a patch made of an object. Errors: 422 where a draft of a client's would be no object at all. */
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

/** The object with what its schema drops and adds. */
export function conforming(kind: Kind, draft: Fields, known: StoredObject | undefined): Fields {
  const { schema } = kind
  const fields = conform(draft, schema, known) as Fields
  return kind.isCustom ? fields : withoutEmpty(fields)
}

/** Built-in kinds have types, and what does not fit is no object at all. */
function refuseUnreadable(kind: Kind, draft: Fields): void {
  const fields = conform(draft, kind.schema)
  const [first] = problemsOf(fields, kind.schema, '')
  if (first !== undefined)
    throw badRequest(
      `${kind.kind} in version "${kind.version}" cannot be handled as a ${kind.kind}: ${first.field}: ${first.text}`,
    )
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

/** `group/version` and kind of what is stored. */
export function typeOf(kind: Kind): { readonly apiVersion: string; readonly kind: string } {
  const stored = kind.storage === 'events' ? 'events.k8s.io' : kind.group
  return { apiVersion: stored === '' ? kind.version : `${stored}/${kind.version}`, kind: kind.kind }
}

/** The 404 of an object that is not there. */
export function absent(target: Target): Error {
  return notFound(target.kind, target.name)
}
