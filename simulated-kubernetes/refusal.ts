import type { ErrorCause } from '../core/kube/errors.ts'

/** `metav1.Status`. */
export interface Status {
  readonly kind: 'Status'
  readonly apiVersion: 'v1'
  readonly metadata: Readonly<Record<string, unknown>>
  readonly status: 'Success' | 'Failure'
  readonly message?: string
  readonly reason?: string
  readonly details?: StatusDetails
  readonly code?: number
}

interface StatusDetails {
  readonly name?: string
  readonly group?: string
  readonly kind?: string
  readonly uid?: string
  readonly causes?: readonly ErrorCause[]
  readonly retryAfterSeconds?: number
}

/** The refusal of a request, with the Status that is the answer. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code = 'refusal'
  readonly status: Status

  constructor(code: number, reason: string | undefined, message: string, details?: StatusDetails) {
    super(message)
    this.status = {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message,
      ...(reason === undefined ? {} : { reason }),
      ...(details === undefined ? {} : { details }),
      code,
    }
  }
}

/** The name of a collection in an error message and its details. */
interface Named {
  readonly group: string
  readonly plural: string
}

const qualified = ({ group, plural }: Named): string =>
  group === '' ? plural : `${plural}.${group}`
const details = ({ group, plural }: Named, name: string): StatusDetails => ({
  ...(name === '' ? {} : { name }),
  ...(group === '' ? {} : { group }),
  kind: plural,
})

export function badRequest(message: string): Refusal {
  return new Refusal(400, 'BadRequest', message)
}

export function notFound(resource: Named, name: string): Refusal {
  const message = `${qualified(resource)} "${name}" not found`
  return new Refusal(404, 'NotFound', message, details(resource, name))
}

/** A path that leads nowhere. */
export function noSuchPath(): Refusal {
  return new Refusal(404, 'NotFound', 'the server could not find the requested resource', {})
}

export function methodNotAllowed(): Refusal {
  const message = 'the server does not allow this method on the requested resource'
  return new Refusal(405, 'MethodNotAllowed', message, {})
}

export function alreadyExists(resource: Named, name: string): Refusal {
  const message = `${qualified(resource)} "${name}" already exists`
  return new Refusal(409, 'AlreadyExists', message, details(resource, name))
}

export function conflict(resource: Named, name: string, why: string): Refusal {
  const message = `Operation cannot be fulfilled on ${qualified(resource)} "${name}": ${why}`
  return new Refusal(409, 'Conflict', message, details(resource, name))
}

/** A precondition that only the storage checks, in its words. */
export function otherThanMeant(
  {
    kind,
    namespace,
  }: { readonly kind: Named & { readonly isCustom: boolean }; readonly namespace: string },
  name: string,
  { isDry }: { readonly isDry: boolean },
  why: string,
): Refusal {
  const group = kind.isCustom ? `${kind.group}/` : ''
  const place = namespace === '' ? name : `${namespace}/${name}`
  const key = `${isDry ? '' : '/registry'}/${group}${kind.plural}/${place}`
  const told = `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: ${why}`
  return conflict(kind, name, told)
}

/** Why an update on an old version is refused. */
export const modified =
  'the object has been modified; please apply your changes to the latest version and try again'

/** A namespace that is going takes nothing new. */
export function terminating(resource: Named, name: string, namespace: string): Refusal {
  const why = `unable to create new content in namespace ${namespace} because it is being terminated`
  const message = `${qualified(resource)} "${name}" is forbidden: ${why}`
  const cause = {
    reason: 'NamespaceTerminating',
    message: `namespace ${namespace} is being terminated`,
    field: 'metadata.namespace',
  }
  return new Refusal(403, 'Forbidden', message, { ...details(resource, name), causes: [cause] })
}

export function tooLargeBody(limit: number): Refusal {
  const message = `Request entity too large: limit is ${limit}`
  return new Refusal(413, 'RequestEntityTooLarge', message)
}

/** The 504 for a version that is not reached yet. */
export function tooLarge(wanted: number, current: number): Refusal {
  const message = `Timeout: Too large resource version: ${wanted}, current: ${current}`
  return new Refusal(504, 'Timeout', message, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds: 1,
  })
}

/** Whether a refusal only means that the version may come yet. */
export function isTooEarly({ details: told }: Status): boolean {
  return told?.causes?.some(({ reason }) => reason === 'ResourceVersionTooLarge') === true
}

export function expired(message: string): Refusal {
  return new Refusal(410, 'Expired', message)
}

/** One field that is wrong, in the words of `field.Error`. */
export interface FieldProblem {
  /** `FieldValueInvalid` and its like. */
  readonly reason: string
  /** e.g. `spec.size`; empty for the object as a whole. */
  readonly field: string
  /** e.g. `Invalid value: 101: must be …`. */
  readonly text: string
}

/** The object breaks the rules of its kind. `kind` is the kind as in a manifest. */
export function invalid(
  kind: { readonly group: string; readonly kind: string },
  name: string,
  problems: readonly FieldProblem[],
): Refusal {
  const lines = problems.map(({ field, text }) => `${field}: ${text}`)
  const unique = [...new Set(lines)]
  const told = unique.length === 1 ? unique[0] : `[${unique.join(', ')}]`
  const subject = kind.group === '' ? kind.kind : `${kind.kind}.${kind.group}`
  return new Refusal(422, 'Invalid', `${subject} "${name}" is invalid: ${told}`, {
    ...(name === '' ? {} : { name }),
    ...(kind.group === '' ? {} : { group: kind.group }),
    ...(kind.kind === '' ? {} : { kind: kind.kind }),
    causes: problems.map(({ reason, field, text }) => ({ reason, message: text, field })),
  })
}

/** A bad value, with the value shown as Go shows it. */
export function invalidValue(field: string, value: unknown, why: string): FieldProblem {
  return { reason: 'FieldValueInvalid', field, text: `Invalid value: ${shown(value)}: ${why}` }
}

export function requiredValue(field: string, why = ''): FieldProblem {
  const text = why === '' ? 'Required value' : `Required value: ${why}`
  return { reason: 'FieldValueRequired', field, text }
}

export function duplicateValue(field: string, value: unknown): FieldProblem {
  return { reason: 'FieldValueDuplicate', field, text: `Duplicate value: ${shown(value)}` }
}

export function unsupportedValue(
  field: string,
  value: unknown,
  supported: readonly unknown[],
): FieldProblem {
  const list = supported.map(shown).join(', ')
  const text = `Unsupported value: ${shown(value)}: supported values: ${list}`
  return { reason: 'FieldValueNotSupported', field, text }
}

export function forbiddenField(field: string, why: string): FieldProblem {
  return { reason: 'FieldValueForbidden', field, text: `Forbidden: ${why}` }
}

function shown(value: unknown): string {
  return JSON.stringify(value) ?? '<nil>'
}
