import { readFile } from 'node:fs/promises'
import { Ollama } from 'ollama'
import { Agent, fetch as undiciFetch } from 'undici'
import { z } from 'zod'
import { jsonOf, LineSplitter } from '../../base/lines.ts'
import { printedLine } from '../../api/plain-text.ts'
import { ModelError } from '../errors.ts'
import type { ModelProfile } from '../profile.ts'
import {
  ForeignAnswerError,
  kindOfAnswer,
  ownAnswer,
  type ExpectedServer,
} from './foreign-answer.ts'

/** The server answered with something other than 2xx, in its own words. */
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

/** The only requests to a model server; any other is refused before a byte is sent. */
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

// Ollama sends its first byte when the model is loaded and the prompt is read, which may take many
// minutes on a CPU; undici would give up after five. The timers in chat.ts decide instead.
const dispatcher = new Agent({ headersTimeout: 0, bodyTimeout: 0, connect: { timeout: 10_000 } })

/** A request to a model server. */
interface ServerRequest {
  readonly method: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | null
  readonly signal: AbortSignal
  /** Base URL of the server; a URL that is not below it is refused. */
  readonly endpoint?: string | undefined
}

/**
 * Sends one request to an allowed route. Redirects are not followed, so that a prompt goes where
 * the profile says or nowhere.
 * Throws `HttpStatusError` with the server's own words for a status other than 2xx, and
 * `ForeignAnswerError` for an answer that no model server gives; with 2xx, reading the body may
 * throw that.
 */
export async function send(
  url: string,
  { method, headers, body, signal, endpoint }: ServerRequest,
): Promise<Response> {
  checkRoute(method, url, endpoint)
  const response = await undiciFetch(url, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    body: body ?? null,
    redirect: 'manual',
    dispatcher,
    signal,
  })
  const { status } = response
  const place = expectedServer(url, endpoint)
  if (response.ok) {
    const foreign = (beginning: string): Error =>
      new ForeignAnswerError({ ...place, status }, kindOfAnswer(beginning))
    const isStream = headers?.['accept'] === 'text/event-stream'
    const type = response.headers.get('content-type') ?? ''
    const isTyped = /\bjson\b|ndjson|event-stream/.test(type)
    const own = ownAnswer(isStream ? beginsStream : beginsObject, foreign, isTyped)
    return new Response((response.body ?? emptyBody()).pipeThrough(own), {
      headers: [...response.headers],
    })
  }
  const location = response.headers.get('location')
  if (status < 400) {
    await response.body?.cancel()
    throw new HttpStatusError(
      status,
      `it redirects to ${location ?? 'nowhere'}, which is not followed`,
    )
  }
  const retryAfter = retryAfterMsOf(response.headers)
  const text = await response.text()
  const words = wordsOf(text, status)
  if (words === undefined)
    throw new ForeignAnswerError({ ...place, status }, kindOfAnswer(text), retryAfter)
  throw new HttpStatusError(status, words, retryAfter)
}

function expectedServer(url: string, endpoint: string | undefined): ExpectedServer {
  const { origin, pathname } = new URL(url)
  const expected = pathname.includes('/v1/') ? 'a server with OpenAI’s API' : 'Ollama'
  return { endpoint: endpoint ?? origin, expected }
}

const beginsObject = (text: string): boolean => text.startsWith('{')
/** A field of an event, or a comment, which some servers send to keep the connection. */
const beginsStream = (text: string): boolean => /^(?::|data|event|id|retry)/.test(text)

function emptyBody(): ReadableStream<Uint8Array> {
  return new ReadableStream({ start: (controller) => controller.close() })
}

/**
 * A `fetch` for one call of npm `ollama`, by way of `send`.
 * Guarantees: ends with `signal`; a line of the answer that is not JSON is an error, where npm
 * `ollama` would print and skip it, and lose text.
 */
function callFetch(
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

/**
 * The header with the token of the profile's file, which is read each time because tokens are
 * rotated.
 */
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
    throw new Error(`${method} ${url.origin}${url.pathname} is not a route of the model server`)
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

/** Passes bytes on; fails on a line that is not JSON, or when the stream ends within one. */
function wholeLines(): TransformStream<Uint8Array, Uint8Array> {
  const lines = new LineSplitter()
  return new TransformStream({
    transform(chunk, controller) {
      lines.push(chunk).forEach(checkLine)
      controller.enqueue(chunk)
    },
    flush() {
      checkLine(lines.end())
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

/** The longest words of a server that go into statuses and onto screens, in characters. */
const longestWords = 600

const said = z.looseObject({
  error: z.union([z.string(), z.looseObject({ message: z.string() })]).optional(),
  message: z.string().optional(),
  detail: z.string().optional(),
})

/**
 * The server's own words: Ollama has `{error}`, servers with OpenAI's API have `{error: {message}}`
 * or `{message}`. Text without markup counts as words, except with 404: JSON with 404 is about a
 * model, text with 404 about an address. Undefined for everything else.
 */
function wordsOf(body: string, status: number): string | undefined {
  const { data } = said.safeParse(jsonOf(body))
  const { error, message, detail } = data ?? {}
  const words = typeof error === 'object' ? error.message : (error ?? message)
  // Some servers pass on the answer of a server behind them.
  if (words !== undefined && /^\s*</.test(words)) return `it passes on ${kindOfAnswer(words)}`
  if (words !== undefined) return printedLine(words, longestWords) || `HTTP status ${status}`
  if (status === 404) return undefined
  const text = detail ?? body
  if (/^[\s\uFEFF]*[<[{]/.test(text)) return undefined
  return printedLine(text, 300) || `HTTP status ${status}`
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

/** Where a server is, and the file with its token. */
export type ServerAddress = Pick<ModelProfile, 'endpoint' | 'tokenFile'>

/**
 * npm `ollama` for one server, which may stand below a path or behind a proxy that wants a token.
 * All its requests end with `signal`. Throws ModelError `ModelUnavailable` when the token cannot be
 * read.
 */
export async function connect(server: ServerAddress, signal: AbortSignal): Promise<Ollama> {
  const { endpoint } = server
  const headers = await bearerOf(server)
  return new Ollama({ host: endpoint, fetch: callFetch(signal, { endpoint }), headers })
}
