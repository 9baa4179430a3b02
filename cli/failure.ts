/** Exit codes of `guild`. */
export const exitCodes = {
  succeeded: 0,
  failed: 1,
  usage: 2,
  /** The time given with --timeout was over while a person was waited for. */
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
