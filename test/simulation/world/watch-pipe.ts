import type { SimulatedProcess } from './process.ts'
import type { Timeline } from './timeline.ts'

/**
 * What can befall an event, after it was told.
 * - `repeat`: it is told again, and then the one before it, which is older. No real API server does so.
 * - `drop`: the connection is reset.
 */
export type WatchTrouble = 'repeat' | 'drop'

/**
 * One watch connection between the simulated API server and a process: chunks arrive in order after a while, unless the
 * pipe is held (they wait), silent (they never come, the connection stays open) or cut.
 */
export class WatchPipe implements AsyncIterable<Buffer> {
  readonly plural: string
  readonly process: SimulatedProcess
  readonly #timeline: Timeline
  readonly #arrived: Buffer[] = []
  #waiting:
    | { resolve(result: IteratorResult<Buffer>): void; reject(error: unknown): void }
    | undefined
  #over: { readonly error: unknown } | 'ended' | undefined
  #held: Buffer[] | undefined
  #holdFor = 0
  #silent = false
  #lastArrival = 0
  readonly #trouble: () => WatchTrouble | undefined
  /** What was told last and may be told again: not a deletion, after which nothing may be told of its object. */
  #before: Buffer | undefined

  constructor(
    plural: string,
    process: SimulatedProcess,
    timeline: Timeline,
    trouble: () => WatchTrouble | undefined,
  ) {
    this.plural = plural
    this.process = process
    this.#timeline = timeline
    this.#trouble = trouble
  }

  /** Carries what the server sends until it ends or `signal` does. */
  async carry(
    body: AsyncIterable<Buffer>,
    latencyMs: () => number,
    signal: AbortSignal,
  ): Promise<void> {
    signal.addEventListener('abort', () => this.#finish({ error: signal.reason }), { once: true })
    try {
      for await (const chunk of body) this.#send(latencyMs(), () => this.#arrive(chunk))
      this.#send(latencyMs(), () => this.#finish('ended'))
    } catch (error) {
      if (!signal.aborted) this.#send(latencyMs(), () => this.#finish({ error }))
    }
  }

  /** Lets nothing through until `chunks` have piled up, or `release`. */
  hold(chunks: number): void {
    this.#held ??= []
    this.#holdFor = chunks
  }

  release(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const chunk of held) this.#take(chunk)
  }

  /** The connection stays open and never says anything again. */
  silence(): void {
    this.#silent = true
  }

  /** The connection is reset; what had not arrived is lost. */
  cut(): void {
    this.#held = undefined
    this.#finish({ error: new Error('socket hang up') })
  }

  get isOpen(): boolean {
    return this.#over === undefined && this.process.state !== 'dead'
  }

  [Symbol.asyncIterator](): AsyncIterator<Buffer> {
    return {
      next: async () => {
        const chunk = this.#arrived.shift()
        if (chunk !== undefined) return { done: false, value: chunk }
        if (this.#over === 'ended') return { done: true, value: undefined }
        if (this.#over !== undefined) throw this.#over.error
        return new Promise((resolve, reject) => {
          this.#waiting = { resolve, reject }
        })
      },
      return: async () => {
        this.#finish('ended')
        return { done: true, value: undefined }
      },
    }
  }

  /** Keeps the order of a TCP stream whatever the latencies are. */
  #send(latencyMs: number, run: () => void): void {
    const at = Math.max(this.#lastArrival, this.#timeline.elapsed + latencyMs)
    this.#lastArrival = at
    this.#timeline.after(at - this.#timeline.elapsed, () => this.process.deliver(run))
  }

  #arrive(chunk: Buffer): void {
    if (this.#silent || this.#over !== undefined) return
    if (this.#held === undefined) {
      this.#take(chunk)
      return
    }
    this.#held.push(chunk)
    if (this.#held.length >= this.#holdFor) this.release()
  }

  #take(chunk: Buffer): void {
    this.#tell(chunk)
    const isDeletion = chunk.includes('"DELETED"')
    const before = isDeletion ? undefined : this.#before
    this.#before = isDeletion ? undefined : chunk
    const trouble = this.#trouble()
    if (trouble === 'drop') this.cut()
    if (trouble !== 'repeat') return
    this.#tell(chunk)
    if (before !== undefined) this.#tell(before)
  }

  #tell(chunk: Buffer): void {
    if (this.#over !== undefined) return
    const waiting = this.#waiting
    this.#waiting = undefined
    if (waiting === undefined) this.#arrived.push(chunk)
    else waiting.resolve({ done: false, value: chunk })
  }

  #finish(over: { readonly error: unknown } | 'ended'): void {
    if (this.#over !== undefined || (this.#silent && over === 'ended')) return
    this.#over = over
    const waiting = this.#waiting
    this.#waiting = undefined
    if (over === 'ended') waiting?.resolve({ done: true, value: undefined })
    else waiting?.reject(over.error)
  }
}
