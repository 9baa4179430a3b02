// The few lines of HTTP that the hub needs: bounded JSON bodies, typed refusals, NDJSON answers.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { z } from 'zod'

/** A refusal with a status, a stable code and a sentence. */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly status: number
  readonly code: string

  constructor(status: number, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

const maxBodyBytes = 4 * 1024 * 1024

/** Reads and checks a JSON body. Throws `Problem` 400 or 413 with a sentence that names the field. */
export async function readBody<T extends z.ZodType>(
  request: IncomingMessage,
  schema: T,
): Promise<z.infer<T>> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > maxBodyBytes)
      throw new Problem(413, 'TooLarge', `the body is larger than ${maxBodyBytes} bytes`)
    chunks.push(chunk)
  }
  let value: unknown
  try {
    value = JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch {
    throw new Problem(400, 'BadRequest', 'the body is not JSON')
  }
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  throw new Problem(
    400,
    'BadRequest',
    `${issue?.path.join('.') ?? 'body'}: ${issue?.message ?? 'wrong'}`,
  )
}

/** Answers with one JSON object. */
export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}

/** Starts an answer of one JSON object a line; returns the writer of a line. Writing after the end does nothing. */
export function startLines(response: ServerResponse): (value: unknown) => void {
  response.writeHead(200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' })
  response.flushHeaders()
  return (value) => {
    if (!response.writableEnded && !response.destroyed) response.write(`${JSON.stringify(value)}\n`)
  }
}
