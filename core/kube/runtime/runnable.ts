/** When a runnable has to end. */
export interface RunSignals {
  /** Take nothing new and finish what is under way. */
  readonly stop: AbortSignal
  /** Drop everything now; follows `stop` after the grace period, or comes with it when the lease is lost. */
  readonly abort: AbortSignal
}

/** Something with a life: it works until `stop` and resolves when it has ended. A rejection ends the process. */
export interface Runnable {
  readonly name: string
  run(signals: RunSignals): Promise<void>
}
