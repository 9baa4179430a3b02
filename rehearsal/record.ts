import { z } from 'zod'

/** One request for an answer as it came in, and what was done with it; an entry of `GET /rehearsal/records`. */
export const rehearsalRecord = z.object({
  /** RFC 3339. */
  at: z.string(),
  route: z.enum(['/api/chat', '/api/generate']),
  model: z.string(),
  system: z.string(),
  user: z.string(),
  format: z.unknown().optional(),
  options: z.record(z.string(), z.unknown()),
  truncate: z.boolean(),
  shift: z.boolean(),
  keepAlive: z.unknown().optional(),
  think: z.unknown().optional(),
  fault: z.string().optional(),
  /** `load`: there was no question, only a model to load or unload. */
  answered: z.enum(['script', 'no script', 'fault', 'refused', 'load']),
  /** False while it is answered, and when it never was. */
  finished: z.boolean(),
  /** Why it was never finished: the client went away, or the server refused it or broke off. */
  unfinished: z.enum(['cancelled', 'refused', 'broken off']).optional(),
  /** The status it was refused with. */
  status: z.int().optional(),
  /** Whether the model was in memory, had to be loaded, or had to be loaded anew for other options. */
  load: z.enum(['held', 'loaded', 'reloaded']).optional(),
  /** Which of the model's slots answered, from 0. */
  slot: z.int().optional(),
  /** From the request to its slot, loading included. */
  waitedMs: z.number(),
  contextTokens: z.int(),
  promptTokens: z.int(),
  /** Absent when the client does not limit the answer. */
  predictTokens: z.int().optional(),
  outputTokens: z.int(),
  /** Whether prompt and longest answer fit into the context. */
  fits: z.boolean(),
  /** The beginning of the prompt was dropped, as Ollama does silently. */
  shortened: z.boolean(),
})
export type RehearsalRecord = z.infer<typeof rehearsalRecord>

/** One pull; an entry of `GET /rehearsal/records`. */
export const pullRecord = z.object({
  at: z.string(),
  model: z.string(),
  fault: z.string().optional(),
  outcome: z.enum(['running', 'done', 'failed', 'cancelled']),
  /** How much was there when it began, and when it ended, in bytes. */
  from: z.number(),
  to: z.number(),
})
export type PullRecord = z.infer<typeof pullRecord>

const modelSummary = z.object({
  model: z.string(),
  calls: z.int(),
  /** Every combination of what must never change between two calls, and how many calls had it. One entry is right. */
  optionsSeen: z.array(z.looseObject({ calls: z.int() })),
  loads: z.int(),
  /** Loads that other options caused. None is right. */
  reloads: z.int(),
  cancelled: z.int(),
  refused: z.int(),
  /** Calls whose prompt and longest answer do not fit into the context together. None is right. */
  tooLong: z.int(),
  /** Calls of which Ollama would have dropped the beginning. None is right. */
  shortened: z.int(),
  longestPrompt: z.int(),
})
export type ModelSummary = z.infer<typeof modelSummary>

/** What `GET /rehearsal/records` answers. */
export const recordsAnswer = z.object({
  records: z.array(rehearsalRecord),
  pulls: z.array(pullRecord),
  /** How many older records were let go; the summary counts them. */
  dropped: z.int(),
  models: z.array(modelSummary),
})
export type RecordsAnswer = z.infer<typeof recordsAnswer>
