import { parse } from 'yaml'
import { type Fields, isFields } from '../json.ts'
import type { StoredObject } from '../metadata.ts'
import { badRequest, invalid, Refusal, requiredValue } from '../refusal.ts'
import { type ApiRequest, type Draft, readDraft } from '../request.ts'
import { keyOfObject, type ObjectStore } from '../store.ts'
import { pathsOf } from './field-set.ts'
import { applied, ApplyConflict, type Owner, type FieldOwners, type Writer } from './owners.ts'

/** The content type of server-side apply. */
export const applyType = 'application/apply-patch+yaml'

/**
 * Reads the applied object. Errors: 400 when it is not an object of this kind, 422 without a field
 * manager.
 */
export function readPart(request: ApiRequest): Fields {
  const { kind, query } = request
  if (!query.get('fieldManager')) {
    const problem = requiredValue('fieldManager', 'is required for apply patch')
    throw invalid({ group: 'meta.k8s.io', kind: 'PatchOptions' }, '', [problem])
  }
  const part = readYaml(request.body ?? '')
  if (!isFields(part)) throw badRequest('error decoding YAML: no object')
  const version = kind.group === '' ? kind.version : `${kind.group}/${kind.version}`
  if (part['apiVersion'] !== version || part['kind'] !== kind.kind) {
    const given = String(part['apiVersion'])
    throw badRequest(
      `Incorrect version specified in apply patch. Specified patch version: ${given}, expected: ${version}`,
    )
  }
  const metadata = isFields(part['metadata']) ? part['metadata'] : {}
  if (metadata['managedFields'] !== undefined && metadata['managedFields'] !== null) {
    throw badRequest('metadata.managedFields must be nil')
  }
  return part
}

function readYaml(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    // Not JSON, then: kubectl sends the file of a person as it is.
  }
  try {
    return parse(body)
  } catch (cause) {
    throw badRequest(`error decoding YAML: ${String(cause)}`)
  }
}

/**
 * The object that an apply asks for, and the owners of its fields.
 * Errors: 409 with a cause for each field that another manager wants otherwise, unless forced.
 */
export function applyPart(
  store: ObjectStore,
  request: ApiRequest,
  part: Fields,
  live: StoredObject | undefined,
  writer: Writer,
): { readonly draft: Draft; readonly owners: FieldOwners } {
  const owners: FieldOwners =
    live === undefined ? new Map() : store.ownership.of(request.kind, keyOfObject(live))
  const force = request.query.get('force') === 'true' || request.query.get('force') === '1'
  try {
    const result = applied(owners, request.kind, live, part, { writer, time: store.time, force })
    return { draft: readDraft(result.object, request), owners: result.owners }
  } catch (error) {
    if (!(error instanceof ApplyConflict)) throw error
    throw refusalOf(error.owners)
  }
}

function refusalOf(owners: readonly Owner[]): Refusal {
  const all = owners.flatMap((owner) => pathsOf(owner.fields).map((path) => ({ owner, path })))
  const causes = all.map(({ owner, path }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${shownOwner(owner)}`,
    field: path,
  }))
  const [first] = all
  const message =
    all.length === 1 && first !== undefined
      ? `Apply failed with 1 conflict: conflict with ${shownOwner(first.owner)}: ${first.path}`
      : `Apply failed with ${all.length} conflicts: ${owners
          .map((owner) =>
            [
              `conflicts with ${shownOwner(owner)}:`,
              ...pathsOf(owner.fields).map((path) => `- ${path}`),
            ].join('\n'),
          )
          .toSorted()
          .join('\n')}`
  return new Refusal(409, 'Conflict', message, { causes })
}

function shownOwner({ manager, subresource, operation, apiVersion }: Owner): string {
  const name = JSON.stringify(manager)
  const who = subresource === '' ? name : `${name} with subresource ${JSON.stringify(subresource)}`
  return operation === 'Update' ? `${who} using ${apiVersion}` : who
}
