import type { ForgeProblem, ForgeProblemCode } from '../core/api/forge-protocol.ts'

/** HTTP status of each refusal. 507 is "Insufficient Storage". */
export const statusOfProblem: Readonly<Record<ForgeProblemCode, number>> = {
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  BadRequest: 400,
  SourceUnavailable: 502,
  BranchMoved: 409,
  DiskFull: 507,
  Internal: 500,
}

/** A refusal whose sentence may be shown to whoever asked; it never holds a token or a path of the server. */
export class ForgeError extends Error {
  override readonly name = 'ForgeError'
  readonly code: ForgeProblemCode
  /** HTTP status, where it is not the usual one of the code. */
  readonly status: number

  constructor(
    code: ForgeProblemCode,
    message: string,
    options: { readonly status?: number; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.status = options.status ?? statusOfProblem[code]
  }
}

/** The data volume is (nearly) full. One sentence with the remedy, the same wherever it is noticed. */
export function diskFull(cause?: unknown): ForgeError {
  return new ForgeError(
    'DiskFull',
    'The data volume of the forge is full: enlarge the PersistentVolumeClaim of statefulset/guildhall-forge, or delete repositories that are no longer needed.',
    { cause },
  )
}

/** What an error looks like from outside: a known refusal as it is, anything else as Internal without details. */
export function problemOf(error: unknown): ForgeProblem & { readonly status: number } {
  const known = knownRefusal(error)
  if (known !== undefined) {
    return { code: known.code, message: known.message, status: known.status }
  }
  return {
    code: 'Internal',
    message: 'The forge failed; its log has the reason.',
    status: statusOfProblem.Internal,
  }
}

function knownRefusal(error: unknown): ForgeError | undefined {
  if (error instanceof ForgeError) return error
  if (isNoSpace(error)) return diskFull(error)
  // Only bodies are unpacked here.
  if (codeOf(error).startsWith('Z_')) {
    return new ForgeError('BadRequest', 'The body is not gzip.', { cause: error })
  }
  return undefined
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

/** True when the operating system had no room left: no space or over the quota. */
export function isNoSpace(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT'].includes(codeOf(error))
}

/** True when a child process says so in its own words (LC_ALL=C). */
export function saysNoSpace(text: string): boolean {
  return /No space left on device|Disk quota exceeded/i.test(text)
}
