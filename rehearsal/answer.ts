// From a request for an answer to its end: what Ollama checks, in its order, then the model, the
// slot and the words.
import type { ServerResponse } from 'node:http'
import { goneSignal, sendJson } from '../core/base/http.ts'
import { type Faults, type Strike, refusalOf, tooLong } from './faults.ts'
import { type RehearsedModel, type HeldModels, modelName } from './held-models.ts'
import {
  type Asked,
  type Budget,
  budgetOf,
  checkFormat,
  runnerOptions,
  shortened,
  tokensOf,
} from './question.ts'
import { type Records, type RehearsalRecord, newRecord } from './records.ts'
import { type Runners, type Use, keepAliveMs } from './runners.ts'
import { type AskedQuestion, type Scripts, purposeOf } from './script.ts'
import { speak, spoilt } from './speech.ts'
import { OllamaRefusal, pause } from './http.ts'

/** What answers are made from. */
export interface AnswerParts extends ChoiceParts {
  readonly held: HeldModels
  readonly runners: Runners
  readonly records: Records
  /** Tokens a second for each answer; 0 for as fast as possible. */
  readonly rate: number
  /** The longest context, in tokens. */
  readonly contextTokens: number
}

/** Answers one request; a `OllamaRefusal` for what Ollama refuses. */
export async function answer(
  parts: AnswerParts,
  asked: Asked,
  response: ServerResponse,
): Promise<void> {
  const signal = goneSignal(response)
  const budget = budgetOf(asked, parts.contextTokens)
  const record = newRecord(asked, budget)
  parts.records.add(record)
  try {
    const unfinished = await answerRecorded(parts, { asked, budget, record }, response, signal)
    if (unfinished === undefined) record.finished = true
    else record.unfinished = unfinished
  } catch (error) {
    record.unfinished = 'refused'
    if (error instanceof OllamaRefusal) record.status = error.status
    throw error
  }
}

interface Work {
  readonly asked: Asked
  readonly budget: Budget
  readonly record: RehearsalRecord
}

async function answerRecorded(
  parts: AnswerParts,
  work: Work,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<RehearsalRecord['unfinished']> {
  const { asked, record } = work
  const model = checkedModel(parts.held, asked)
  const keepMs = keepAliveMs(asked.keepAlive)
  if (asked.empty && keepMs === 0) {
    parts.runners.unload(model.name)
    record.answered = 'load'
    sendJson(response, 200, { ...pieceOf(asked, ''), done: true, done_reason: 'unload' })
    return undefined
  }
  checkAbilities(asked)
  const found = asked.empty ? undefined : choose(parts, asked, work.budget, record)
  const strike = found?.strike
  if (strike?.kind === 'no-answer') {
    response.socket?.resetAndDestroy()
    return 'broken off'
  }
  if (strike?.kind === 'unload' || strike?.kind === '500') parts.runners.unload(model.name)
  const refusal = refusalOf(strike, asked)
  if (refusal !== undefined) throw refusal

  const wanted = {
    options: runnerOptions(asked, work.budget.contextTokens),
    contextTokens: work.budget.contextTokens,
    keepAliveMs: keepMs,
  }
  const since = performance.now()
  const use = await parts.runners.use(model, wanted, signal)
  if (use === undefined) return 'cancelled'
  try {
    record.load = use.load
    if (found === undefined) {
      record.answered = 'load'
      sendJson(response, 200, { ...pieceOf(asked, ''), done: true, done_reason: 'load' })
      return undefined
    }
    const turn = await use.turn(signal)
    record.waitedMs = Math.round(performance.now() - since)
    if (turn === undefined) return 'cancelled'
    record.slot = turn.slot
    try {
      return await sayIt(parts, work, { ...found, use, since }, response, signal)
    } finally {
      turn.release()
    }
  } finally {
    use.done()
  }
}

/**
 * The model that is meant; a `OllamaRefusal` when there is none. The two routes word it differently, as
 * Ollama's do.
 */
function checkedModel(held: HeldModels, asked: Asked): RehearsedModel {
  if (asked.route === '/api/chat' && modelName(asked.model) === undefined) {
    throw new OllamaRefusal(400, 'model is required')
  }
  const model = held.find(asked.model)
  if (model === undefined) throw new OllamaRefusal(404, `model '${asked.model}' not found`)
  return model
}

function checkAbilities(asked: Asked): void {
  if (asked.think === true)
    throw new OllamaRefusal(400, `"${asked.model}" does not support thinking`)
  if (asked.tools) {
    const name = modelName(asked.model)?.qualified ?? asked.model
    throw new OllamaRefusal(400, `${name} does not support tools`)
  }
}

async function sayIt(
  parts: AnswerParts,
  { asked, budget, record }: Work,
  chosen: Choice & { readonly use: Use; readonly since: number },
  response: ServerResponse,
  signal: AbortSignal,
): Promise<RehearsalRecord['unfinished']> {
  const { strike, use, since } = chosen
  const { format } = asked
  checkFormat(format)
  if (!asked.truncate && budget.promptTokens > budget.contextTokens)
    throw new OllamaRefusal(400, tooLong)
  // As a server does that cannot take a question, so that no client takes these words for an answer
  // and asks again.
  if (!chosen.scripted && chosen.strike === undefined) throw new OllamaRefusal(400, noScript)
  if (strike?.kind === 'delay') await pause(strike.ms, signal)

  const { limit } = budget
  const text = spoilt(strike, chosen.text, { question: chosen.question, format, limit })
  const whole = tokensOf(text)
  const cut = strike?.kind === 'length' || whole.length > limit
  const half = strike?.kind === 'length' ? Math.ceil(whole.length / 2) : whole.length
  const tokens = whole.slice(0, Math.min(limit, half))
  record.outputTokens = tokens.length
  const began = performance.now()
  const last = () => ({
    done: true,
    done_reason: cut ? 'length' : 'stop',
    total_duration: nanoseconds(performance.now() - since),
    load_duration: nanoseconds(use.loadMs),
    prompt_eval_count: Math.min(budget.promptTokens, budget.contextTokens),
    prompt_eval_duration: nanoseconds(began - since),
    eval_count: tokens.length,
    eval_duration: nanoseconds(performance.now() - began),
  })
  const piece = (token: string) => pieceOf(asked, token)
  const { stream } = asked
  return await speak({ tokens, piece, last, stream, rate: parts.rate, strike }, response, signal)
}

/** Ollama leaves out figures that are 0; here there is always at least one. */
function nanoseconds(ms: number): number {
  return Math.max(1, Math.round(ms * 1e6))
}

/** One object of the answer, in the form of the route. */
function pieceOf(asked: Asked, text: string): object {
  const base = { model: asked.model, created_at: new Date().toISOString() }
  return asked.route === '/api/chat'
    ? { ...base, message: { role: 'assistant', content: text } }
    : { ...base, response: text }
}

/** What a question is refused with when no script fits; no harness can take it for work. */
export const noScript =
  'I am the rehearsal model. I only answer from checked-in scripts, and I have no script for this request. ' +
  'To get real work done, connect a real model: helm upgrade guildhall helm/guildhall -n guildhall --reuse-values --set rehearsal.default=false --set model.name=qwen2.5-coder:7b; ' +
  'without a cluster: --ollama URL --model NAME.'

/** What answers are chosen from. */
interface ChoiceParts {
  readonly scripts: Scripts
  readonly faults: Faults
}

/** What will be said, and what will go wrong with it. */
interface Choice {
  /** As the model sees it. */
  readonly question: AskedQuestion
  readonly text: string
  /** Whether a script fits; a question that none fits is refused, unless a fault strikes it. */
  readonly scripted: boolean
  readonly strike: Strike | undefined
}

/** Chooses, and notes it in the record. An injected fault goes before that of the rule. */
function choose(parts: ChoiceParts, asked: Asked, budget: Budget, record: RehearsalRecord): Choice {
  const overlong = budget.promptTokens > budget.contextTokens
  record.shortened = overlong && asked.truncate
  const question = record.shortened
    ? shortened(asked.question, budget.contextTokens)
    : asked.question
  const injected = parts.faults.forAnswer({
    model: asked.model,
    text: `${question.system}\n${question.user}`,
    purpose: purposeOf(question),
  })
  const scripted = parts.scripts.find(question)
  const strike = injected ?? scripted?.strike
  if (strike !== undefined) record.fault = strike.kind
  if (strike !== undefined) record.answered = 'fault'
  else record.answered = scripted === undefined ? 'no script' : 'script'
  return { question, text: scripted?.answer ?? noScript, scripted: scripted !== undefined, strike }
}
