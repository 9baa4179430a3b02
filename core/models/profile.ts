import { z } from 'zod'
import { providers, tiers } from '../api/language-model.ts'

/** How one model is asked, and where. */
export const modelProfile = z.object({
  /** As the server names it, e.g. `qwen2.5-coder:7b`. */
  name: z.string().min(1),
  /** What the server speaks: Ollama's own API, or OpenAI's as llama.cpp, vLLM and LM Studio do. */
  provider: z.enum(providers).default('ollama'),
  /** Base URL of the server; for `openai` with or without `/v1`. */
  endpoint: z.url(),
  /** Base URLs of all servers that answer for it, `endpoint` among them; that one alone when left out. */
  replicas: z.array(z.url()).min(1).readonly().optional(),
  /** A file with the bearer token the server wants. */
  tokenFile: z.string().min(1).optional(),
  /** Size of the context in tokens, prompt and answer together. Ollama is told; an `openai` server was started with it. */
  contextTokens: z.int().min(1024).default(8192),
  /** What Ollama is told instead, when it gave less than it was asked for: `contextTokens` is what it gave. */
  askedContextTokens: z.int().min(1024).optional(),
  /** Longest answer in tokens. */
  outputTokens: z.int().min(64).default(2048),
  /** How many calls one server answers at the same time (OLLAMA_NUM_PARALLEL). */
  parallel: z.int().min(1).default(1),
  /** How strong it is; sets how it is asked and how many tries an attempt has. */
  tier: z.enum(tiers).default('good'),
})
export type ModelProfile = Readonly<z.infer<typeof modelProfile>>

/** The part of a chat request that is the same in every request to a model. */
export interface FixedRequest {
  readonly model: string
  readonly keep_alive: string
  readonly think: false
  readonly truncate: false
  readonly shift: false
  readonly options: { readonly num_ctx: number; readonly repeat_penalty: number }
}

/** The context that a server is asked for, in tokens; the same at every call, whatever it gives. */
export function askedContext({ contextTokens, askedContextTokens }: ModelProfile): number {
  return askedContextTokens ?? contextTokens
}

/**
 * The one fixed set of options for a model.
 * Guarantees: equal for equal profiles. A different `num_ctx` or `shift` would make Ollama reload the model; with
 * `truncate` or `shift` on, it would silently forget the beginning of the prompt. `keep_alive` goes before the server's
 * OLLAMA_KEEP_ALIVE.
 */
export function fixedRequest(profile: ModelProfile): FixedRequest {
  return {
    model: profile.name,
    keep_alive: '30m',
    think: false,
    truncate: false,
    shift: false,
    // Many model files still carry 1.1, which punishes code for repeating its own names.
    options: { num_ctx: askedContext(profile), repeat_penalty: 1 },
  }
}

/** Longest answer to ask for: what the caller wants, within the profile and half of the context. */
export function answerTokens(profile: ModelProfile, wanted: number): number {
  return Math.max(1, Math.min(wanted, profile.outputTokens, Math.floor(profile.contextTokens / 2)))
}
