// One HTTP request over TCP or a unix socket, with a body that is read line by line. node:http has
// no hidden time-outs; the five minutes of the built-in fetch would cut model calls that wait in a
// queue.
import { type IncomingHttpHeaders, type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { linesOf } from '../../core/base/lines.ts'
import { systemClock } from '../../core/base/clock.ts'

interface HttpRequest {
  readonly method: 'GET' | 'POST'
  /** With `socketPath`, only the path of it counts. */
  readonly url: string
  readonly socketPath?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON. */
  readonly body?: unknown
  /**
   * Called for each answer of the kind 1xx that comes before the response, with its headers by
   * lower-case names.
   */
  readonly onInformation?: (status: number, headers: IncomingHttpHeaders) => void
}

/** A response whose body has not been read yet. Read it, or call `drop`. */
export interface HttpResponse {
  readonly status: number
  /** A header by its lower-case name; of several the first. */
  header(name: string): string | undefined
  /**
   * Lines of the body without their ends; empty ones are left out. Throws when the connection
   * breaks.
   */
  lines(): AsyncGenerator<string>
  /** The whole body, at most 64 MiB. */
  text(): Promise<string>
  drop(): void
}

/** The report of a test run is up to 32 MiB, more as JSON. */
const bodyLimit = 64 * 1024 * 1024
/**
 * Longer than a connection inside a cluster takes. A Service may still name a Pod that is gone,
 * which never answers.
 */
const connectMs = 3_000

/**
 * Sends a request and resolves with the head of the response. Throws `Error` when no response
 * comes, or on `signal`.
 */
export function sendRequest(
  request: HttpRequest,
  options: { readonly signal: AbortSignal },
): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    const url = new URL(request.url)
    const body = request.body === undefined ? undefined : JSON.stringify(request.body)
    const send = url.protocol === 'https:' ? requestHttps : requestHttp
    const outgoing = send(url, {
      method: request.method,
      signal: options.signal,
      // A connection of its own: one that was kept open breaks when the server is started again,
      // and would look as if this request had done that.
      ...(request.socketPath === undefined ? {} : { socketPath: request.socketPath, agent: false }),
      headers: {
        ...request.headers,
        ...(body === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
      },
    })
    outgoing.on('socket', (socket) => {
      if (!socket.connecting) return
      const giveUp = (): void => {
        outgoing.destroy(new Error(`no connection to ${url.host} within ${connectMs} ms`))
      }
      const cancel = systemClock.after(connectMs, giveUp)
      for (const end of ['connect', 'close']) socket.once(end, cancel)
    })
    outgoing.on('error', reject)
    outgoing.on('information', ({ statusCode, headers }) => {
      request.onInformation?.(statusCode, headers)
    })
    outgoing.on('response', (incoming) => resolve(responseOf(incoming)))
    outgoing.end(body)
  })
}

function responseOf(incoming: IncomingMessage): HttpResponse {
  // An error after the head is thrown by the reader of the body; without a listener it would end
  // the process.
  incoming.on('error', () => undefined)
  return {
    status: incoming.statusCode ?? 0,
    header(name) {
      const value = incoming.headers[name]
      return Array.isArray(value) ? value[0] : value
    },
    async *lines() {
      for await (const line of linesOf(incoming)) if (line.trim() !== '') yield line
    },
    async text() {
      incoming.setEncoding('utf8')
      const chunks: string[] = []
      let length = 0
      for await (const chunk of incoming as AsyncIterable<string>) {
        chunks.push(chunk)
        length += chunk.length
        if (length > bodyLimit) throw new Error('the response is too long')
      }
      return chunks.join('')
    },
    drop() {
      incoming.destroy()
    },
  }
}
