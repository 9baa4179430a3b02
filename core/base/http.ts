// JSON over HTTP as all of our servers read and answer it. It takes requests and answers of
// `node:http` and opens nothing by itself, so that the operator can use it in the simulator, too.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { z } from 'zod'
import { jsonLine } from './lines.ts'

/** A request is answered with this status, a stable code and a sentence that the caller may see. */
export class Problem<Code extends string = string> extends Error {
  override readonly name: string = 'Problem'
  readonly status: number
  readonly code: Code
  readonly headers: Readonly<Record<string, string>>

  constructor(
    status: number,
    code: Code,
    message: string,
    options: { readonly headers?: Readonly<Record<string, string>>; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.status = status
    this.code = code
    this.headers = options.headers ?? {}
  }
}

/**
 * So many bytes after the bound are thrown away: a caller that is still writing would not read the
 * answer.
 */
const drainedBytes = 16 * 1024 * 1024

/**
 * The body of a request as text of UTF-8.
 * Guarantees: keeps no more than `maxBytes`; of a longer body some more is read, so that the caller
 * can see the refusal, and then the connection is cut.
 * Errors: `Problem` 413 for a longer body, and 400 for one that the caller broke off.
 */
export async function readText(
  request: AsyncIterable<Uint8Array>,
  options: { readonly maxBytes: number },
): Promise<string> {
  const { maxBytes } = options
  const tooLarge = () =>
    new Problem(413, 'TooLarge', `the body is larger than ${sizeInWords(maxBytes)}`)
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    for await (const chunk of request) {
      size += chunk.length
      if (size <= maxBytes) chunks.push(chunk)
      else if (size > maxBytes + drainedBytes) throw tooLarge()
    }
  } catch (cause) {
    if (cause instanceof Problem) throw cause
    throw new Problem(400, 'BadRequest', 'the body broke off', { cause })
  }
  if (size > maxBytes) throw tooLarge()
  return Buffer.concat(chunks).toString('utf8')
}

function sizeInWords(bytes: number): string {
  const mebibyte = 1024 * 1024
  return bytes % mebibyte === 0 ? `${bytes / mebibyte} MiB` : `${bytes / 1024} KiB`
}

/** The value of a body. Errors: `Problem` 400 for text that is not JSON. */
export function parseBody(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new Problem(400, 'BadRequest', 'the body is not JSON', { cause })
  }
}

/** Characters of a refusal that names wrong fields; a body can have any number of them. */
const mostWords = 1_000

/** The value as the schema has it. Errors: `Problem` 400 that names each wrong field. */
export function checked<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const words = result.error.issues.map(
    ({ path, message }) => `${path.length === 0 ? 'the body' : path.join('.')}: ${message}`,
  )
  throw new Problem(400, 'BadRequest', words.join('; ').slice(0, mostWords), {
    cause: result.error,
  })
}

/** Reads and checks a JSON body. Errors: those of `readText`, `parseBody` and `checked`. */
export async function readJson<T extends z.ZodType>(
  request: AsyncIterable<Uint8Array>,
  schema: T,
  options: { readonly maxBytes: number },
): Promise<z.output<T>> {
  return checked(schema, parseBody(await readText(request, options)))
}

/** Answers with one JSON document. Does nothing when the caller is gone. */
export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  if (response.destroyed) return
  const text = JSON.stringify(body)
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers })
  response.end(text)
}

/**
 * Answers with a problem: `{code, message}`, or the body that the protocol at hand has for it. An
 * answer that was begun is cut, so that nobody takes its first part for all of it.
 */
export function sendProblem(
  response: ServerResponse,
  problem: Problem,
  body: object = { code: problem.code, message: problem.message },
): void {
  if (response.headersSent) return void response.destroy()
  // What is left of the request is not read, so the connection cannot be used again.
  const close = response.req.complete ? {} : { connection: 'close' }
  sendJson(response, problem.status, body, { ...close, ...problem.headers })
}

/** Starts an answer of NDJSON; returns the writer of a line. Writing after the end does nothing. */
export function startLines(response: ServerResponse): (value: unknown) => void {
  response.writeHead(200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' })
  response.flushHeaders()
  return (value) => {
    if (!response.writableEnded && !response.destroyed) response.write(jsonLine(value))
  }
}

/** Writes, and waits while the caller does not read. Resolves at once when `signal` is aborted. */
export async function writePatiently(
  response: ServerResponse,
  text: string,
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted || response.write(text)) return
  await new Promise<void>((resolve) => {
    const go = () => {
      response.off('drain', go)
      signal.removeEventListener('abort', go)
      resolve()
    }
    response.once('drain', go)
    signal.addEventListener('abort', go, { once: true })
  })
}

/**
 * The token of an `Authorization: Bearer` header; undefined for any other header and for a token of
 * no known form.
 */
export function bearerToken(request: Pick<IncomingMessage, 'headers'>): string | undefined {
  const { authorization = '' } = request.headers
  return /^Bearer +([A-Za-z0-9._~+/=-]{1,12288})$/i.exec(authorization)?.[1]
}

/** Aborted when the caller went away before it had the whole answer: its work can end. */
export function goneSignal(response: ServerResponse): AbortSignal {
  const gone = new AbortController()
  response.on('close', () => {
    if (!response.writableFinished) gone.abort(new Error('the caller went away'))
  })
  return gone.signal
}
