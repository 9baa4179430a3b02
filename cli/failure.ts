import type { Verdict } from '../core/api/agent-types.ts'
import type { FailureReason } from '../core/api/failures.ts'

/** Exit codes of `guild`. */
export const exitCodes = {
  succeeded: 0,
  failed: 1,
  usage: 2,
  /** The time of --timeout was over while the request waited for a person. */
  waitingForPerson: 3,
  timedOut: 124,
  interrupted: 130,
} as const
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** Something the person at the keyboard must know: one sentence, and the next command to type. */
export class CliError extends Error {
  override readonly name = 'CliError'
  readonly code = 'cli'
  readonly next: string | undefined
  readonly exitCode: ExitCode

  constructor(
    sentence: string,
    options: {
      readonly next?: string | undefined
      readonly exitCode?: ExitCode | undefined
      readonly cause?: unknown
    } = {},
  ) {
    super(sentence, options.cause === undefined ? undefined : { cause: options.cause })
    this.next = options.next
    this.exitCode = options.exitCode ?? exitCodes.failed
  }
}

/**
 * `guild try` ended before it worked, or without leaving its work in the tree. Like every
 * `CliError` it has a sentence and the next command; besides, a verdict for programs that read
 * `--json`. Its exit code is 1.
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

/** Reason of the signal that a person's Ctrl-C aborts. */
class Interrupted extends Error {
  override readonly name = 'Interrupted'
  readonly code = 'interrupted'
}

/** npm and the shell both pass a Ctrl-C on, so the same one arrives twice. */
const echoMs = 500

/**
 * A signal that is aborted by Ctrl-C or a termination, so that a command can end in order. A second
 * Ctrl-C ends the process at once. `end` removes the handlers, unless a signal came: its echo must
 * not kill a process that is about to leave with an exit code of its own.
 */
export function interruptible(): { readonly signal: AbortSignal; readonly end: () => void } {
  const controller = new AbortController()
  let firstAt: number | undefined
  const onSignal = () => {
    const now = performance.now()
    if (firstAt !== undefined && now - firstAt > echoMs) process.exit(exitCodes.interrupted)
    firstAt ??= now
    controller.abort(new Interrupted('interrupted'))
  }
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const name of names) process.on(name, onSignal)
  return {
    signal: controller.signal,
    end: () => {
      if (controller.signal.aborted) return
      for (const name of names) process.removeListener(name, onSignal)
    },
  }
}
