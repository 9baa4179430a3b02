import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { KubeConfig } from '../../core/kube/config.ts'

/** One request as the scripted server saw it. */
export interface SeenRequest {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  readonly body: string
  /** Which TCP connection it came on, counted from 1. */
  readonly connection: number
}

export type Script = (request: SeenRequest, response: ServerResponse) => void

/** An HTTP server for unit tests that answers as the test says, down to the byte. */
export interface ScriptedServer {
  readonly config: KubeConfig
  readonly requests: readonly SeenRequest[]
  /** How often credentials were asked to be read again. */
  refreshes(): number
  close(): Promise<void>
}

/** Starts it on `port`, or on a free one. */
export async function startScriptedServer(script: Script, port = 0): Promise<ScriptedServer> {
  const requests: SeenRequest[] = []
  const connections = new Map<unknown, number>()
  let refreshes = 0
  const server = createServer((request, response) => {
    if (!connections.has(request.socket)) connections.set(request.socket, connections.size + 1)
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const url = new URL(request.url ?? '/', 'http://localhost')
      const seen = {
        method: request.method ?? '',
        path: url.pathname,
        query: url.searchParams,
        headers: request.headers,
        body: Buffer.concat(chunks).toString(),
        connection: connections.get(request.socket) ?? 0,
      }
      requests.push(seen)
      script(seen, response)
    })
  })
  await new Promise<void>((resolve) => {
    server.listen(port, '127.0.0.1', resolve)
  })
  const address = server.address()
  const listens = typeof address === 'object' && address !== null ? address.port : port
  const tls = {}
  return {
    config: {
      server: `http://127.0.0.1:${listens}`,
      namespace: 'default',
      credentials: async () => ({ headers: { authorization: `Bearer ${refreshes}` }, tls }),
      refresh: () => {
        refreshes += 1
      },
    },
    requests,
    refreshes: () => refreshes,
    close: async () => {
      server.closeAllConnections()
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
      })
    },
  }
}

/** Answers with JSON. */
export function reply(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify(body))
}

/** Answers with a `metav1.Status`. */
export function refuse(
  response: ServerResponse,
  status: number,
  reason: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  reply(response, status, { kind: 'Status', reason, message: `refused: ${reason}` }, headers)
}
