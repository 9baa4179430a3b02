// The memory of what was asked. It is bounded: a long test must not fill the server's.
import { z } from 'zod'
import type { Asked, Budget } from './question.ts'

/** What was asked. An answer changes its record until it is finished. */
export interface Records {
  add(record: RehearsalRecord): void
  addPull(record: PullRecord): void
  read(): RecordsAnswer
  clear(): void
}

/** The most that is remembered; what goes beyond it is forgotten, the oldest first. */
interface RecordLimits {
  readonly records: number
  /** Of prompts, schemas and options, together. */
  readonly characters: number
  /** Of distinct models, and of distinct options of one. */
  readonly distinct: number
}

const defaults: RecordLimits = { records: 5000, characters: 20_000_000, distinct: 50 }

/** What is counted of records that were let go. */
type Tally = Omit<ModelSummary, 'optionsSeen'> & { readonly options: Map<string, number> }

/** Makes an empty memory. */
export function createRecords(limits: RecordLimits = defaults): Records {
  let kept: RehearsalRecord[] = []
  let pulls: PullRecord[] = []
  let gone = new Map<string, Tally>()
  let characters = 0
  let dropped = 0

  return {
    add(record) {
      kept.push(record)
      characters += lengthOf(record)
      while (kept.length > limits.records || characters > limits.characters) {
        const oldest = kept.shift()
        if (oldest === undefined) break
        characters -= lengthOf(oldest)
        dropped++
        count(gone, oldest, limits.distinct)
      }
    },
    addPull(record) {
      pulls.push(record)
      pulls = pulls.slice(-limits.records)
    },
    read() {
      const all = structuredClone(gone)
      for (const record of kept) count(all, record, limits.distinct)
      return { records: kept, pulls, dropped, models: [...all.values()].map(summaryOf) }
    },
    clear() {
      kept = []
      pulls = []
      gone = new Map()
      characters = 0
      dropped = 0
    },
  }
}

/** The record of a request that just came in. */
export function newRecord(asked: Asked, budget: Budget): RehearsalRecord {
  const { route, model, question, format, options, truncate, shift, keepAlive, think } = asked
  const { contextTokens, promptTokens, predictTokens } = budget
  return {
    at: new Date().toISOString(),
    route,
    model,
    ...question,
    format,
    options: { ...options },
    truncate,
    shift,
    keepAlive,
    think,
    answered: 'refused',
    finished: false,
    waitedMs: 0,
    contextTokens,
    promptTokens,
    predictTokens,
    outputTokens: 0,
    fits: predictTokens !== undefined && promptTokens + predictTokens <= contextTokens,
    shortened: false,
  }
}

function lengthOf({ system, user, format, options }: RehearsalRecord): number {
  return system.length + user.length + JSON.stringify([format, options]).length
}

function count(into: Map<string, Tally>, record: RehearsalRecord, distinct: number): void {
  let tally = into.get(record.model)
  if (tally === undefined) {
    if (into.size >= distinct) return
    tally = emptyTally(record.model)
    into.set(record.model, tally)
  }
  tally.calls++
  if (record.load === 'loaded' || record.load === 'reloaded') tally.loads++
  if (record.load === 'reloaded') tally.reloads++
  if (record.unfinished === 'cancelled') tally.cancelled++
  if (record.unfinished === 'refused') tally.refused++
  if (record.answered !== 'load' && !record.fits) tally.tooLong++
  if (record.shortened) tally.shortened++
  tally.longestPrompt = Math.max(tally.longestPrompt, record.promptTokens)
  const options = JSON.stringify(fixedOptions(record))
  const seen = tally.options.get(options)
  if (seen !== undefined || tally.options.size < distinct)
    tally.options.set(options, (seen ?? 0) + 1)
}

function emptyTally(model: string): Tally {
  return {
    model,
    calls: 0,
    loads: 0,
    reloads: 0,
    cancelled: 0,
    refused: 0,
    tooLong: 0,
    shortened: 0,
    longestPrompt: 0,
    options: new Map(),
  }
}

// These differ from question to question; all others must not.
const perQuestion = new Set([
  'num_predict',
  'temperature',
  'seed',
  'stop',
  'top_p',
  'top_k',
  'min_p',
])

function fixedOptions(record: RehearsalRecord): object {
  const options = Object.entries(record.options)
    .filter(([key]) => !perQuestion.has(key))
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
  const { truncate, shift, keepAlive, think } = record
  return { ...Object.fromEntries(options), truncate, shift, keepAlive, think }
}

function summaryOf({ options, ...tally }: Tally): ModelSummary {
  const optionsSeen = [...options].map(([text, calls]) => {
    const fixed: object = JSON.parse(text)
    return { ...fixed, calls }
  })
  return { ...tally, optionsSeen }
}

/**
 * One request for an answer as it came in, and what was done with it; an entry of `GET
 * /rehearsal/records`.
 */
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
  /**
   * Whether the model was in memory, had to be loaded, or had to be loaded again for other options.
   */
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
const pullRecord = z.object({
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
  /**
   * Every combination of what must never change between two calls, and how many calls had it. One
   * entry is right.
   */
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
type ModelSummary = z.infer<typeof modelSummary>

/** What `GET /rehearsal/records` answers. */
export const recordsAnswer = z.object({
  records: z.array(rehearsalRecord),
  pulls: z.array(pullRecord),
  /** How many older records were let go; the summary counts them. */
  dropped: z.int(),
  models: z.array(modelSummary),
})
export type RecordsAnswer = z.infer<typeof recordsAnswer>
