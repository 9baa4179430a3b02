import { z } from 'zod'
import { providers, tiers } from '../api/language-model.ts'

/** How one model is asked, and where. */
export const modelProfile = z.object({
  /** As the server names it, e.g. `qwen2.5-coder:7b`. */
  name: z.string().min(1),
  /**
   * The API of the server: Ollama's own, or OpenAI's, which llama.cpp, vLLM and LM Studio have.
   */
  provider: z.enum(providers).default('ollama'),
  /** Base URL of the server; for `openai` with or without `/v1`. */
  endpoint: z.url(),
  /**
   * Base URLs of all servers of the model, `endpoint` among them; when left out, `endpoint` is the
   * only one.
   */
  replicas: z.array(z.url()).min(1).readonly().optional(),
  /** A file with the bearer token that the server wants. */
  tokenFile: z.string().min(1).optional(),
  /**
   * Size of the context window in tokens, prompt and answer together. Ollama gets it with every
   * call; an `openai` server was started with it.
   */
  contextTokens: z.int().min(1024).default(8192),
  /**
   * The size that Ollama is asked for, when it gave less: `contextTokens` is then what it gave.
   */
  askedContextTokens: z.int().min(1024).optional(),
  /** Longest answer in tokens. */
  outputTokens: z.int().min(64).default(2048),
  /** How many calls one server answers at the same time (OLLAMA_NUM_PARALLEL). */
  parallel: z.int().min(1).default(1),
  /** How strong the model is: sets how it is asked and how many tries an attempt has. */
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

/**
 * The context window that a server is asked for, in tokens; the same in every call, whatever the
 * server gives.
 */
export function askedContext({ contextTokens, askedContextTokens }: ModelProfile): number {
  return askedContextTokens ?? contextTokens
}

/**
 * The fixed options of a model.
 * Guarantees: equal for equal profiles. Another `num_ctx` or `shift` would make Ollama load the
 * model again; with `truncate` or `shift` on, it would silently forget the beginning of the prompt.
 * `keep_alive` goes before the server's OLLAMA_KEEP_ALIVE.
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

/**
 * The longest answer to ask for: the caller's wish, within the profile and half of the context
 * window.
 */
export function answerTokens(profile: ModelProfile, wanted: number): number {
  return Math.max(1, Math.min(wanted, profile.outputTokens, Math.floor(profile.contextTokens / 2)))
}
