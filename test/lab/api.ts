// A Kubernetes API client for tests that judge the operator's own one: nothing of it is used here,
// nothing is retried.
import type { IncomingMessage } from 'node:http'
import { Agent, request as httpsRequest } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'

/** How to reach an API server, and as whom: a token or a client certificate. */
interface ApiAccess {
  /** `https://host:port` */
  readonly server: string
  /** The authority's certificate, PEM. */
  readonly ca: string
  readonly userAgent: string
  readonly token?: string
  readonly certificate?: { readonly cert: string; readonly key: string }
}

/** An object as far as every object has it. */
export interface ApiObject {
  readonly apiVersion?: string
  readonly kind?: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly uid: string
    readonly resourceVersion: string
    readonly creationTimestamp: string
    readonly deletionTimestamp?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly ownerReferences?: readonly {
      readonly kind: string
      readonly name: string
      readonly uid: string
      readonly controller?: boolean | undefined
    }[]
  }
}

/** One line of a watch. */
interface ApiEvent<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'
  readonly object: T
}

/** Everything under a path, at one version. */
export interface Listed<T> {
  readonly items: readonly T[]
  readonly resourceVersion: string
}

/** The API server said no, in its words. */
export class ApiProblem extends Error {
  override readonly name = 'ApiProblem'
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** Sends single requests; every one has a deadline of 30 s, none is repeated. */
export class Api {
  readonly #access: ApiAccess
  readonly #agent: Agent

  constructor(access: ApiAccess) {
    this.#access = access
    this.#agent = new Agent({
      keepAlive: true,
      maxSockets: 64,
      ca: access.ca,
      ...access.certificate,
    })
  }

  get<T = ApiObject>(path: string): Promise<T> {
    return this.#json<T>('GET', path)
  }

  /** Everything under a path, in one page. */
  async list<T = ApiObject>(path: string): Promise<Listed<T>> {
    const { items, metadata } = await this.get<{
      readonly items: readonly T[] | null
      readonly metadata: { readonly resourceVersion: string }
    }>(path)
    return { items: items ?? [], resourceVersion: metadata.resourceVersion }
  }

  create<T = ApiObject>(path: string, object: object): Promise<T> {
    return this.#json<T>('POST', path, object)
  }

  update<T = ApiObject>(path: string, object: object): Promise<T> {
    return this.#json<T>('PUT', path, object)
  }

  /** JSON merge patch. */
  patch<T = ApiObject>(path: string, change: object): Promise<T> {
    return this.#json<T>('PATCH', path, change, 'application/merge-patch+json')
  }

  delete(path: string, options: object = {}): Promise<unknown> {
    return this.#json('DELETE', path, { apiVersion: 'v1', kind: 'DeleteOptions', ...options })
  }

  /** The plain text of an answer, e.g. of `/metrics`. */
  async text(path: string): Promise<string> {
    return textOf(await this.#send('GET', path, undefined, undefined, AbortSignal.timeout(30_000)))
  }

  /**
   * Follows a path from a version on until the server closes the watch. Bookmarks are among the
   * events.
   */
  async *watch<T = ApiObject>(
    path: string,
    resourceVersion: string,
    options: { readonly signal: AbortSignal },
  ): AsyncGenerator<ApiEvent<T>> {
    const query = `watch=1&allowWatchBookmarks=true&resourceVersion=${resourceVersion}`
    const url = `${path}${path.includes('?') ? '&' : '?'}${query}`
    const response = await this.#send('GET', url, undefined, undefined, options.signal)
    response.setEncoding('utf8')
    let rest = ''
    for await (const chunk of response as AsyncIterable<string>) {
      const lines = `${rest}${chunk}`.split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) if (line !== '') yield JSON.parse(line) as ApiEvent<T>
    }
  }

  close(): void {
    this.#agent.destroy()
  }

  async #json<T>(method: string, path: string, body?: object, type?: string): Promise<T> {
    const response = await this.#send(method, path, body, type, AbortSignal.timeout(30_000))
    return JSON.parse(await textOf(response)) as T
  }

  async #send(
    method: string,
    path: string,
    body: object | undefined,
    type: string | undefined,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const { server, token, userAgent } = this.#access
    const text = body === undefined ? undefined : JSON.stringify(body)
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const call = httpsRequest(`${server}${path}`, {
        method,
        signal,
        agent: this.#agent,
        headers: {
          accept: 'application/json',
          'user-agent': userAgent,
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(text === undefined
            ? {}
            : {
                'content-type': type ?? 'application/json',
                'content-length': Buffer.byteLength(text),
              }),
        },
      })
      call.on('response', resolve)
      call.on('error', reject)
      call.end(text)
    })
    const status = response.statusCode ?? 0
    if (status < 300) return response
    const said = await textOf(response)
    throw new ApiProblem(status, `${method} ${path}: ${status} ${messageOf(said)}`)
  }
}

async function textOf(response: IncomingMessage): Promise<string> {
  response.setEncoding('utf8')
  let text = ''
  for await (const chunk of response as AsyncIterable<string>) text += chunk
  return text
}

function messageOf(text: string): string {
  try {
    return (JSON.parse(text) as { readonly message?: string }).message ?? text
  } catch {
    return text.slice(0, 300)
  }
}

/** The result of a call, or undefined when the object is not there. */
export async function orMissing<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call
  } catch (error) {
    if (error instanceof ApiProblem && error.status === 404) return undefined
    throw error
  }
}

/** How long a component of the lab tries again: longer than an API server takes to come back. */
const outageMs = 60_000

/**
 * A write of a component that works beside the tests, as kubelets and controllers send theirs: sent
 * again until the API server answers to the object itself (404, 409, 422, or success). A server
 * that is away, or not ready yet, is none of the component's troubles. Throws the last error after
 * a minute, or when `signal` ends.
 */
export async function throughOutage<T>(signal: AbortSignal, call: () => Promise<T>): Promise<T> {
  const end = Date.now() + outageMs
  for (;;) {
    try {
      return await call()
    } catch (error) {
      const answered = error instanceof ApiProblem && [404, 409, 422].includes(error.status)
      if (answered || signal.aborted || Date.now() > end) throw error
      await sleep(100)
    }
  }
}

/** A change, or an object that a list found. */
export type Change<T> = Pick<ApiEvent<T>, 'object'> & {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
}

/**
 * Lists a path, then follows it until `signal`; the watch is opened again from the last version
 * whenever it ends, so no change is missed. Resolves after the list; what happens later comes
 * through `onChange`.
 * When the server has forgotten the last version, as after its restart, `onGap` is told that
 * changes may have been missed; then everything that is there is told again as added, and what is
 * gone as deleted, in its last known version.
 */
export async function follow<T extends ApiObject>(
  api: Api,
  path: string,
  onChange: (change: Change<T>) => void,
  options: { readonly signal: AbortSignal; readonly onGap?: () => void },
): Promise<void> {
  const there = new Map<string, T>()
  let version = await list()
  void run()

  function tell(change: Change<T>): void {
    const { uid } = change.object.metadata
    if (change.type === 'DELETED') there.delete(uid)
    else there.set(uid, change.object)
    onChange(change)
  }

  async function list(): Promise<string> {
    const { items, resourceVersion } = await api.list<T>(path)
    const uids = new Set(items.map(({ metadata }) => metadata.uid))
    for (const object of there.values())
      if (!uids.has(object.metadata.uid)) tell({ type: 'DELETED', object })
    for (const object of items) tell({ type: 'ADDED', object })
    return resourceVersion
  }

  async function run(): Promise<void> {
    while (!options.signal.aborted) {
      try {
        for await (const { type, object } of api.watch<T>(path, version, options)) {
          if (type === 'ERROR') throw new ApiProblem(410, JSON.stringify(object))
          version = object.metadata.resourceVersion
          if (type !== 'BOOKMARK') tell({ type, object })
        }
      } catch (error) {
        if (options.signal.aborted) return
        if (error instanceof ApiProblem && error.status === 410) {
          options.onGap?.()
          version = await list().catch(() => version)
        }
        await sleep(50)
      }
    }
  }
}
