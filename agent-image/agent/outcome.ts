// How the work on a task ends: what a pipeline gives back, its way into a report, and the errors
// that end it early.
import {
  type Assignment,
  type Report,
  report as reportSchema,
} from '../../core/api/agent-protocol.ts'
import type { Evidence } from '../../core/api/agent-task.ts'
import { standingVerdicts, type Verdict } from '../../core/api/agent-types.ts'
import type { FailureReason } from '../../core/api/failures.ts'

/**
 * The result of the work on a task. `failure` is there exactly when the work does not stand
 * (`standingVerdicts`).
 */
export interface TaskOutcome {
  readonly verdict: Verdict
  readonly summary: string
  readonly commit?: string
  readonly files?: readonly string[]
  readonly evidence?: readonly Evidence[]
  readonly notes?: readonly string[]
  readonly failure?: { readonly reason: FailureReason; readonly message: string }
}

/** A report that fits the protocol's limits, whatever the outcome holds. */
export function reportOf(
  assignment: Assignment,
  outcome: TaskOutcome,
  tries: number,
  durationSeconds: number,
): Report {
  const failure = standingVerdicts.has(outcome.verdict)
    ? undefined
    : (outcome.failure ?? {
        reason: 'InternalError',
        message: 'a pipeline failed without a reason',
      })
  return reportSchema.parse({
    task: assignment.task,
    uid: assignment.uid,
    attempt: assignment.attempt,
    verdict: outcome.verdict,
    summary: shorten(outcome.summary, 1000),
    ...(outcome.commit === undefined ? {} : { commit: outcome.commit }),
    files: (outcome.files ?? []).filter((path) => path.length <= 200).slice(0, 50),
    evidence: (outcome.evidence ?? []).slice(-10).map((entry) => ({
      ...entry,
      command: shorten(entry.command, 300) || '(nothing)',
      digest: shorten(entry.digest, 2000),
    })),
    tries: Math.min(tries, 100),
    durationSeconds,
    notes: (outcome.notes ?? [])
      .filter((note) => note !== '')
      .slice(0, 20)
      .map((note) => shorten(note, 500)),
    ...(failure === undefined
      ? {}
      : { failure: { reason: failure.reason, message: shorten(failure.message, 1000) } }),
  })
}

function shorten(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit - 2)} …`
}

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

/** The attempt was taken from this agent: it stops at once and reports nothing. */
export class TaskTaken extends Error {
  readonly code = 'Taken'
}
