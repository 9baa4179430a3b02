import { readFile } from 'node:fs/promises'
import { Agent, fetch as undiciFetch } from 'undici'
import { ModelError } from '../errors.ts'
import type { ModelProfile } from '../profile.ts'

/** The server answered with something other than 2xx. */
export class HttpStatusError extends Error {
  override readonly name = 'HttpStatusError'
  readonly status: number
  /** How long the server asked to be left alone; at most ten minutes. */
  readonly retryAfterMs: number | undefined

  constructor(status: number, message: string, retryAfterMs?: number) {
    super(message)
    this.status = status
    this.retryAfterMs = retryAfterMs
  }
}

/** Everything that is ever asked of a model server; whatever else is asked for is refused before a byte is sent. */
export const allowedRoutes: ReadonlySet<string> = new Set([
  'POST /api/chat',
  'POST /api/show',
  'GET /api/tags',
  'GET /api/ps',
  'POST /api/pull',
  'POST /api/create',
  'POST /v1/chat/completions',
  'GET /v1/models',
])

const longestRetryAfterMs = 10 * 60_000

// Ollama sends its first byte only when the model is loaded and the prompt is read, which may take many minutes on a
// CPU; undici would give up after five. The timers in chat.ts decide instead.
const dispatcher = new Agent({ headersTimeout: 0, bodyTimeout: 0, connect: { timeout: 10_000 } })

/** A request to a model server. */
export interface ServerRequest {
  readonly method: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | null
  readonly signal: AbortSignal
  /** Base URL of the server; a URL that is not below it is refused. */
  readonly endpoint?: string | undefined
}

/**
 * Sends one request to an allowed route. Redirects are not followed: a prompt goes where the profile says or nowhere.
 * Throws `HttpStatusError` with the server's own words for an answer other than 2xx.
 */
export async function send(
  url: string,
  { method, headers, body, signal, endpoint }: ServerRequest,
): Promise<Awaited<ReturnType<typeof undiciFetch>>> {
  checkRoute(method, url, endpoint)
  const response = await undiciFetch(url, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    body: body ?? null,
    redirect: 'manual',
    dispatcher,
    signal,
  })
  if (response.ok) return response
  const { status } = response
  const location = response.headers.get('location')
  if (status < 400) {
    await response.body?.cancel()
    throw new HttpStatusError(
      status,
      `it redirects to ${location ?? 'nowhere'}, which is not followed`,
    )
  }
  const retryAfter = retryAfterMsOf(response.headers)
  throw new HttpStatusError(status, problemOf(await response.text(), status), retryAfter)
}

/**
 * A `fetch` for one call of npm `ollama`, by way of `send`.
 * Guarantees: ends with `signal`; a line of the answer that is no JSON is an error, where npm `ollama` would print and
 * skip it, and lose text.
 */
export function callFetch(
  signal: AbortSignal,
  { endpoint }: { readonly endpoint?: string } = {},
): typeof fetch {
  return async (input, init) => {
    const response = await send(input instanceof Request ? input.url : String(input), {
      method: init?.method ?? 'GET',
      headers: { ...Object.fromEntries(new Headers(init?.headers)), accept: 'application/json' },
      body: typeof init?.body === 'string' ? init.body : null,
      signal,
      endpoint,
    })
    return new Response(response.body?.pipeThrough(wholeLines()) ?? null, {
      status: response.status,
      headers: [...response.headers],
    })
  }
}

/** The header that opens the server, from the profile's token file; read each time, because tokens are rotated. */
export async function bearerOf({
  tokenFile,
}: Pick<ModelProfile, 'tokenFile'>): Promise<Readonly<Record<string, string>>> {
  if (tokenFile === undefined) return {}
  try {
    return { authorization: `Bearer ${(await readFile(tokenFile, 'utf8')).trim()}` }
  } catch (error) {
    throw new ModelError(
      'ModelUnavailable',
      `the token file ${tokenFile} of the model server cannot be read`,
      { cause: error },
    )
  }
}

function checkRoute(method: string, text: string, endpoint: string | undefined): void {
  const url = new URL(text)
  const base = endpoint === undefined ? undefined : new URL(endpoint)
  const folder = base?.pathname.replace(/\/$/, '') ?? ''
  const path = url.pathname.startsWith(`${folder}/`) ? url.pathname.slice(folder.length) : ''
  if (
    !allowedRoutes.has(`${method} ${path}`) ||
    (base !== undefined && url.origin !== base.origin)
  ) {
    throw new Error(`${method} ${url.origin}${url.pathname} is no route of the model server`)
  }
}

/** Seconds or a date, as HTTP has it; a date is read by the server's own clock. */
function retryAfterMsOf(headers: { get(name: string): string | null }): number | undefined {
  const said = headers.get('retry-after')?.trim() ?? ''
  const ms = /^\d+$/.test(said)
    ? Number(said) * 1000
    : Date.parse(said) - Date.parse(headers.get('date') ?? '')
  return ms > 0 ? Math.min(ms, longestRetryAfterMs) : undefined
}

/** Passes bytes on; fails on a line that is no JSON object, or when the stream ends within one. */
function wholeLines(): TransformStream<Uint8Array, Uint8Array> {
  const decoder = new TextDecoder()
  let rest = ''
  return new TransformStream({
    transform(chunk, controller) {
      rest += decoder.decode(chunk, { stream: true })
      const lines = rest.split('\n')
      rest = lines.pop() ?? ''
      lines.forEach(checkLine)
      controller.enqueue(chunk)
    },
    flush() {
      checkLine(rest)
    },
  })
}

function checkLine(line: string): void {
  if (line.trim() === '') return
  try {
    JSON.parse(line)
  } catch (error) {
    throw new Error('the answer broke off in the middle of a line', { cause: error })
  }
}

/** What the server says is wrong: Ollama has `{error}`, OpenAI's kind `{error: {message}}`. */
function problemOf(body: string, status: number): string {
  try {
    const parsed: unknown = JSON.parse(body)
    const error = typeof parsed === 'object' && parsed !== null && 'error' in parsed && parsed.error
    if (typeof error === 'object' && error !== null && 'message' in error)
      return String(error.message)
    if (typeof error === 'string') return error
  } catch {
    // Proxies answer with pages.
  }
  return body.trim().slice(0, 300) || `HTTP status ${status}`
}

/** The innermost reason of a network error in words, e.g. `connect ECONNREFUSED 10.0.0.1:11434`. */
export function networkReason(error: unknown): string {
  let current: unknown = error
  let message = String(error)
  for (let depth = 0; depth < 5 && current instanceof Error; depth++) {
    if (current.message !== '') message = current.message
    current = current instanceof AggregateError ? current.errors[0] : current.cause
  }
  return message
}
