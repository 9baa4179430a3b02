import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http'
import {
  type ModelCall,
  heartbeat,
  logBatch,
  modelCall,
  report,
} from '../../core/api/agent-protocol.ts'
import {
  bearerToken,
  goneSignal,
  Problem,
  readJson,
  sendJson,
  sendProblem,
  startLines,
} from '../../core/base/http.ts'
import type { Logger } from '../../core/base/logger.ts'
import type { RunSignals, Runnable } from '../../core/kube/runtime/manager.ts'
import type { AgentIdentity, Hub } from './hub.ts'

/** The longest body. The largest messages, reports and model calls, have a few hundred KiB at most. */
const maxBytes = 4 * 1024 * 1024

interface HubServerOptions {
  readonly port: number
  readonly hub: Hub
  readonly log: Logger
}

/** The hub as an HTTP server: it bounds and checks what agents send, and `Hub` does everything else. */
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
      if (error instanceof Problem) return sendProblem(response, error)
      this.#options.log.error({ err: error, url: request.url }, 'hub request failed')
      sendProblem(response, new Problem(500, 'InternalError', 'the hub met an error; try again'))
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
        hub.beat(caller, await readJson(request, heartbeat, { maxBytes }))
        response.writeHead(204).end()
        return
      case 'POST /v1/report':
        sendJson(
          response,
          200,
          await hub.report(caller, await readJson(request, report, { maxBytes })),
        )
        return
      case 'POST /v1/model':
        await this.#model(caller, await readJson(request, modelCall, { maxBytes }), response)
        return
      case 'POST /v1/logs':
        hub.log(caller, await readJson(request, logBatch, { maxBytes }))
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
