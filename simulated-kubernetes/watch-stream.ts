/** The body of a watch: bytes that come when they come, until somebody ends it. */
export class WatchStream implements AsyncIterable<Buffer>, AsyncIterator<Buffer, undefined> {
  #chunks: Buffer[] = []
  #waiting:
    | {
        resolve: (result: IteratorResult<Buffer, undefined>) => void
        reject: (error: unknown) => void
      }
    | undefined
  #ended: { readonly error: unknown } | 'ended' | undefined
  /** Called once when it is over, whoever ended it. */
  readonly #onEnd: () => void

  constructor(onEnd: () => void) {
    this.#onEnd = onEnd
  }

  get isOver(): boolean {
    return this.#ended !== undefined
  }

  push(chunk: Buffer): void {
    if (this.#ended !== undefined) return
    const waiting = this.#waiting
    if (waiting === undefined) {
      this.#chunks.push(chunk)
      return
    }
    this.#waiting = undefined
    waiting.resolve({ done: false, value: chunk })
  }

  /** Ends it after what was pushed. */
  end(): void {
    this.#finish('ended')
    this.#waiting?.resolve({ done: true, value: undefined })
    this.#waiting = undefined
  }

  /** Cuts it: what was pushed and not read is lost. */
  cut(error: unknown): void {
    this.#finish({ error })
    this.#chunks = []
    this.#waiting?.reject(error)
    this.#waiting = undefined
  }

  [Symbol.asyncIterator](): AsyncIterator<Buffer, undefined> {
    return this
  }

  async next(): Promise<IteratorResult<Buffer, undefined>> {
    const chunk = this.#chunks.shift()
    if (chunk !== undefined) return { done: false, value: chunk }
    if (this.#ended === 'ended') return { done: true, value: undefined }
    if (this.#ended !== undefined) throw this.#ended.error
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
    })
  }

  async return(): Promise<IteratorResult<Buffer, undefined>> {
    this.#chunks = []
    this.end()
    return { done: true, value: undefined }
  }

  #finish(how: { readonly error: unknown } | 'ended'): void {
    if (this.#ended !== undefined) return
    this.#ended = how
    this.#onEnd()
  }
}
