import type { ServerResponse } from 'node:http'
import { json, line, Refusal, send } from './wire.ts'

/** How `/api/pull` and `/api/create` tell what they do. */
export interface Progress {
  readonly say: (
    step: { readonly status: string } & Readonly<Record<string, unknown>>,
  ) => Promise<void>
}

/**
 * Does `work` and tells its progress as NDJSON, or at its end only when the client wants no stream.
 * A failure is a status and `{"error": …}` while nothing was said, and a last line with status 200 afterwards: so does
 * Ollama, and a client that looks at the status only takes a failed pull for a good one.
 */
export async function tellProgress(
  response: ServerResponse,
  options: { readonly stream: boolean; readonly signal: AbortSignal },
  work: (progress: Progress) => Promise<void>,
): Promise<void> {
  let last: object = {}
  const say: Progress['say'] = async (step) => {
    last = step
    if (!options.stream) return
    if (!response.headersSent) response.setHeader('content-type', 'application/x-ndjson')
    await send(response, line(step), options.signal)
  }
  try {
    await work({ say })
  } catch (error) {
    if (!(error instanceof Refusal) || !response.headersSent) throw error
    response.end(line({ error: error.message }))
    return
  }
  if (options.signal.aborted) return
  if (options.stream) response.end()
  else json(response, 200, last)
}
