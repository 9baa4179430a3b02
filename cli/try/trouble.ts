import type { Verdict } from '../../core/api/agent-types.ts'
import type { FailureReason } from '../../core/api/failures.ts'
import { CliError } from '../failure.ts'

/**
 * Why `guild try` ends without having worked, or without leaving its work: a sentence and the next command, like every
 * `CliError`, and the words of a verdict for programs that read `--json`. Its exit code is 1.
 */
export class TryTrouble extends CliError {
  readonly verdict: Verdict
  readonly reason: FailureReason

  constructor(
    reason: FailureReason,
    sentence: string,
    options: { readonly next?: string | undefined; readonly cause?: unknown } = {},
    verdict: Verdict = 'Refused',
  ) {
    super(sentence, options)
    this.reason = reason
    this.verdict = verdict
  }
}
