import { openAsBlob } from 'node:fs'
import { basename } from 'node:path'
import { z } from 'zod'
import { duration, type Log } from '../cluster/log.ts'
import { fileSha256 } from './smollm2.ts'

/** What to load, and where. */
interface LoadModelOptions {
  /** For example `http://127.0.0.1:11434`. */
  readonly ollamaUrl: string
  /** Absolute path of a GGUF file whose model speaks ChatML. */
  readonly path: string
  /** For example `smollm2:135m`. */
  readonly name: string
  /** How many threads compute; 1 by default. */
  readonly threads?: number
  readonly log: Log
  readonly signal?: AbortSignal
}

// ChatML, the format that SmolLM2 was trained with. Ollama guesses it from the weights today; said here it stays.
const template = `{{- range .Messages }}<|im_start|>{{ .Role }}
{{ .Content }}<|im_end|>
{{ end }}<|im_start|>assistant
`
const stop = ['<|im_start|>', '<|im_end|>']

const progress = z.looseObject({ status: z.string().optional(), error: z.string().optional() })

/**
 * Puts a model from a file into a running Ollama through its API; no model registry is asked.
 *
 * Done twice it changes nothing: weights that Ollama holds already are not sent again. Throws an Error that says which
 * step Ollama refused and what it said.
 */
export async function loadModel(options: LoadModelOptions): Promise<void> {
  const { ollamaUrl, path, name, threads = 1, log, signal } = options
  const started = Date.now()
  const digest = `sha256:${await fileSha256(path, signal)}`
  const blob = new URL(`/api/blobs/${digest}`, ollamaUrl)
  const held = await call(blob, { method: 'HEAD' }, signal)
  if (held.status === 404) {
    log.line(`sending ${basename(path)} to Ollama …`)
    const sent = await call(blob, { method: 'POST', body: await openAsBlob(path) }, signal)
    await requireOk(sent, `taking ${basename(path)}`)
  } else {
    await requireOk(held, `looking for ${basename(path)}`)
  }
  const request = {
    model: name,
    files: { [basename(path)]: digest },
    template,
    // Ollama's threads wait for each other by spinning. On two cores that something else uses too, two threads gave
    // 2 tokens a second and one gave 25, which is enough for a model this small.
    parameters: { stop, num_thread: threads },
    license: 'Apache-2.0',
  }
  const created = await call(
    new URL('/api/create', ollamaUrl),
    { method: 'POST', body: JSON.stringify(request) },
    signal,
  )
  await requireOk(created, `creating ${name}`)
  await followCreate(created, name, log)
  log.line(`model ${name}: loaded into Ollama in ${duration(Date.now() - started)}`)
}

/** Reads Ollama's progress to its end. A stream that ends without success is a failure, whatever the HTTP status. */
async function followCreate(response: Response, name: string, log: Log): Promise<void> {
  let last = ''
  for (const line of (await response.text()).split('\n')) {
    if (!line.trim()) continue
    const step = progress.parse(JSON.parse(line))
    if (step.error) throw new Error(`Ollama could not create ${name}: ${step.error}`)
    last = step.status ?? last
    log.update(`model ${name}: ${last}`)
  }
  if (last !== 'success') {
    throw new Error(
      `Ollama stopped creating ${name} at "${last}"; see its log and run the same command again`,
    )
  }
}

async function call(
  url: URL,
  init: RequestInit,
  signal: AbortSignal | undefined,
): Promise<Response> {
  try {
    return await fetch(url, { ...init, ...(signal && { signal }) })
  } catch (error) {
    signal?.throwIfAborted()
    throw new Error(
      `Ollama does not answer at ${url.origin}; see: curl ${url.origin}/api/version`,
      {
        cause: error,
      },
    )
  }
}

async function requireOk(response: Response, doing: string): Promise<void> {
  if (response.ok) return
  const said = (await response.text()).trim()
  throw new Error(`Ollama refused ${doing}: HTTP ${response.status} ${said}`)
}
