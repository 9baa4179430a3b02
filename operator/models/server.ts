// What is asked of a model server besides answers: whether it lives, what it holds, and to fetch more.
import { Ollama } from 'ollama'
import { callFetch } from './transport.ts'

/** Version of the server, e.g. `0.33.0`. Rejects when it does not answer. */
export async function serverVersion(
  endpoint: string,
  { signal }: { readonly signal: AbortSignal },
): Promise<string> {
  return (await connect(endpoint, signal).version()).version
}

/** Names of the models the server holds. */
export async function listModels(
  endpoint: string,
  { signal }: { readonly signal: AbortSignal },
): Promise<readonly string[]> {
  return (await connect(endpoint, signal).list()).models.map((model) => model.name)
}

/** What the server knows about a model. */
export interface ModelFacts {
  readonly capabilities: readonly string[]
  /** The longest context the model was trained for, in tokens; undefined when the server does not say. */
  readonly contextTokens: number | undefined
}

/** Asks for the facts about one model; rejects with `HttpStatusError` 404 when the server does not hold it. */
export async function showModel(
  endpoint: string,
  name: string,
  { signal }: { readonly signal: AbortSignal },
): Promise<ModelFacts> {
  const shown = await connect(endpoint, signal).show({ model: name })
  // The key carries the architecture's name: `qwen2.context_length`. Newer servers give a plain object, older ones a Map.
  const info: unknown = shown.model_info
  const entries: readonly [string, unknown][] =
    info instanceof Map
      ? [...info.entries()].map(([key, value]) => [String(key), value])
      : Object.entries(info ?? {})
  const length = entries.find(([key]) => key.endsWith('.context_length'))?.[1]
  return {
    capabilities: shown.capabilities ?? [],
    contextTokens: typeof length === 'number' ? length : undefined,
  }
}

/** How far a pull is. */
export interface PullProgress {
  readonly status: string
  /** 0 to 100; of the layer that is being fetched. */
  readonly percent: number | undefined
}

/** Makes the server fetch a model; resolves when it holds it. A cancelled pull goes on where it was when asked again. */
export async function pullModel(
  endpoint: string,
  name: string,
  options: {
    readonly signal: AbortSignal
    readonly onProgress?: (progress: PullProgress) => void
  },
): Promise<void> {
  const stream = await connect(endpoint, options.signal).pull({ model: name, stream: true })
  for await (const part of stream) {
    options.onProgress?.({
      status: part.status,
      percent:
        part.total > 0 && Number.isFinite(part.completed)
          ? Math.floor((100 * part.completed) / part.total)
          : undefined,
    })
  }
}

function connect(endpoint: string, signal: AbortSignal): Ollama {
  return new Ollama({ host: endpoint, fetch: callFetch(signal) })
}
