import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'

/** Returns one sentence about a fault; undefined when there is none. */
type Check = () => string | undefined

/**
 * A check for liveness: finds an event loop that was late since the check was last asked. A loop
 * that stands still does not answer at all, and the time-out of the probe finds that.
 */
export function eventLoopCheck(limitMs = 2_000): Check {
  // Each sample is a turn of the loop. The usual hundred a second would take most of the time of an
  // idle process.
  const resolution = 100
  const delay = monitorEventLoopDelay({ resolution })
  delay.enable()
  return () => {
    const ms = Math.round(delay.percentile(50) / 1e6) - resolution
    delay.reset()
    return ms > limitMs ? `half of all turns of the event loop came ${ms} ms late` : undefined
  }
}

interface HealthServerOptions {
  readonly port: number
  readonly host?: string
  /**
   * `/healthz`: is this process itself sane? Never ask the API server: its outage would restart
   * every replica.
   */
  readonly live: Readonly<Record<string, Check>>
  /** `/readyz`: can this process do its work? */
  readonly ready: Readonly<Record<string, Check>>
  /** `/metrics` in the Prometheus text format. */
  readonly metrics?: () => Promise<string>
}

/** Serves `/healthz`, `/readyz` and `/metrics`, also on followers. */
export class HealthServer {
  readonly #options: HealthServerOptions
  readonly #server: Server

  constructor(options: HealthServerOptions) {
    this.#options = options
    this.#server = createServer((request, response) => {
      // Not awaited: the callback is synchronous, and #answer never rejects.
      void this.#answer(request.url ?? '/', response)
    })
  }

  /** Resolves with the port that is listened on. Rejects if it is taken. */
  async start(): Promise<number> {
    const { port, host } = this.#options
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen({ port, ...(host === undefined ? {} : { host }) }, resolve)
    })
    const address: AddressInfo | string | null = this.#server.address()
    return typeof address === 'object' && address !== null ? address.port : port
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
    this.#server.closeAllConnections()
    await closed
  }

  async #answer(url: string, response: ServerResponse): Promise<void> {
    const { live, ready, metrics } = this.#options
    const path = url.split('?', 1)[0]
    let answer = { status: 404, text: 'try /healthz, /readyz or /metrics\n' }
    if (path === '/healthz') answer = verdict(live)
    if (path === '/readyz') answer = verdict(ready)
    if (path === '/metrics' && metrics !== undefined) {
      answer = await metrics().then(
        (text) => ({ status: 200, text }),
        (error: unknown) => ({ status: 500, text: String(error) }),
      )
    }
    response.writeHead(answer.status, { 'content-type': 'text/plain; charset=utf-8' })
    response.end(answer.text)
  }
}

function verdict(checks: Readonly<Record<string, Check>>) {
  const problems = Object.entries(checks).flatMap(([name, check]) => {
    const problem = check()
    return problem === undefined ? [] : [`${name}: ${problem}\n`]
  })
  return problems.length === 0
    ? { status: 200, text: 'ok\n' }
    : { status: 503, text: problems.join('') }
}
