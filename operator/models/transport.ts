import { Agent, fetch as undiciFetch } from 'undici'

/** The server answered with something other than 2xx. */
export class HttpStatusError extends Error {
  override readonly name = 'HttpStatusError'
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

// Ollama sends its first byte only when the model is loaded and the prompt is read, which may take many minutes on a
// CPU; undici would give up after five. The timers in ollama.ts decide instead.
const dispatcher = new Agent({ headersTimeout: 0, bodyTimeout: 0, connect: { timeout: 10_000 } })

/**
 * A `fetch` for one call of npm `ollama`.
 * Guarantees: ends with `signal`; an answer other than 2xx is thrown as `HttpStatusError` with the server's own words; a
 * line of the answer that is no JSON is an error, where npm `ollama` would print and skip it, and lose text.
 */
export function callFetch(signal: AbortSignal): typeof fetch {
  return async (input, init) => {
    const response = await undiciFetch(input instanceof Request ? input.url : input, {
      method: init?.method ?? 'GET',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: typeof init?.body === 'string' ? init.body : null,
      dispatcher,
      signal,
    })
    if (!response.ok) {
      throw new HttpStatusError(response.status, problemOf(await response.text(), response.status))
    }
    return new Response(response.body?.pipeThrough(wholeLines()) ?? null, {
      status: response.status,
      headers: [...response.headers],
    })
  }
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

function problemOf(body: string, status: number): string {
  try {
    const parsed: unknown = JSON.parse(body)
    if (typeof parsed === 'object' && parsed !== null && 'error' in parsed) {
      return String(parsed.error)
    }
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
