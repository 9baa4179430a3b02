// `/api/pull`: a registry of models that weigh something and hold nothing.
import type { ServerResponse } from 'node:http'
import { z } from 'zod'
import { layersOf, step, type Download, type Downloads, type Layer } from './downloads.ts'
import type { Faults, PullFaultKind, Strike } from './faults.ts'
import type { HeldModels } from './held-models.ts'
import { modelName, type ModelName } from './model-name.ts'
import { tellProgress, type Progress } from './progress.ts'
import { read } from './question.ts'
import type { PullRecord } from './record.ts'
import type { Records } from './records.ts'
import { goneSignal, pause, Refusal, untilAborted } from './wire.ts'

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
  const body = read(pullBody, raw)
  const name = modelName(body.model || body.name)
  if (name === undefined) throw new Refusal(400, 'invalid model name')
  const signal = goneSignal(response)
  await tellProgress(response, { stream: body.stream ?? true, signal }, async (progress) => {
    await pullModel(parts, name, { progress, signal, cut: () => response.destroy() })
  })
}

/** How a pull tells what it does, when it ends early, and how it breaks its connection. */
export interface PullOptions {
  readonly progress: Progress
  readonly signal: AbortSignal
  readonly cut: () => void
}

/**
 * Pulls a model, and holds it afterwards. A `Refusal` when the registry does not have it or a fault strikes; a pull that
 * ended early, whyever, goes on where it was.
 */
export async function pullModel(
  parts: PullParts,
  name: ModelName,
  options: PullOptions,
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
      throw new Refusal(500, `pull model manifest: Get "${manifestUrl(name)}": ${noSuchHost(name)}`)
    }
    if (size === undefined) throw new Refusal(500, 'pull model manifest: file does not exist')
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
  options: PullOptions,
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
  { progress, signal, cut }: PullOptions,
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
  { signal, cut }: Pick<PullOptions, 'signal' | 'cut'>,
): Promise<void> {
  const { digest } = download.layer
  switch (strike.kind) {
    case 'pull-cut':
      // What was written must reach the client first.
      await pause(20)
      cut()
      await untilAborted(signal)
      return
    case 'pull-broken':
      throw new Refusal(500, 'max retries exceeded: unexpected EOF')
    case 'pull-no-disk': {
      const file = `/models/blobs/${digest.replace(':', '-')}-partial`
      throw new Refusal(500, `write ${file}: no space left on device`)
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
