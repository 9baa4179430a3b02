import { errorFromAnswer, KubeError } from '../../../core/kube/errors.ts'
import type { HttpRequest, HttpTransport } from '../../../core/kube/transport.ts'
import type { Effects, SimulatedProcess } from './process.ts'
import type { Timeline } from './timeline.ts'

/**
 * The fate of one call.
 * - `refuse`: the server answers so and does nothing.
 * - `lose`: the server does it and the answer never comes; `reset` says whether the caller sees the connection break.
 * - `late`: it arrives at the server only after so long, whatever the caller thinks by then.
 * - `down`: no server answers at that address.
 */
export type Fate =
  | { readonly kind: 'pass' }
  | {
      readonly kind: 'refuse'
      readonly status: number
      readonly message?: string
      readonly retryAfterSeconds?: number
    }
  | { readonly kind: 'lose'; readonly reset: boolean }
  | { readonly kind: 'late'; readonly ms: number }
  | { readonly kind: 'down' }

/** The name of a call, for the weather and the reports. */
export interface CallName {
  readonly method: string
  /** `agenttasks/status`, say. */
  readonly target: string
  readonly path: string
}

/** Decides the fate of calls and how long they take. */
export interface Weather {
  fate(process: SimulatedProcess, call: CallName): Fate
  /** The fate of an event on a watch of this kind, now. */
  watchTrouble(process: SimulatedProcess, plural: string): WatchTrouble | undefined
  latencyMs(): number
}

/** The way of one process to the API server: slow, and as unreliable as the weather says. */
export class Network implements HttpTransport {
  readonly #process: SimulatedProcess
  readonly #server: HttpTransport
  readonly #timeline: Timeline
  readonly #weather: Weather
  readonly #effects: Effects | undefined
  readonly #onCall: (call: CallName) => void
  readonly #onPipe: (pipe: WatchPipe) => void
  /** Watches that are open, for faults that strike one of them. */
  readonly pipes = new Set<WatchPipe>()

  constructor(options: {
    readonly process: SimulatedProcess
    readonly server: HttpTransport
    readonly timeline: Timeline
    readonly weather: Weather
    /** Where writes are counted as side effects; absent for processes that are not crashed. */
    readonly effects?: Effects | undefined
    readonly onCall?: (call: CallName) => void
    readonly onPipe?: (pipe: WatchPipe) => void
  }) {
    this.#process = options.process
    this.#server = options.server
    this.#timeline = options.timeline
    this.#weather = options.weather
    this.#effects = options.effects
    this.#onCall = options.onCall ?? (() => undefined)
    this.#onPipe = options.onPipe ?? (() => undefined)
  }

  async call(request: HttpRequest): Promise<{ readonly status: number; readonly body: unknown }> {
    const name = nameOf(request)
    // Killed a moment ago, in the middle of a step: the rest of the step does not happen.
    if (this.#process.state === 'dead') return new Promise(() => undefined)
    this.#onCall(name)
    const effect =
      request.method === 'GET' || name.target === 'leases' || name.target === 'tokenreviews'
        ? undefined
        : this.#effects?.begin(
            this.#process,
            `${request.method} ${name.target}${reasonIn(request)}`,
          )
    return new Promise((resolve, reject) => {
      if (effect?.alive === false) return
      const giveUp = () => reject(request.signal.reason)
      if (request.signal.aborted) {
        giveUp()
        return
      }
      request.signal.addEventListener('abort', giveUp, { once: true })
      const answer = (settle: () => void) => {
        this.#timeline.after(this.#weather.latencyMs(), () =>
          this.#process.deliver(() => {
            request.signal.removeEventListener('abort', giveUp)
            settle()
          }),
        )
      }
      const broken = () =>
        answer(() =>
          reject(new KubeError({ status: 0, reason: 'Unreachable', message: name.path })),
        )
      const fate = this.#weather.fate(this.#process, name)
      if (fate.kind === 'down') {
        broken()
        return
      }
      if (fate.kind === 'refuse') {
        const { status, message, retryAfterSeconds } = fate
        const what = `${request.method} ${name.path}`
        answer(() => reject(errorFromAnswer(what, status, message, retryAfterSeconds?.toString())))
        return
      }
      try {
        request.beforeSend?.()
      } catch (error) {
        reject(error)
        return
      }
      const latencyMs = fate.kind === 'late' ? fate.ms : this.#weather.latencyMs()
      this.#timeline.after(latencyMs, () => {
        // A request on its way arrives also when its sender is dead or has given up.
        const done = this.#server.call({ ...request, signal: never })
        // A watch that does not carry the event does not miss it.
        done.catch(() => undefined)
        if (effect?.done() === false) return
        if (fate.kind === 'lose') {
          if (fate.reset) broken()
          return
        }
        done.then(
          (result) => answer(() => resolve(result)),
          (error: unknown) => answer(() => reject(error)),
        )
      })
    })
  }

  async stream(
    request: HttpRequest,
  ): Promise<{ readonly status: number; readonly body: AsyncIterable<Buffer> }> {
    const name = nameOf(request)
    this.#onCall(name)
    const fate = this.#weather.fate(this.#process, name)
    const arrive = async (ms: number): Promise<void> =>
      new Promise((resolve, reject) => {
        request.signal.addEventListener('abort', () => reject(request.signal.reason), {
          once: true,
        })
        this.#timeline.after(ms, () => this.#process.deliver(resolve))
      })
    await arrive(this.#weather.latencyMs())
    if (fate.kind === 'down' || fate.kind === 'lose')
      throw new KubeError({ status: 0, reason: 'Unreachable', message: name.path })
    if (fate.kind === 'refuse') throw errorFromAnswer(`GET ${name.path}`, fate.status, undefined)
    const pipe = new WatchPipe(name.target, this.#process, this.#timeline, () =>
      this.#weather.watchTrouble(this.#process, name.target),
    )
    // The server's side ends with the process, too: a dead client's sockets are closed by its
    // kernel.
    const life = new AbortController()
    request.signal.addEventListener('abort', () => life.abort(request.signal.reason), {
      once: true,
    })
    this.#process.onDeath(() => life.abort(new Error('the process is dead')))
    const { status, body } = await this.#server.stream({ ...request, signal: life.signal })
    this.pipes.add(pipe)
    this.#onPipe(pipe)
    void pipe
      .carry(body, () => this.#weather.latencyMs(), life.signal)
      .finally(() => this.pipes.delete(pipe))
    return { status, body: pipe }
  }

  async close(): Promise<void> {
    for (const pipe of this.pipes) pipe.cut()
  }
}

const never = new AbortController().signal

const resourcePath =
  /^\/(?:api\/[^/]+|apis\/[^/]+\/[^/]+)\/(?:namespaces\/[^/]+\/)?([^/]+)(?:\/[^/]+(?:\/(.+))?)?$/

function nameOf({ method, path: full }: HttpRequest): CallName {
  const path = full.split('?', 1)[0] ?? full
  const [, plural = path, subresource] = resourcePath.exec(path) ?? []
  return { method, path, target: subresource === undefined ? plural : `${plural}/${subresource}` }
}

const summary =
  /"type":"(?:Succeeded|Ready)","status":"[A-Za-z]+","reason":"(\w+)"|"state":"(\w+)"/g

/** The state of the written object, and the reason of its summary condition. */
function reasonIn({ body = '', path }: HttpRequest): string {
  if (!path.split('?', 1)[0]?.endsWith('/status')) return ''
  const words = new Set([...body.matchAll(summary)].flatMap(([, reason, state]) => [state, reason]))
  words.delete(undefined)
  return [...words].map((word) => ` ${word ?? ''}`).join('')
}

/**
 * The fate of an event, after it was sent.
 * - `repeat`: it is sent again, and then the one before it, which is older. No real API server does so.
 * - `drop`: the connection is reset.
 */
export type WatchTrouble = 'repeat' | 'drop'

/**
 * One watch connection between the simulated API server and a process: chunks arrive in order after
 * a while, unless the pipe is held (they wait), silent (they never come, the connection stays open)
 * or cut.
 */
class WatchPipe implements AsyncIterable<Buffer> {
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
  /**
   * The last event that may be sent again: not a deletion, after which nothing may be sent of
   * its object.
   */
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

  /** Carries the server's chunks until the watch ends or `signal` does. */
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
