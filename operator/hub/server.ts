import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import {
  heartbeat,
  logBatch,
  modelCall,
  report,
  type Assignment,
  type Heartbeat,
  type LogBatch,
  type ModelCall,
  type ModelEvent,
  type Report,
  type ReportReceipt,
} from '../api/agent-protocol.ts'
import type { Clock, Logger } from '../kube/ports.ts'
import type { RunSignals, Runnable } from '../runtime/runnable.ts'
import { Problem, readBody, sendJson, startLines } from './http.ts'
import type { Lines } from './lines.ts'

/** Which attempt of which task, as an agent names it. */
export interface AttemptName {
  readonly task: string
  readonly uid: string
  readonly attempt: number
}

/** An agent whose token was reviewed: the only names the hub believes. */
export interface Caller {
  readonly podUid: string
  readonly agent: string
  readonly type: string
}

/** What the hub needs from the rest of the operator. */
export interface HubDoors {
  /** Whose token it is; undefined when it is not one of our agents. Throws when the API server cannot be asked. */
  identify(token: string): Promise<Caller | undefined>
  /** Everything a Pod holds right now. */
  assignmentsOf(podUid: string): readonly Assignment[]
  /** Whether a Pod holds this attempt of this task right now. */
  holds(podUid: string, attempt: AttemptName): boolean
  report(
    caller: Caller,
    report: Report,
    options: { readonly signal: AbortSignal },
  ): Promise<ReportReceipt>
  /** Answers a model call of the holder. The last event is `result` or `error`; never throws. */
  ask(
    call: ModelCall,
    options: { readonly signal: AbortSignal; readonly onEvent: (event: ModelEvent) => void },
  ): Promise<void>
  log(caller: Caller, batch: LogBatch): void
}

export interface HubOptions {
  readonly port: number
  readonly doors: HubDoors
  readonly lines: Lines
  readonly log: Logger
  readonly clock: Clock
}

const heartbeatSeconds = 4
const pingMs = 4_000

/**
 * The one door of the agents: assignment streams, heartbeats, reports, model calls, log lines.
 * Guarantees: nobody without a reviewed token of one of our agent Pods gets further than 401; a model call or report
 * counts only from the Pod and attempt that hold the task; bodies are bounded and checked.
 */
export class Hub implements Runnable {
  readonly name = 'hub'
  readonly #options: HubOptions
  readonly #server: Server
  readonly #ended = new AbortController()

  constructor(options: HubOptions) {
    this.#options = options
    this.#server = createServer((request, response) => {
      void this.#answer(request, response)
    })
    this.#server.keepAliveTimeout = 30_000
  }

  /** Listens until `stop`; open streams are closed then, and agents come back to the next leader. */
  async run(signals: RunSignals): Promise<void> {
    const { port, lines, clock, log } = this.#options
    signals.abort.addEventListener('abort', () => this.#ended.abort(signals.abort.reason))
    lines.begin()
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, () => resolve())
    })
    log.info({ port }, 'hub listens')
    let cancel = (): void => {}
    const ping = (): void => {
      lines.pingAll()
      cancel = clock.after(pingMs, ping)
    }
    ping()
    await new Promise<void>((resolve) => {
      if (signals.stop.aborted) resolve()
      else signals.stop.addEventListener('abort', () => resolve(), { once: true })
    })
    cancel()
    lines.closeAll()
    this.#server.closeAllConnections()
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.#route(request, response)
    } catch (error) {
      if (error instanceof Problem) {
        if (!response.headersSent)
          sendJson(response, error.status, { code: error.code, message: error.message })
        else response.destroy()
        return
      }
      this.#options.log.error({ err: error, url: request.url }, 'hub request failed')
      if (!response.headersSent)
        sendJson(response, 500, {
          code: 'InternalError',
          message: 'the hub met an error; try again',
        })
      else response.destroy()
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const route = `${request.method ?? ''} ${(request.url ?? '').split('?')[0] ?? ''}`
    if (route === 'GET /healthz') {
      response.end('ok')
      return
    }
    const caller = await this.#caller(request)
    switch (route) {
      case 'GET /v1/assignments':
        this.#stream(caller, request, response)
        return
      case 'POST /v1/heartbeat':
        this.#beat(caller, await readBody(request, heartbeat))
        response.writeHead(204).end()
        return
      case 'POST /v1/report': {
        const body = await readBody(request, report)
        // Not stopped when the caller hangs up: what was begun is written, counted and told. Each call has its deadline.
        const receipt = await this.#options.doors.report(caller, body, {
          signal: this.#ended.signal,
        })
        sendJson(response, 200, receipt)
        return
      }
      case 'POST /v1/model': {
        const call = await readBody(request, modelCall)
        await this.#model(caller, call, response)
        return
      }
      case 'POST /v1/logs':
        this.#options.doors.log(caller, await readBody(request, logBatch))
        response.writeHead(204).end()
        return
      default:
        throw new Problem(404, 'NotFound', `the hub has no ${route}`)
    }
  }

  /** Brings both sides to the same view: what an agent should not do is cancelled, what it missed is said again. */
  #beat(caller: Caller, beat: Heartbeat): void {
    const { lines, doors } = this.#options
    const { podUid } = caller
    lines.beat(podUid, caller.agent, beat)
    const { task, uid, attempt } = beat
    if (task !== undefined && uid !== undefined && attempt !== undefined)
      if (!doors.holds(podUid, { task, uid, attempt }))
        lines.send(podUid, { kind: 'cancel', task, uid, attempt })
    for (const assignment of doors.assignmentsOf(podUid))
      if (assignment.uid !== uid || assignment.attempt !== attempt) lines.send(podUid, assignment)
  }

  async #caller(request: IncomingMessage): Promise<Caller> {
    const [scheme, token] = (request.headers.authorization ?? '').split(' ')
    if (scheme?.toLowerCase() !== 'bearer' || token === undefined || token === '')
      throw new Problem(401, 'Unauthorized', 'a bearer token is needed')
    const caller = await this.#options.doors.identify(token)
    if (caller === undefined)
      throw new Problem(401, 'Unauthorized', 'the token is not that of an agent Pod')
    return caller
  }

  #stream(caller: Caller, request: IncomingMessage, response: ServerResponse): void {
    const { lines, doors, log } = this.#options
    const send = startLines(response)
    const closed = lines.open({
      podUid: caller.podUid,
      agent: caller.agent,
      send,
      close: () => response.end(),
    })
    log.info({ agent: caller.agent }, 'agent connected')
    request.socket.setKeepAlive(true, 10_000)
    response.on('close', () => {
      closed()
      log.info({ agent: caller.agent }, 'agent disconnected')
    })
    send({ kind: 'welcome', agent: caller.agent, heartbeatSeconds })
    for (const assignment of doors.assignmentsOf(caller.podUid)) send(assignment)
  }

  async #model(caller: Caller, call: ModelCall, response: ServerResponse): Promise<void> {
    if (!this.#options.doors.holds(caller.podUid, call))
      throw new Problem(409, 'Fenced', `task ${call.task} attempt ${call.attempt} is not yours`)
    const send = startLines(response)
    await this.#options.doors.ask(call, { signal: goneSignal(response), onEvent: send })
    response.end()
  }
}

/** Aborted when the caller hangs up: nobody waits for the answer any more. */
function goneSignal(response: ServerResponse): AbortSignal {
  const gone = new AbortController()
  response.on('close', () => gone.abort(new Error('the agent closed the call')))
  return gone.signal
}
