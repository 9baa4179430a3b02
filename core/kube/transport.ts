import { Pool, ProxyAgent, type Dispatcher } from 'undici'
import type { KubeConfig, TlsMaterial } from './config.ts'
import { errorFromAnswer, KubeconfigError, KubeError, WriteBarredError } from './errors.ts'
import { withoutSecret } from './proxy.ts'
import { orAborted } from '../base/wait.ts'

/** One HTTP request to the API server, before credentials. */
export interface HttpRequest {
  readonly method: Dispatcher.HttpMethod
  /** Path and query. */
  readonly path: string
  readonly body?: string | undefined
  readonly contentType?: string | undefined
  readonly signal: AbortSignal
  /**
   * The transport calls it synchronously before the first byte leaves, each time the request is
   * sent, and after all waits (for credentials, for a connection). If it throws, the request is not
   * sent.
   */
  readonly beforeSend?: (() => void) | undefined
}

/** Carries requests; tests use one that answers inside the process. */
export interface HttpTransport {
  /**
   * Sends, reads the whole answer and parses it. Errors: `KubeError`, or the signal's reason when
   * the caller gave up.
   */
  call(request: HttpRequest): Promise<{ readonly status: number; readonly body: unknown }>
  /** Sends and hands out the body as it comes; the signal ends it. Errors: as for `call`. */
  stream(
    request: HttpRequest,
  ): Promise<{ readonly status: number; readonly body: AsyncIterable<Buffer> }>
  /** Closes all connections, which ends the requests under way. */
  close(): Promise<void>
}

interface Connections {
  readonly tls: TlsMaterial
  readonly calls: Dispatcher
  readonly watches: Dispatcher
}

type GuardedRequest = Dispatcher.RequestOptions & {
  readonly beforeSend?: (() => void) | undefined
}

/**
 * Connecting can take long, so `beforeSend` is called after it, when a connection takes the
 * request.
 */
const askBeforeSend: Dispatcher.DispatcherComposeInterceptor = (dispatch) => (options, handler) => {
  const { beforeSend }: typeof options & Pick<GuardedRequest, 'beforeSend'> = options
  if (beforeSend === undefined) return dispatch(options, handler)
  return dispatch(options, {
    onRequestStart: (controller, context) => {
      beforeSend()
      handler.onRequestStart?.(controller, context)
    },
    onResponseStart: (...args) => handler.onResponseStart?.(...args),
    onResponseData: (...args) => handler.onResponseData?.(...args),
    onResponseEnd: (...args) => handler.onResponseEnd?.(...args),
    onResponseError: (...args) => handler.onResponseError?.(...args),
  })
}

/**
 * HTTP/1.1 over kept connections: one pool for calls, another for watches, which hold a connection
 * each. HTTP/2 is off: aborting requests leaked in undici's HTTP/2 (nodejs/undici 5566), and every
 * watch ends by abort; it was also slower. Both pools are replaced when the CA or the client
 * certificate changes. They are not undici `Agent`s, which forget their connections once they are
 * told to close. Behind a proxy there is no other way than undici's agent; there, connections of a
 * former certificate end with their requests and not with `close`.
 */
export class Transport implements HttpTransport {
  readonly #config: KubeConfig
  readonly #userAgent: string
  readonly #connections: number
  readonly #base: URL
  #current: Connections | undefined
  /**
   * The current connections, and those of former certificates until their last request has ended.
   */
  readonly #open = new Set<Connections>()

  constructor(options: {
    readonly config: KubeConfig
    readonly userAgent: string
    readonly connections: number
  }) {
    this.#config = options.config
    this.#userAgent = options.userAgent
    this.#connections = options.connections
    this.#base = new URL(options.config.server)
  }

  async call(request: HttpRequest): Promise<{ readonly status: number; readonly body: unknown }> {
    const response = await this.#send(request, 'calls')
    const body = parse(await this.#guard(request, () => response.body.text()))
    return { status: response.statusCode, body }
  }

  async stream(
    request: HttpRequest,
  ): Promise<{ readonly status: number; readonly body: AsyncIterable<Buffer> }> {
    const response = await this.#send(request, 'watches')
    return { status: response.statusCode, body: response.body }
  }

  async close(): Promise<void> {
    this.#current = undefined
    const pools = [...this.#open].flatMap(({ calls, watches }) => [calls, watches])
    this.#open.clear()
    await Promise.all(pools.map(async (pool) => pool.destroy()))
  }

  async #send(request: HttpRequest, pool: 'calls' | 'watches'): Promise<Dispatcher.ResponseData> {
    for (let attempt = 0; ; attempt += 1) {
      const { headers, tls } = await this.#credentials(request)
      const response = await this.#guard(request, async () => {
        const options: GuardedRequest = {
          origin: this.#base.origin,
          path: this.#base.pathname.replace(/\/$/, '') + request.path,
          method: request.method,
          headers: {
            ...headers,
            accept: 'application/json',
            'user-agent': this.#userAgent,
            ...(request.body === undefined
              ? {}
              : { 'content-type': request.contentType ?? 'application/json' }),
          },
          body: request.body ?? null,
          signal: request.signal,
          beforeSend: request.beforeSend,
        }
        return this.#pools(tls)[pool].request(options)
      })
      if (response.statusCode < 300) return response
      const body = parse(await this.#guard(request, () => response.body.text()))
      if (response.statusCode === 401 && attempt === 0) {
        // Nothing was done. The token may just have been rotated; read it again once.
        this.#config.refresh()
        continue
      }
      const retryAfter = response.headers['retry-after']
      throw errorFromAnswer(
        describe(request),
        response.statusCode,
        body,
        typeof retryAfter === 'string' ? retryAfter : undefined,
      )
    }
  }

  /** Nothing was contacted when they fail, so the server is not blamed. */
  async #credentials(
    request: HttpRequest,
  ): Promise<Awaited<ReturnType<KubeConfig['credentials']>>> {
    const { signal } = request
    try {
      return await orAborted(signal, this.#config.credentials({ signal }))
    } catch (cause) {
      if (signal.aborted) throw signal.reason
      const isKubeconfig = cause instanceof KubeconfigError
      throw new KubeError({
        status: 0,
        // Files of a Pod are back at the next try; a plug-in that failed would fail again.
        reason: isKubeconfig ? 'NoCredentials' : 'Unreachable',
        message: `${describe(request)}: ${isKubeconfig ? '' : 'the credentials cannot be read: '}${textOf(cause)}`,
        cause,
      })
    }
  }

  /** Turns failures below HTTP into `KubeError`s; an abort by the caller stays what it is. */
  async #guard<T>(request: HttpRequest, work: () => Promise<T>): Promise<T> {
    try {
      // undici notices an abort only once it is connected, and a connection to a dead peer fails
      // only after ten seconds.
      return await orAborted(request.signal, work())
    } catch (cause) {
      if (cause instanceof KubeError || cause instanceof WriteBarredError) throw cause
      // The reason of the signal says whether the caller gave up or a deadline passed.
      if (request.signal.aborted) throw request.signal.reason
      // The server's certificate may be of a new authority, which the next attempt then reads.
      if (isTlsFailure(cause)) this.#config.refresh()
      const { proxy } = this.#config
      const way = proxy === undefined ? '' : ` through the proxy ${withoutSecret(proxy)}`
      throw new KubeError({
        status: 0,
        reason: 'Unreachable',
        message: `${describe(request)}: ${this.#base.host} cannot be reached${way}: ${textOf(cause)}`,
        cause,
      })
    }
  }

  #pools(tls: TlsMaterial): Connections {
    if (this.#current?.tls === tls) return this.#current
    const old = this.#current
    const { origin } = this.#base
    const options = {
      allowH2: false,
      keepAliveTimeout: 30_000,
      headersTimeout: 0,
      bodyTimeout: 0,
    }
    const { proxy } = this.#config
    const made = (more: { readonly connections?: number }): Dispatcher => {
      const connect = { ...tls, timeout: 10_000, keepAlive: true, keepAliveInitialDelay: 30_000 }
      return proxy === undefined
        ? new Pool(origin, { ...options, ...more, connect })
        : new ProxyAgent({
            ...options,
            ...more,
            uri: proxy,
            connectTimeout: 10_000,
            requestTls: { ...tls, timeout: 10_000 },
          })
    }
    this.#current = {
      tls,
      calls: made({ connections: this.#connections }).compose(askBeforeSend),
      watches: made({}),
    }
    this.#open.add(this.#current)
    // Not awaited: requests on the old connections end by themselves, watches within a minute.
    if (old !== undefined) void this.#retire(old)
    return this.#current
  }

  async #retire(old: Connections): Promise<void> {
    await Promise.allSettled([old.calls.close(), old.watches.close()])
    this.#open.delete(old)
  }
}

function describe(request: HttpRequest): string {
  return `${request.method} ${request.path.split('?', 1)[0]}`
}

/** OpenSSL and Node have dozens of codes for the faults of certificates. */
function isTlsFailure(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' && /CERT|SSL|TLS|VERIFY/.test(code)
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error)
}

function parse(text: string): unknown {
  if (text === '') return undefined
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
