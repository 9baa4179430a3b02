import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http'
import {
  type ModelCall,
  heartbeat,
  logBatch,
  modelCall,
  report,
} from '../../core/api/agent-protocol.ts'
import type { Logger } from '../../core/base/ports.ts'
import type { RunSignals, Runnable } from '../../core/kube/runtime/manager.ts'
import type { AgentIdentity, Hub } from './hub.ts'
import { Problem, readBody, sendJson, startLines } from './http.ts'

export interface HubServerOptions {
  readonly port: number
  readonly hub: Hub
  readonly log: Logger
}

/** The one door of the agents, as HTTP: bodies are bounded and checked here, everything else is the hub's. */
export class HubServer implements Runnable {
  readonly name = 'hub'
  readonly #options: HubServerOptions
  readonly #server: Server

  constructor(options: HubServerOptions) {
    this.#options = options
    this.#server = createServer((request, response) => {
      void this.#answer(request, response)
    })
    this.#server.keepAliveTimeout = 30_000
  }

  /** Listens until `stop`. Rejects when the port is taken. */
  async run(signals: RunSignals): Promise<void> {
    const { port, hub, log } = this.#options
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, () => resolve())
    })
    log.info({ port }, 'hub listens')
    await hub.run(signals)
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
    const { hub } = this.#options
    const route = `${request.method ?? ''} ${(request.url ?? '').split('?')[0] ?? ''}`
    if (route === 'GET /healthz') {
      response.end('ok')
      return
    }
    const caller = await hub.identify(bearerToken(request))
    switch (route) {
      case 'GET /v1/assignments':
        this.#stream(caller, request, response)
        return
      case 'POST /v1/heartbeat':
        hub.beat(caller, await readBody(request, heartbeat))
        response.writeHead(204).end()
        return
      case 'POST /v1/report':
        sendJson(response, 200, await hub.report(caller, await readBody(request, report)))
        return
      case 'POST /v1/model':
        await this.#model(caller, await readBody(request, modelCall), response)
        return
      case 'POST /v1/logs':
        hub.log(caller, await readBody(request, logBatch))
        response.writeHead(204).end()
        return
      default:
        throw new Problem(404, 'NotFound', `the hub has no ${route}`)
    }
  }

  #stream(caller: AgentIdentity, request: IncomingMessage, response: ServerResponse): void {
    request.socket.setKeepAlive(true, 10_000)
    const stream = { send: startLines(response), close: () => response.end() }
    response.on('close', this.#options.hub.connect(caller, stream))
  }

  async #model(caller: AgentIdentity, call: ModelCall, response: ServerResponse): Promise<void> {
    const { hub } = this.#options
    hub.admit(caller, call)
    await hub.ask(call, { signal: goneSignal(response), onEvent: startLines(response) })
    response.end()
  }
}

function bearerToken(request: IncomingMessage): string | undefined {
  const [scheme, token] = (request.headers.authorization ?? '').split(' ')
  return scheme?.toLowerCase() === 'bearer' ? token : undefined
}

/** Aborted when the caller hangs up: nobody waits for the answer any more. */
function goneSignal(response: ServerResponse): AbortSignal {
  const gone = new AbortController()
  response.on('close', () => gone.abort(new Error('the agent closed the call')))
  return gone.signal
}
