// The memory of what was asked. It is bounded: a long test must not fill the server's.
import type { Asked, Budget } from './question.ts'
import type { ModelSummary, PullRecord, RecordsAnswer, RehearsalRecord } from './record.ts'

/** What was asked. Records are changed by whoever answers until they are finished. */
export interface Records {
  add(record: RehearsalRecord): void
  addPull(record: PullRecord): void
  read(): RecordsAnswer
  clear(): void
}

/** The most that is remembered; what goes beyond it is forgotten, the oldest first. */
export interface RecordLimits {
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
