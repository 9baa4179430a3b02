import { createHash } from 'node:crypto'

/** A part of a model, as registries keep it. */
export interface Layer {
  /** `sha256:` and 64 hex digits. */
  readonly digest: string
  readonly size: number
}

/** A layer on its way. Whoever pulls it shares it, and it stays as far as it came when nobody does. */
export interface Download {
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
export interface Downloads {
  /** A layer, to be pulled on from where it is. */
  of(layer: Layer): Download
  /** How much of these layers is there, in bytes. */
  held(layers: readonly Layer[]): number
}

// What the parts beside the weights weigh in ordinary models: a licence and a configuration.
const smallParts = [11_343, 485] as const

/** The layers of a model, whose sizes make up `size`; the weights come first. */
export function layersOf(name: string, size: number): readonly Layer[] {
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

/** Adds what came in since the last step, however many pull it; a quarter of the layer when it is as fast as possible. */
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
