import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import type { KubeConfig } from '../core/kube/config.ts'
import { isFields } from './json.ts'
import type { SimulatedApiServer } from './server.ts'

/**
 * A simulated API server behind a real socket, for tests that cut wires. There are no rights: a
 * client that reaches it may do everything.
 */
interface HttpFront {
  readonly config: KubeConfig
  /**
   * Cuts every connection, keeps the data, forgets the watch history, and comes back on the same
   * port.
   */
  readonly restart: (meanwhile: () => Promise<void>) => Promise<void>
  readonly close: () => Promise<void>
}

/** Listens on a free loopback port. */
export async function openFront(api: SimulatedApiServer): Promise<HttpFront> {
  let server = await listen(api, 0)
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const config: KubeConfig = {
    server: `http://127.0.0.1:${port}`,
    namespace: 'default',
    credentials: async () => ({ headers: {}, tls }),
    refresh: () => undefined,
  }
  return {
    config,
    restart: async (meanwhile) => {
      await stop(server)
      api.cutWatches()
      api.compact()
      await meanwhile()
      server = await listen(api, port)
    },
    close: async () => stop(server),
  }
}

const tls = {}

async function listen(api: SimulatedApiServer, port: number): Promise<Server> {
  const server = createServer((request, response) => {
    serve(api, request, response).catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => {
    server.listen(port, '127.0.0.1', resolve)
  })
  return server
}

async function stop(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

async function serve(
  api: SimulatedApiServer,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const gone = new AbortController()
  response.on('close', () => gone.abort(new Error('the client went away')))
  const body = await text(request)
  const answer = await api.answer(userOf(request), {
    method: request.method ?? 'GET',
    path: request.url ?? '/',
    body: body === '' ? undefined : body,
    contentType: request.headers['content-type']?.split(';')[0],
    signal: gone.signal,
  })
  if ('stream' in answer) {
    response.writeHead(answer.status, { 'content-type': 'application/json' })
    response.flushHeaders()
    for await (const chunk of answer.stream) response.write(chunk)
    response.end()
    return
  }
  const isText = typeof answer.body === 'string'
  response.writeHead(answer.status, {
    'content-type': isText ? 'text/plain' : 'application/json',
    ...retryAfter(answer.body),
  })
  response.end(isText ? answer.body : JSON.stringify(answer.body))
}

function retryAfter(body: unknown): Readonly<Record<string, string>> {
  const details = isFields(body) && body['kind'] === 'Status' ? body['details'] : undefined
  const seconds = isFields(details) ? details['retryAfterSeconds'] : undefined
  return typeof seconds === 'number' ? { 'retry-after': String(seconds) } : {}
}

/**
 * The name before the first slash of the user agent, which the real server takes for the field
 * manager, too.
 */
function userOf(request: IncomingMessage): string {
  return (request.headers['user-agent'] ?? 'unknown').split('/', 1)[0] ?? 'unknown'
}
