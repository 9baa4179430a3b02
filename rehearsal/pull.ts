// `/api/pull`: a registry of models that weigh something and hold nothing.
import { createHash } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { z } from 'zod'
import { checked, goneSignal, sendJson, writePatiently } from '../core/base/http.ts'
import { jsonLine } from '../core/base/lines.ts'
import { aborted } from '../core/base/wait.ts'
import type { Faults, PullFaultKind, Strike } from './faults.ts'
import { type HeldModels, type ModelName, modelName } from './held-models.ts'
import type { PullRecord, Records } from './records.ts'
import { OllamaRefusal, pause } from './http.ts'

/** What pulls work on. */
export interface PullParts {
  readonly held: HeldModels
  readonly downloads: Downloads
  readonly faults: Faults
  readonly records: Records
  /** The models that the registry has, by their full names, with their sizes in bytes. */
  readonly pullable: ReadonlyMap<string, number>
}

const pullBody = z.looseObject({
  model: z.string().default(''),
  name: z.string().default(''),
  stream: z.boolean().nullish(),
})

/** Answers `/api/pull`. */
export async function pull(
  parts: PullParts,
  raw: unknown,
  response: ServerResponse,
): Promise<void> {
  const body = checked(pullBody, raw)
  const name = modelName(body.model || body.name)
  if (name === undefined) throw new OllamaRefusal(400, 'invalid model name')
  const signal = goneSignal(response)
  await tellProgress(response, { stream: body.stream ?? true, signal }, async (progress) => {
    await pullModel(parts, name, { progress, signal, cut: () => response.destroy() })
  })
}

/** How a pull tells what it does, when it ends early, and how it breaks its connection. */
export interface PullTelling {
  readonly progress: Progress
  readonly signal: AbortSignal
  readonly cut: () => void
}

/**
 * Pulls a model, and holds it afterwards. A `OllamaRefusal` when the registry does not have it or a fault
 * strikes; a pull that ended early for any reason goes on where it was.
 */
export async function pullModel(
  parts: PullParts,
  name: ModelName,
  options: PullTelling,
): Promise<void> {
  const strike = parts.faults.forPull(name.full)
  const size = parts.pullable.get(name.full)
  const layers = size === undefined ? [] : layersOf(name.full, size)
  const record: PullRecord = {
    at: new Date().toISOString(),
    model: name.full,
    ...(strike === undefined ? {} : { fault: strike.kind }),
    outcome: 'running',
    from: parts.downloads.held(layers),
    to: 0,
  }
  parts.records.addPull(record)
  try {
    const { say } = options.progress
    await say({ status: 'pulling manifest' })
    if (strike?.kind === 'pull-unreachable') {
      throw new OllamaRefusal(
        500,
        `pull model manifest: Get "${manifestUrl(name)}": ${noSuchHost(name)}`,
      )
    }
    if (size === undefined) throw new OllamaRefusal(500, 'pull model manifest: file does not exist')
    await pullLayers(parts.downloads, layers, strike, options)
    if (options.signal.aborted) {
      record.outcome = 'cancelled'
      return
    }
    await say({ status: 'verifying sha256 digest' })
    await say({ status: 'writing manifest' })
    parts.held.add(name.full, size)
    record.outcome = 'done'
    await say({ status: 'success' })
  } catch (error) {
    record.outcome = 'failed'
    throw error
  } finally {
    record.to = parts.downloads.held(layers)
  }
}

async function pullLayers(
  downloads: Downloads,
  layers: readonly Layer[],
  strike: Strike<PullFaultKind> | undefined,
  options: PullTelling,
): Promise<void> {
  for (const [index, layer] of layers.entries()) {
    const download = downloads.of(layer)
    if (strike?.kind === 'pull-slow') download.rate = (layer.size * 1000) / Math.max(1, strike.ms)
    // The others of a model are too small to have a middle.
    await pullLayer(download, index === 0 ? strike : undefined, options)
    if (options.signal.aborted) return
  }
}

// So often Ollama tells how far it is.
const tickMs = 60

async function pullLayer(
  download: Download,
  strike: Strike<PullFaultKind> | undefined,
  { progress, signal, cut }: PullTelling,
): Promise<void> {
  const { digest, size } = download.layer
  let toStrike = strike
  if (download.pullers++ === 0) download.lastStep = Date.now()
  try {
    for (;;) {
      await progress.say({
        status: `pulling ${digest.slice(7, 19)}`,
        digest,
        total: size,
        // Left out where it is 0, as Go does.
        ...(download.completed === 0 ? {} : { completed: download.completed }),
      })
      if (download.completed === size || signal.aborted) return
      if (toStrike !== undefined && download.completed >= size / 2) {
        await strikeLayer(toStrike, download, { signal, cut })
        toStrike = undefined
      }
      await pause(download.rate === 0 ? 1 : tickMs, signal)
      if (!signal.aborted) step(download)
    }
  } finally {
    download.pullers--
  }
}

async function strikeLayer(
  strike: Strike<PullFaultKind>,
  download: Download,
  { signal, cut }: Pick<PullTelling, 'signal' | 'cut'>,
): Promise<void> {
  const { digest } = download.layer
  switch (strike.kind) {
    case 'pull-cut':
      // What was written must reach the client first.
      await pause(20)
      cut()
      await aborted(signal)
      return
    case 'pull-broken':
      throw new OllamaRefusal(500, 'max retries exceeded: unexpected EOF')
    case 'pull-no-disk': {
      const file = `/models/blobs/${digest.replace(':', '-')}-partial`
      throw new OllamaRefusal(500, `write ${file}: no space left on device`)
    }
    case 'pull-stall':
      download.stalledUntil = Date.now() + strike.ms
      return
    case 'pull-slow':
    case 'pull-unreachable':
  }
}

function manifestUrl(name: ModelName): string {
  return `https://${name.host}/v2/${name.path}/manifests/${name.tag}`
}

function noSuchHost(name: ModelName): string {
  return `dial tcp: lookup ${name.host}: no such host`
}

/** A part of a model, as registries keep it. */
interface Layer {
  /** `sha256:` and 64 hex digits. */
  readonly digest: string
  readonly size: number
}

/**
 * A layer that is being downloaded. All pulls of it share it; without one it stays as far as it
 * came.
 */
interface Download {
  readonly layer: Layer
  completed: number
  pullers: number
  /** Bytes a second; 0 for as fast as possible. */
  rate: number
  /** No progress before this time, in milliseconds since 1970. */
  stalledUntil: number
  lastStep: number
}

/** The layers that the server has, whole or in part. */
interface Downloads {
  /** A layer, to be pulled on from where it is. */
  of(layer: Layer): Download
  /** How much of these layers is there, in bytes. */
  held(layers: readonly Layer[]): number
}

// What the parts besides the weights weigh in ordinary models: a licence and a configuration.
const smallParts = [11_343, 485] as const

/** The layers of a model, whose sizes make up `size`; the weights come first. */
function layersOf(name: string, size: number): readonly Layer[] {
  const rest = smallParts.reduce((sum, part) => sum + part, 0)
  const sizes = size > 2 * rest ? [size - rest, ...smallParts] : [size]
  return sizes.map((part, index) => ({
    digest: `sha256:${createHash('sha256').update(`${name} ${index} ${part}`).digest('hex')}`,
    size: part,
  }))
}

/** Makes an empty store; `rate` in bytes a second, 0 for as fast as possible. */
export function createDownloads(rate: number): Downloads {
  const known = new Map<string, Download>()
  return {
    of(layer) {
      const found = known.get(layer.digest)
      if (found !== undefined) return found
      const started: Download = {
        layer,
        completed: 0,
        pullers: 0,
        rate,
        stalledUntil: 0,
        lastStep: Date.now(),
      }
      known.set(layer.digest, started)
      return started
    },
    held: (layers) =>
      layers.reduce((sum, layer) => sum + (known.get(layer.digest)?.completed ?? 0), 0),
  }
}

/**
 * Adds what came in since the last step, however many pull it; a quarter of the layer when it is as
 * fast as possible.
 */
export function step(download: Download): void {
  const now = Date.now()
  const { size } = download.layer
  const came =
    download.rate === 0
      ? Math.ceil(size / 4)
      : Math.floor((download.rate * (now - download.lastStep)) / 1000)
  if (now < download.stalledUntil) download.lastStep = now
  else if (came > 0) {
    download.completed = Math.min(size, download.completed + came)
    download.lastStep = now
  }
}

/** How `/api/pull` and `/api/create` tell what they do. */
interface Progress {
  readonly say: (
    step: { readonly status: string } & Readonly<Record<string, unknown>>,
  ) => Promise<void>
}

/**
 * Does `work` and tells its progress as NDJSON, or at its end only when the client wants no stream.
 * A failure is a status and `{"error": …}` while nothing was said, and a last line with status 200
 * afterwards: so does Ollama, and a client that looks at the status only takes a failed pull for a
 * good one.
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
    await writePatiently(response, jsonLine(step), options.signal)
  }
  try {
    await work({ say })
  } catch (error) {
    if (!(error instanceof OllamaRefusal) || !response.headersSent) throw error
    response.end(jsonLine({ error: error.message }))
    return
  }
  if (options.signal.aborted) return
  if (options.stream) response.end()
  else sendJson(response, 200, last)
}
