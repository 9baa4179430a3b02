// How work ends badly: classes named by what the caller does about them.
import type { Evidence } from '../../core/api/agent-task.ts'
import type { FailureReason } from '../../core/api/failures.ts'

/** The attempt cannot go on; `reason` and the message go into its report. */
export class TaskFailure extends Error {
  readonly reason: FailureReason
  readonly evidence: readonly Evidence[]

  constructor(
    reason: FailureReason,
    message: string,
    options: ErrorOptions & { readonly evidence?: readonly Evidence[] } = {},
  ) {
    super(message, options)
    this.reason = reason
    this.evidence = options.evidence ?? []
  }
}

/** The attempt is no longer ours: stop at once and report nothing. */
export class TaskTaken extends Error {
  readonly code = 'Taken'
}
