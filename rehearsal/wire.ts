// What every route needs of HTTP: answers, refusals, bodies and pauses.
import type { IncomingMessage, ServerResponse } from 'node:http'

/** Ends a request with this status and `{"error": message}`, as Ollama does. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly status: number
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message)
    this.status = status
    this.headers = headers
  }
}

/** Answers with one JSON document. */
export function json(response: ServerResponse, status: number, body: object): void {
  response.statusCode = status
  response.setHeader('content-type', 'application/json; charset=utf-8')
  response.end(JSON.stringify(body))
}

/** One line of NDJSON. */
export function line(value: object): string {
  return `${JSON.stringify(value)}\n`
}

/** Writes, and waits while the client does not read; returns at once when `signal` is aborted. */
export async function send(
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

/** Waits for `ms` milliseconds of real time, or until `signal` is aborted. Never rejects. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return
  await new Promise<void>((resolve) => {
    const end = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    signal?.addEventListener('abort', end, { once: true })
  })
}

/** The JSON body of a request; a `Refusal` when there is none or it is no JSON. */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(Buffer.from(chunk))
  const text = Buffer.concat(chunks).toString('utf8')
  if (text.trim() === '') throw new Refusal(400, 'missing request body')
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Refusal(400, error instanceof Error ? error.message : String(error))
  }
}

/** Aborted when the client went away or has its answer. */
export function goneSignal(response: ServerResponse): AbortSignal {
  const gone = new AbortController()
  response.on('close', () => gone.abort())
  return gone.signal
}

/** Waits until `signal` is aborted, however long. */
export async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
