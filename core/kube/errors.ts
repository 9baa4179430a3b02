/** One field-level cause inside a refusal. */
export interface ErrorCause {
  readonly reason?: string
  readonly message?: string
  readonly field?: string
}

/**
 * A request that the API server refused, or that never got an answer (`status` 0).
 * Caveat: with status 0 a write may have happened all the same.
 */
export class KubeError extends Error {
  override readonly name = 'KubeError'
  readonly code = 'kube'
  /** HTTP status; 0 when there was no answer. */
  readonly status: number
  /**
   * `metav1.Status.reason`. Without an answer of the API server it is `Unreachable` or `Timeout`,
   * or `Unreadable` when something else answered, such as a proxy, or `NoCredentials` when nothing
   * was sent because the kubeconfig gives none; `cause` is then a `KubeconfigError`.
   */
  readonly reason: string
  readonly causes: readonly ErrorCause[]
  /** How long the server asked us to wait. */
  readonly retryAfterMs: number | undefined

  constructor(fields: {
    status: number
    reason: string
    message: string
    causes?: readonly ErrorCause[]
    retryAfterMs?: number | undefined
    cause?: unknown
  }) {
    super(fields.message, fields.cause === undefined ? undefined : { cause: fields.cause })
    this.status = fields.status
    this.reason = fields.reason
    this.causes = fields.causes ?? []
    this.retryAfterMs = fields.retryAfterMs
  }
}

/**
 * The guard of a client refused a write, because this process may no longer write; nothing was
 * sent. It is not a `KubeError`, so that no predicate and no retry takes it for a passing failure:
 * the caller has to stop.
 */
export class WriteBarredError extends Error {
  override readonly name = 'WriteBarredError'
  readonly code = 'write_barred'

  constructor(what: string) {
    super(`${what}: not sent, because this process may no longer write`)
  }
}

/**
 * There is no kubeconfig, or it names no usable cluster or user; `next` is the command to type.
 */
export class KubeconfigError extends Error {
  override readonly name = 'KubeconfigError'
  readonly code = 'kubeconfig'
  readonly next: string

  constructor(sentence: string, next: string, options?: { readonly cause: unknown }) {
    super(sentence, options)
    this.next = next
  }
}

/**
 * The reason of an API failure by HTTP status, for answers that carry no `Status` (proxies, early
 * failures).
 */
const reasonByStatus: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  410: 'Gone',
  422: 'Invalid',
  429: 'TooManyRequests',
  503: 'ServiceUnavailable',
  504: 'Timeout',
}

/** `metav1.Status`, as far as it is used; every field may be missing or of another type. */
interface Refusal {
  readonly reason?: unknown
  readonly message?: unknown
  readonly details?: { readonly retryAfterSeconds?: unknown; readonly causes?: unknown }
}

/**
 * Reads a refusal: a `Status` body if there is one, the bare HTTP status otherwise. `what` names
 * the request.
 */
export function errorFromAnswer(
  what: string,
  status: number,
  body: unknown,
  retryAfterHeader?: string,
): KubeError {
  const answer: Refusal = typeof body === 'object' && body !== null ? body : {}
  // An empty header names no time, but `Number('')` is 0.
  const seconds = Number(
    retryAfterHeader?.trim() || (answer.details?.retryAfterSeconds ?? Number.NaN),
  )
  const causes = answer.details?.causes
  const text = typeof body === 'string' ? body.trim().slice(0, 300) : ''
  return new KubeError({
    status,
    reason: textOf(answer.reason) ?? reasonByStatus[status] ?? `Http${status}`,
    message: `${what}: ${textOf(answer.message) ?? (text || `HTTP status ${status}`)}`,
    causes: Array.isArray(causes) ? causes : [],
    retryAfterMs: Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined,
  })
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

function hasStatus(error: unknown, status: number): error is KubeError {
  return error instanceof KubeError && error.status === status
}

/** The object, or its kind, does not exist. */
export function isNotFound(error: unknown): error is KubeError {
  return hasStatus(error, 404)
}

/**
 * Somebody wrote in between, or a precondition or field-ownership check failed: read again and
 * decide again.
 */
export function isConflict(error: unknown): error is KubeError {
  return hasStatus(error, 409) && error.reason !== 'AlreadyExists'
}

/** The name is taken; check whose it is before adopting it. */
export function isAlreadyExists(error: unknown): error is KubeError {
  return hasStatus(error, 409) && error.reason === 'AlreadyExists'
}

/** The resource version or continue token is too old: list again. */
export function isGone(error: unknown): error is KubeError {
  return hasStatus(error, 410) || (error instanceof KubeError && error.reason === 'Expired')
}

/** RBAC, a quota or an admission policy refused the request. */
export function isForbidden(error: unknown): error is KubeError {
  return hasStatus(error, 403)
}

/** The server takes no credentials of this client. */
export function isUnauthorized(error: unknown): error is KubeError {
  return hasStatus(error, 401)
}

/** The schema or a validation rule refused the object. */
export function isInvalid(error: unknown): error is KubeError {
  return hasStatus(error, 422)
}

/** The API server does not serve the kind: a 404 that is about no object. */
export function isKindMissing(error: KubeError): boolean {
  const { status, message } = error
  return status === 404 && /could not find the requested resource|404 page not found/.test(message)
}

/** The object has fields that the server does not know, and the writer asked for strictness. */
export function isStrange(error: KubeError): boolean {
  return error.status === 400 && error.message.includes('strict decoding error')
}

/** The server sheds load, or an eviction is held by a disruption budget. Nothing was done. */
export function isTooManyRequests(error: unknown): error is KubeError {
  return hasStatus(error, 429)
}

/** The API server certainly did not carry out the request; after any other failure it may have. */
export function isRefusal(error: unknown): boolean {
  if (error instanceof WriteBarredError) return true
  return error instanceof KubeError && error.status >= 400 && error.status < 500
}

/** The same request may succeed later without any change of ours. */
export function isTransient(error: unknown): error is KubeError {
  return error instanceof KubeError && [0, 429, 500, 502, 503, 504].includes(error.status)
}
