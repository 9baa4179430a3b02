// One pull: weights get into a model server from the registry, or from a file that was uploaded to
// it.
import type { Ollama, ProgressResponse } from 'ollama'
import { type Clock, systemClock } from '../../base/clock.ts'
import { ModelError } from '../errors.ts'
import { ForeignAnswerError } from './foreign-answer.ts'
import { connect, HttpStatusError, networkReason, type ServerAddress } from './transport.ts'

/** Where the weights come from. */
export type PullSource =
  | { readonly kind: 'registry' }
  | {
      /** A file of weights (GGUF) that the server holds as a blob. */
      readonly kind: 'blob'
      /** As in `sha256:<hex>`. */
      readonly digest: string
    }

/** How far a pull is. */
export interface PullProgress {
  /** In the server's words: `pulling manifest`, `verifying sha256 digest`, at the end `success`. */
  readonly status: string
  /**
   * The sum of the layers seen so far; undefined before the first one. Grows when another layer
   * begins.
   */
  readonly totalBytes: number | undefined
  /** How much of that is on the server. Never gets less. */
  readonly completedBytes: number | undefined
}

export interface PullOptions {
  readonly signal: AbortSignal
  /** Called with new figures only; Ollama itself repeats the same figures many times a second. */
  readonly onProgress?: (progress: PullProgress) => void
  readonly clock?: Pick<Clock, 'after'>
}

/**
 * Ollama keeps the connection open and repeats the last figures when the registry sends nothing.
 */
const stallMs = 3 * 60_000
/** Checking tens of gigabytes on a slow disk sends nothing for so long. */
const verifyMs = 30 * 60_000

/**
 * Makes the server pull a model from the registry; resolves when the server holds it. A pull that
 * ended early goes on where it was when it is asked for again.
 * Throws ModelError `ModelUnavailable` when the server cannot be reached, ends early or makes no
 * progress for three minutes; another Error with the server's words; the signal's reason when that
 * ends it.
 */
export async function pullModel(
  server: ServerAddress,
  name: string,
  options: PullOptions,
): Promise<void> {
  await follow(server, options, (client) => client.pull({ model: name, stream: true }))
}

/**
 * Makes a model from a file of weights (GGUF) that the server holds as a blob. Throws as
 * `pullModel` does.
 */
export async function createFromBlob(
  server: ServerAddress,
  model: { readonly name: string; readonly digest: string },
  options: PullOptions,
): Promise<void> {
  // Ollama looks into the file to find its kind, so any file name will do.
  const request = {
    model: model.name,
    files: { 'model.gguf': model.digest },
    stream: true,
  } as const
  await follow(server, options, (client) => client.create(request))
}

/** A whole number from 0 to 100; 100 only at the end. Undefined while the size is unknown. */
export function percentOf(progress: PullProgress): number | undefined {
  const { status, totalBytes, completedBytes = 0 } = progress
  if (status === 'success') return 100
  return totalBytes ? Math.min(99, Math.floor((100 * completedBytes) / totalBytes)) : undefined
}

async function follow(
  server: ServerAddress,
  options: PullOptions,
  ask: (client: Ollama) => Promise<AsyncIterable<ProgressResponse>>,
): Promise<void> {
  const { signal, onProgress, clock = systemClock } = options
  signal.throwIfAborted()
  const stop = new AbortController()
  const onAbort = () => stop.abort()
  signal.addEventListener('abort', onAbort, { once: true })
  let stalled: ModelError | undefined
  const watch = (ms: number) =>
    clock.after(ms, () => {
      stalled = unavailable(`there was no progress for ${ms / 60_000} minutes`)
      stop.abort()
    })
  let unwatch = watch(stallMs)
  try {
    const client = await connect(server, stop.signal)
    const sum = createSum()
    for await (const part of await ask(client)) {
      const progress = sum(part)
      if (progress === undefined) continue
      unwatch()
      unwatch = watch(progress.status.startsWith('verifying') ? verifyMs : stallMs)
      onProgress?.(progress)
    }
  } catch (error) {
    signal.throwIfAborted()
    throw stalled ?? failure(error, server.endpoint)
  } finally {
    unwatch()
    signal.removeEventListener('abort', onAbort)
    // Ollama goes on pulling as long as the connection is open.
    stop.abort()
  }
}

/** Layers below carry the licence, the template and settings. */
const smallLayer = 100_000

/**
 * Adds up layers; gives undefined for a line without news.
 * Small layers do not count: one that came before the weights would make the pull look finished at
 * once. A layer's progress that the server takes back (a part that broke) stays counted.
 */
function createSum(): (part: Partial<ProgressResponse>) => PullProgress | undefined {
  const layers = new Map<string, { readonly total: number; readonly completed: number }>()
  let last: PullProgress | undefined
  return ({ status = '', digest = status, total = 0, completed = 0 }) => {
    if (total >= smallLayer) {
      const before = layers.get(digest)?.completed ?? 0
      layers.set(digest, { total, completed: Math.max(before, Math.min(completed, total)) })
    }
    const add = (field: 'total' | 'completed') =>
      layers.size === 0
        ? undefined
        : [...layers.values()].reduce((sum, layer) => sum + layer[field], 0)
    const now = { status, totalBytes: add('total'), completedBytes: add('completed') }
    const same =
      now.status === last?.status &&
      now.totalBytes === last.totalBytes &&
      now.completedBytes === last.completedBytes
    last = now
    return same ? undefined : now
  }
}

function failure(error: unknown, endpoint: string): Error {
  if (error instanceof ModelError) return error
  if (error instanceof ForeignAnswerError) return unavailable(error.message, error)
  const said = networkReason(error)
  if (said.startsWith('Did not receive done')) {
    return unavailable('the model server ended it before it was done', error)
  }
  // undici throws TypeError for everything below HTTP, or errors with a code; the rest are the
  // server's own words.
  if (error instanceof TypeError || (error instanceof Error && 'code' in error)) {
    return unavailable(`the model server at ${endpoint} cannot be reached: ${said}`, error)
  }
  if (error instanceof HttpStatusError) return error
  return new Error(said, { cause: error })
}

function unavailable(message: string, cause?: unknown): ModelError {
  return new ModelError('ModelUnavailable', message, { cause })
}

const inAirGap =
  'without a way to the registry, upload the weights yourself and use spec.source: preloaded or blob'

const problems: readonly { readonly words: RegExp; readonly sentence: (name: string) => string }[] =
  [
    {
      words: /no space left|disk quota exceeded|not enough space/i,
      sentence: (name) =>
        `there is no space left for ${name} on the volume of the model server; make the volume larger or remove models that nobody uses`,
    },
    {
      words: /file does not exist|manifest unknown|\b404\b|name unknown/i,
      sentence: (name) =>
        `the registry does not know the model ${name}; look its name up at https://ollama.com/library and correct spec.model`,
    },
    {
      words:
        /no such host|server misbehaving|connection (?:refused|reset)|network is unreachable|no route to host|i\/o timeout|TLS handshake|x509|proxyconnect|deadline exceeded|dial tcp|\bEOF\b/i,
      sentence: (name) =>
        `the model server cannot reach the registry to pull ${name}; let it out to the registry, or ${inAirGap}`,
    },
    {
      words: /digest mismatch/i,
      sentence: (name) =>
        `what came for ${name} was damaged on the way and was thrown away; it is pulled again`,
    },
    {
      words: /\bblob .*not found|no such file or directory/i,
      sentence: (name) =>
        `the model server does not hold the file of weights for ${name}; upload it, and compare spec.blob.digest with sha256sum`,
    },
    {
      words: /not in GGUF format|unknown type|unsupported architecture/i,
      sentence: (name) =>
        `the uploaded file for ${name} is not a GGUF file that this server can read; upload one, and correct spec.blob.digest`,
    },
  ]

/** A sentence that says why a pull failed and what to do, with the server's words. */
export function pullProblem(error: unknown, name: string): string {
  const said = networkReason(error)
  // The model server itself could not be reached, so its words say nothing about the registry.
  if (error instanceof ModelError) return error.message
  const known = problems.find(({ words }) => words.test(said))
  return known === undefined
    ? `the model server could not get ${name}: ${said}`
    : `${known.sentence(name)} (it said: ${said.slice(0, 200)})`
}
