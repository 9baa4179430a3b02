import type { IncomingMessage, ServerResponse } from 'node:http'
import { systemClock } from '../core/base/clock.ts'
import { Problem, parseBody, readText } from '../core/base/http.ts'

/** Ends a request with this status and `{"error": message}`, as Ollama does; it has no codes. */
export class OllamaRefusal extends Problem {
  override readonly name = 'OllamaRefusal'

  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(status, 'Refused', message, { headers })
  }
}

/** Ollama has no bound; a prompt of the longest context is far below this one. */
const maxBytes = 64 * 1024 * 1024

/** The JSON body of a request. Errors: `Problem` when there is none or it is not JSON. */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const text = await readText(request, { maxBytes })
  if (text.trim() === '') throw new OllamaRefusal(400, 'missing request body')
  return parseBody(text)
}

/** Waits for `ms` milliseconds of real time, or until `signal` is aborted. Never rejects. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  await systemClock.sleep(ms, { signal }).catch(() => undefined)
}

/** Answers with text, as Ollama's web framework does. */
export function plain(response: ServerResponse, status: number, text: string): void {
  response.statusCode = status
  response.setHeader('content-type', 'text/plain; charset=utf-8')
  response.end(text)
}
