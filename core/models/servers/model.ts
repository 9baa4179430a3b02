// Names and memory of models, by Ollama's rules.
import type { ModelFacts } from './ollama.ts'

/**
 * True when a server that holds `held` answers for `wanted`.
 * Ollama reads a name without a tag as `:latest`, adds its own registry and the namespace
 * `library`, and ignores the case of letters.
 */
export function sameModel(held: string, wanted: string): boolean {
  return fullName(held) === fullName(wanted)
}

/**
 * True for a name that Ollama takes for a model of its vendor's cloud, which would send prompts out
 * of the cluster.
 * The rule is Ollama's own (`isCloudModelName`): the name ends in `:cloud` or `-cloud`. Caveat: a
 * cloud model that was copied to another name is found only by `HeldModel.remoteHost`.
 */
export function isCloudName(name: string): boolean {
  return /[:-]cloud$/i.test(name)
}

function fullName(name: string): string {
  const path = name.toLowerCase().replace(/^https?:\/\//, '')
  // A colon before the last slash is the port of a registry.
  const tagged = path.lastIndexOf(':') > path.lastIndexOf('/') ? path : `${path}:latest`
  const parts = tagged.split('/')
  if (parts.length === 1) parts.unshift('library')
  if (parts.length === 2) parts.unshift('registry.ollama.ai')
  return parts.join('/')
}

/** Ollama keeps the context in 16-bit numbers unless OLLAMA_KV_CACHE_TYPE says otherwise. */
const bytesPerNumber = 2
/**
 * Memory for the program and the buffers in which it computes. The largest buffer holds 4 bytes for
 * each of 512 tokens and each word of the vocabulary: 97 MiB for SmolLM2 (49,152 words; measured
 * with Ollama 0.17.4), 297 MiB for Qwen2.5 (152,064 words).
 */
const overheadBytes = 512 * 2 ** 20

/**
 * Bytes of memory for one token of the context; undefined when the server says too little about the
 * model.
 * The formula is Ollama's (`GraphSize` in fs/ggml). Caveat: an upper bound for models whose layers
 * differ, or look at a part of the context only (Gemma 3, GPT-OSS).
 */
export function contextBytesPerToken(facts: Partial<ModelFacts>): number | undefined {
  const { layers, kvHeads, keyLength, valueLength } = facts
  if (layers === undefined || kvHeads === undefined) return undefined
  if (keyLength === undefined || valueLength === undefined) return undefined
  return layers * kvHeads * (keyLength + valueLength) * bytesPerNumber
}

/**
 * Bytes of memory that a server needs to answer with a model: its weights, the context of every
 * call that it answers at once, and a fixed overhead. Without facts, as before a pull, the weights
 * alone are the lower bound.
 */
export function neededBytes(
  facts: Partial<ModelFacts> | undefined,
  sizeBytes: number,
  context: {
    /** The context window of one call. */
    readonly contextTokens: number
    readonly parallel: number
  },
): number {
  const perToken = facts === undefined ? undefined : contextBytesPerToken(facts)
  if (perToken === undefined) return sizeBytes
  return sizeBytes + perToken * context.contextTokens * context.parallel + overheadBytes
}

/** A size for people, as in `4.1 GiB`. */
export function inGiB(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`
}
