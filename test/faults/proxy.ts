// A TLS proxy before an API server. It passes credentials in headers through, and does what rules
// say to the rest.
import { readFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Agent, createServer, request as httpsRequest } from 'node:https'
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { ensureCertificate } from '../../hack/native-cluster/certificates.ts'
import {
  RuleBook,
  type Fault,
  type Rule,
  type RuleHandle,
  type SeenRequest,
  type Stroke,
} from './rules.ts'

/** A request that came by. */
export interface LoggedRequest extends SeenRequest {
  /** When it came, in milliseconds since 1970. */
  readonly at: number
  /** The fault that struck it. */
  readonly fault: string | undefined
  /**
   * The status the client was sent; undefined while there is none, or when there never will be one.
   */
  status: number | undefined
}

export interface FaultProxy {
  readonly url: string
  /** Everything that came by, in order. */
  readonly log: readonly LoggedRequest[]
  /** Puts a rule in force. */
  add(rule: Rule): RuleHandle
  /** Ends every rule. Requests that are held stay held. */
  clear(): void
  /**
   * Swallows everything: connections stay open, and not a byte gets through in either direction,
   * until `heal`.
   */
  swallow(): void
  /** Refuses connections and cuts those that are open, until `heal`. */
  refuse(): void
  /** Lets everything through again; swallowed bytes are lost with their connections. */
  heal(): void
  /** Cuts every connection once. */
  cut(): void
  close(): Promise<void>
}

interface FaultProxyOptions {
  /** The API server, `https://host:port`. */
  readonly target: string
  /**
   * The directory with the authority that clients and proxy believe; the proxy's certificate is
   * made there.
   */
  readonly pki: string
  /** For rules with a probability. */
  readonly seed?: number
}

/** Starts one on a free loopback port. */
export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const hosts = ['localhost', '127.0.0.1']
  const pair = await ensureCertificate(options.pki, 'fault-proxy', { commonName: 'proxy', hosts })
  const [cert, key, ca] = await Promise.all(
    [pair.certificate, pair.key, `${options.pki}/ca.crt`].map((path) => readFile(path)),
  )
  const book = new RuleBook(options.seed ?? 1)
  const agent = new Agent({ keepAlive: true, maxSockets: Infinity, ca })
  const log: LoggedRequest[] = []
  const sockets = new Set<Duplex>()
  let state: 'open' | 'swallowing' | 'refusing' = 'open'
  const cut = (): void => {
    for (const socket of sockets) socket.destroy()
  }

  const server = createServer({ cert, key }, (incoming, response) => {
    handle(incoming, response).catch(() => response.destroy())
  })
  server.requestTimeout = 0
  server.headersTimeout = 0
  server.keepAliveTimeout = 0
  server.on('connection', (socket) => {
    if (state === 'refusing') socket.destroy()
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  server.on('tlsClientError', () => undefined)

  async function handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => undefined)
    const body = await bodyOf(incoming)
    // The connection stays as it is, and no answer ever comes.
    if (state === 'swallowing') return
    const seen: SeenRequest = {
      method: incoming.method ?? '',
      path: incoming.url ?? '',
      userAgent: incoming.headers['user-agent'] ?? '',
      watch: /[?&]watch=(1|true)/.test(incoming.url ?? ''),
      body: body.toString('utf8'),
    }
    const stroke = book.strike(seen)
    const entry: LoggedRequest = {
      ...seen,
      at: Date.now(),
      fault: stroke?.fault.kind,
      status: undefined,
    }
    log.push(entry)
    await carryOut(stroke, () => forward(incoming, body), response, entry)
  }

  async function carryOut(
    stroke: Stroke | undefined,
    pass: () => Promise<IncomingMessage>,
    response: ServerResponse,
    entry: LoggedRequest,
  ): Promise<void> {
    const fault = stroke?.fault
    switch (fault?.kind) {
      case 'delay':
        await sleep(fault.beforeMs ?? 0)
        break
      case 'hold':
        await stroke?.released
        break
      case 'meanwhile':
        await fault.before?.()
        if (fault.lost === true) return void response.destroy()
        break
      case 'cut':
        if (fault.when === 'before') return void response.destroy()
        break
      case 'duplicate':
        break
      case 'answer':
        entry.status = fault.status
        return say(response, fault)
      case 'expired-watch':
        entry.status = 200
        response.writeHead(200, { 'content-type': 'application/json' })
        response.end(`${JSON.stringify({ type: 'ERROR', object: statusOf(410, 'Expired') })}\n`)
        return
      case 'cut-at':
      case 'freeze':
      case undefined:
        break
    }

    const answer = await pass()
    if (fault?.kind === 'duplicate') (await pass()).resume()
    if (fault?.kind === 'delay') await sleep(fault.afterMs ?? 0)
    if (fault?.kind === 'meanwhile') await fault.after?.()
    if (fault?.kind === 'cut' && fault.when === 'after') {
      await bodyOf(answer)
      response.destroy()
      return
    }
    if (response.destroyed) {
      answer.destroy()
      return
    }
    entry.status = answer.statusCode
    const length = Number(answer.headers['content-length'] ?? 400)
    const limit =
      fault?.kind === 'cut'
        ? { bytes: Math.floor(length / 2), end: 'cut' as const }
        : fault?.kind === 'cut-at'
          ? { bytes: fault.bytes, end: 'cut' as const }
          : fault?.kind === 'freeze'
            ? { bytes: fault.afterBytes ?? 0, end: 'freeze' as const }
            : undefined
    await pipe(answer, response, limit)
  }

  async function pipe(
    answer: IncomingMessage,
    response: ServerResponse,
    limit: { readonly bytes: number; readonly end: 'cut' | 'freeze' } | undefined,
  ): Promise<void> {
    const { connection: _connection, 'keep-alive': _keep, ...headers } = answer.headers
    response.writeHead(answer.statusCode ?? 502, headers)
    response.flushHeaders()
    response.on('close', () => answer.destroy())
    let left = limit?.bytes ?? Infinity
    try {
      for await (const chunk of answer as AsyncIterable<Buffer>) {
        // The server's answer meanwhile is lost; the client's connection stays as it is.
        if (state === 'swallowing') return
        const part = chunk.length > left ? chunk.subarray(0, left) : chunk
        left -= part.length
        if (part.length > 0 && !response.write(part)) await drained(response)
        if (left > 0) continue
        if (limit?.end === 'cut') {
          // The bytes written so far are to arrive before the end does.
          await sleep(5)
          response.destroy()
        }
        return
      }
      response.end()
    } catch {
      // The server broke off; so does the proxy.
      response.destroy()
    }
  }

  function forward(incoming: IncomingMessage, body: Buffer): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const { connection: _connection, host: _host, ...headers } = incoming.headers
      const outgoing = httpsRequest(`${options.target}${incoming.url ?? ''}`, {
        method: incoming.method,
        agent,
        headers,
      })
      outgoing.on('response', (answer) => {
        answer.on('error', () => undefined)
        resolve(answer)
      })
      outgoing.on('error', reject)
      outgoing.end(body)
    })
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    url: `https://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    log,
    add: (rule) => book.add(rule),
    clear: () => book.clear(),
    swallow() {
      state = 'swallowing'
    },
    refuse() {
      state = 'refusing'
      cut()
    },
    heal() {
      if (state === 'swallowing') cut()
      state = 'open'
    },
    cut,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      cut()
      agent.destroy()
      await closed
    },
  }
}

async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of message as AsyncIterable<Buffer>) chunks.push(chunk)
  return Buffer.concat(chunks)
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    response.once('drain', resolve)
    response.once('close', resolve)
  })
}

/** As an API server says it: a Status object unless there is something else to say. */
function say(response: ServerResponse, fault: Extract<Fault, { kind: 'answer' }>): void {
  const { status, retryAfterSeconds, reason = '', body } = fault
  response.writeHead(status, {
    'content-type': 'application/json',
    ...(retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }),
  })
  response.end(body ?? JSON.stringify(statusOf(status, reason)))
}

function statusOf(code: number, reason: string): object {
  const message = `the fault proxy answers ${code}`
  return { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message }
}
