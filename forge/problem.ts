import type { ForgeProblemCode } from '../core/api/forge-protocol.ts'
import { Problem } from '../core/base/http.ts'

/** HTTP status of each refusal. 507 is "Insufficient Storage". */
const statusOfProblem: Readonly<Record<ForgeProblemCode, number>> = {
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  BadRequest: 400,
  SourceUnavailable: 502,
  BranchMoved: 409,
  DiskFull: 507,
  Internal: 500,
}

/**
 * A refusal whose sentence the caller is shown, so it never holds a token or a path of the server.
 */
export class ForgeRefusal extends Problem<ForgeProblemCode> {
  override readonly name = 'ForgeRefusal'

  constructor(
    code: ForgeProblemCode,
    message: string,
    options: {
      /** HTTP status, where it is not the usual one of the code. */
      readonly status?: number
      readonly headers?: Readonly<Record<string, string>>
      readonly cause?: unknown
    } = {},
  ) {
    super(options.status ?? statusOfProblem[code], code, message, options)
  }
}

/**
 * The data volume is (nearly) full. One sentence with the remedy, the same wherever it is noticed.
 */
export function diskFull(cause?: unknown): ForgeRefusal {
  return new ForgeRefusal(
    'DiskFull',
    'The data volume of the forge is full: enlarge the PersistentVolumeClaim of statefulset/guildhall-forge, or delete repositories that are no longer needed.',
    { cause },
  )
}

/**
 * How an error is answered: a known refusal as it is, anything else as Internal without details.
 */
export function refusalOf(error: unknown): ForgeRefusal {
  if (error instanceof ForgeRefusal) return error
  if (error instanceof Problem) {
    const { status, message } = error
    const sentence = `The request cannot be used: ${message}.`
    return new ForgeRefusal('BadRequest', sentence, { status, cause: error })
  }
  if (isNoSpace(error)) return diskFull(error)
  // Only bodies are unpacked here.
  if (codeOf(error).startsWith('Z_')) {
    return new ForgeRefusal('BadRequest', 'The body is not gzip.', { cause: error })
  }
  return new ForgeRefusal('Internal', 'The forge failed; its log has the reason.', { cause: error })
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

/** True when the operating system had no room left: no space or over the quota. */
function isNoSpace(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT'].includes(codeOf(error))
}

/** True when a child process says so in its own words (LC_ALL=C). */
export function saysNoSpace(text: string): boolean {
  return /No space left on device|Disk quota exceeded/i.test(text)
}
