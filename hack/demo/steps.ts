import { duration, type Log, streamLog } from '../cluster/log.ts'

/** A step failed: what a person must know, what was seen, and what to type next. */
export class DemoError extends Error {
  override readonly name = 'DemoError'
  readonly code = 'demo'
  readonly evidence: readonly string[]
  readonly next: readonly string[]

  constructor(
    sentence: string,
    options: {
      readonly evidence?: readonly string[]
      readonly next?: readonly string[]
      readonly cause?: unknown
    } = {},
  ) {
    super(sentence, options.cause === undefined ? undefined : { cause: options.cause })
    this.evidence = options.evidence ?? []
    this.next = options.next ?? []
  }
}

/** The numbered steps of a run, with how long each took and how long all took. */
export class Steps {
  readonly log: Log
  readonly #total: number
  readonly #startedAt = Date.now()
  #number = 0

  constructor(total: number, log: Log = streamLog(process.stdout)) {
    this.#total = total
    this.log = log
  }

  /** Time since the run began. */
  elapsed(): string {
    return duration(Date.now() - this.#startedAt)
  }

  /** Runs one step under its heading. Errors pass through. */
  async run<T>(title: string, work: (log: Log) => Promise<T>): Promise<T> {
    this.#number += 1
    const startedAt = Date.now()
    this.log.line(`\n[${this.#number}/${this.#total}] ${title}   (${this.elapsed()} so far)`)
    const log: Log = {
      line: (text) => this.log.line(`      ${text}`),
      update: (text) => this.log.update(`      ${text}`),
    }
    const result = await work(log)
    log.line(`done in ${duration(Date.now() - startedAt)}`)
    return result
  }
}
