import type { Cancel, Clock } from './clock.ts'

/** Where a job stands. */
type JobState<Result, Progress = never> =
  | { readonly kind: 'idle' }
  | { readonly kind: 'running'; readonly progress: Progress | undefined }
  | { readonly kind: 'done'; readonly result: Result }
  | {
      readonly kind: 'failed'
      readonly error: unknown
      /** In a row, without an advance between them. */
      readonly failures: number
      /** How long it rests after this failure; undefined when no rest would help. */
      readonly pauseMs: number | undefined
      /**
       * `start` changes nothing until the rest is over. Its timer ends the rest, and no clock is
       * compared: one that is a moment behind the timer would leave the job waiting for ever.
       */
      readonly isResting: boolean
    }

/** What the work of a job is given. */
export interface JobContext<Progress> {
  readonly signal: AbortSignal
  /**
   * Shows how far it is. With `hasAdvanced` it is further than ever before, and the next failure
   * counts as the first.
   */
  readonly report: (progress: Progress, hasAdvanced: boolean) => void
}

interface JobOptions {
  readonly clock: Clock
  /**
   * The rest after so many failures in a row, 1 for the first; undefined when no rest would help.
   */
  readonly pauseMs: (failures: number, error: unknown) => number | undefined
  /** Called when the state changes, and when a pause is over. */
  readonly onChange: () => void
}

/** People do not read faster, and each report may cost a write to the API server. */
const tellMs = 2_000

/**
 * Work beside the reconciles, which must not wait for it: a plan, a self-test, a download. It lives
 * in memory only; after a crash it is begun again, so the work has to be safe to repeat.
 * Guarantees: it runs once at a time, and rests after a failure; `onChange` is told at once of an
 * end, then when the rest is over, and of progress every two seconds at most; nothing is told after
 * `stop`.
 */
export class Job<Result, Progress = never> {
  readonly #options: JobOptions
  #state: JobState<Result, Progress> = { kind: 'idle' }
  /** Of the work that runs. */
  #attempt: AbortController | undefined
  #failures = 0
  #isStopped = false
  #toldAt: number | undefined
  #timer: Cancel | undefined

  constructor(options: JobOptions) {
    this.#options = options
  }

  get state(): JobState<Result, Progress> {
    return this.#state
  }

  /**
   * Begins the work, also again after an end; changes nothing while it runs or rests, or after
   * `stop`.
   */
  start(work: (context: JobContext<Progress>) => Promise<Result>): void {
    if (this.#isStopped || this.#state.kind === 'running' || this.#isResting) return
    this.#cancelTimer()
    const attempt = new AbortController()
    this.#attempt = attempt
    this.#state = { kind: 'running', progress: undefined }
    const report = (progress: Progress, hasAdvanced: boolean): void => {
      if (this.#attempt !== attempt) return
      if (hasAdvanced) this.#failures = 0
      this.#state = { kind: 'running', progress }
      this.#tellSoon()
    }
    work({ signal: attempt.signal, report }).then(
      (result) => this.#end(attempt, { kind: 'done', result }),
      (error: unknown) => this.#fail(attempt, error),
    )
  }

  get #isResting(): boolean {
    return this.#state.kind === 'failed' && this.#state.isResting
  }

  /** Ends it for good; `why` is what its work is told. */
  stop(why: string): void {
    this.#isStopped = true
    this.#attempt?.abort(new Error(why))
    this.#attempt = undefined
    this.#cancelTimer()
  }

  #fail(attempt: AbortController, error: unknown): void {
    if (this.#attempt !== attempt) return
    const { clock, pauseMs } = this.#options
    const pause = pauseMs(this.#failures + 1, error)
    if (pause !== undefined) this.#failures += 1
    const rested = { kind: 'failed', error, failures: this.#failures, pauseMs: pause } as const
    const state = { ...rested, isResting: pause !== undefined }
    this.#end(attempt, state)
    // Whoever is told of the end may have stopped it.
    if (pause === undefined || this.#state !== state || this.#isStopped) return
    this.#timer = clock.after(pause, () => {
      this.#state = { ...rested, isResting: false }
      this.#tell()
    })
  }

  #end(attempt: AbortController, state: JobState<Result, Progress>): void {
    if (this.#attempt !== attempt) return
    this.#attempt = undefined
    this.#state = state
    this.#tell()
  }

  readonly #tell = (): void => {
    this.#cancelTimer()
    this.#toldAt = this.#options.clock.monotonic()
    this.#options.onChange()
  }

  #tellSoon(): void {
    const { clock } = this.#options
    const waitMs = (this.#toldAt ?? -Infinity) + tellMs - clock.monotonic()
    if (waitMs <= 0) this.#tell()
    else this.#timer ??= clock.after(waitMs, this.#tell)
  }

  #cancelTimer(): void {
    this.#timer?.()
    this.#timer = undefined
  }
}
