import { Ollama, type ChatRequest } from 'ollama'
import { BrokenAnswerError, ModelError, SchemaRefusedError } from './errors.ts'
import type { Clock } from '../runtime/clock.ts'
import { fixedRequest, type ModelProfile } from './profile.ts'
import type { Prompt } from './prompt.ts'
import type { AnswerSchema } from './schema.ts'
import { callFetch, HttpStatusError, networkReason } from './transport.ts'
import { createWatchdog } from './watchdog.ts'

/** The three limits on an answer, in milliseconds. */
export interface ChatTimers {
  /** Until the first piece: waiting in the server, loading the model, reading the prompt. */
  readonly firstPieceMs: number
  /** Between two pieces. */
  readonly idleMs: number
  readonly totalMs: number
}

/** Generous, because a 7B model on a CPU reads a long prompt for minutes. */
export const chatTimers: ChatTimers = {
  firstPieceMs: 15 * 60_000,
  idleMs: 2 * 60_000,
  totalMs: 45 * 60_000,
}

/** One question, ready to be sent. */
export interface ChatQuestion extends Prompt {
  /** A schema, or `json` for any object, or nothing for text. */
  readonly format?: AnswerSchema | 'json' | undefined
  readonly temperature: number
  readonly seed: number
  readonly maxTokens: number
}

export interface ChatAnswer {
  readonly text: string
  /** As the server counts; may leave out what it had cached. */
  readonly inputTokens: number
  readonly outputTokens: number
  /** The answer was cut at `maxTokens`. */
  readonly cut: boolean
}

/**
 * Asks once, streaming.
 * Throws ModelError: `ModelUnavailable` (refused, 503, timed out, broken connection), `ModelMissing` (404), `ContextTooSmall`
 * (400), `OutputUnusable` (ran away, or ended without the closing `done`), `Cancelled` (the signal). Never retries.
 */
export async function chat(
  profile: ModelProfile,
  question: ChatQuestion,
  options: {
    readonly clock: Clock
    readonly timers?: ChatTimers
    readonly signal?: AbortSignal | undefined
    readonly onPiece?: (piece: string) => void
  },
): Promise<ChatAnswer> {
  const { clock, signal, onPiece, timers = chatTimers } = options
  if (signal?.aborted) throw cancelled(signal)
  const stop = new AbortController()
  const timeUp = (what: string) => () =>
    stop.abort(new ModelError('ModelUnavailable', `the model server ${what}`))
  const onAbort = () => stop.abort()
  signal?.addEventListener('abort', onAbort, { once: true })
  const endTotal = clock.after(timers.totalMs, timeUp('did not finish its answer in time'))
  let endPiece = clock.after(timers.firstPieceMs, timeUp('did not begin to answer in time'))
  let text = ''
  try {
    const client = new Ollama({ host: profile.endpoint, fetch: callFetch(stop.signal) })
    const watchdog = createWatchdog()
    const stream = await client.chat(chatRequest(profile, question))
    for await (const part of stream) {
      endPiece()
      endPiece = clock.after(timers.idleMs, timeUp('stopped in the middle of its answer'))
      const piece = part.message?.content ?? ''
      text += piece
      if (piece !== '') onPiece?.(piece)
      if (part.done) {
        return {
          text,
          inputTokens: part.prompt_eval_count ?? 0,
          outputTokens: part.eval_count ?? 0,
          cut: part.done_reason === 'length',
        }
      }
      const runaway = watchdog.push(piece)
      if (runaway !== undefined) {
        stop.abort()
        throw new ModelError('OutputUnusable', `the answer was given up: ${runaway}`, { text })
      }
    }
    throw noDone(text)
  } catch (error) {
    if (error instanceof ModelError) throw error
    if (signal?.aborted) throw cancelled(signal)
    const reason: unknown = stop.signal.reason
    if (reason instanceof ModelError) throw reason
    throw modelErrorOf(error, profile, text)
  } finally {
    endPiece()
    endTotal()
    signal?.removeEventListener('abort', onAbort)
    // Leaving the loop early must close the connection, or the server goes on writing into a slot we gave back.
    stop.abort()
  }
}

function chatRequest(
  profile: ModelProfile,
  question: ChatQuestion,
): ChatRequest & { readonly stream: true } {
  const fixed = fixedRequest(profile)
  return {
    ...fixed,
    stream: true,
    messages: [
      { role: 'system', content: question.system },
      { role: 'user', content: question.user },
    ],
    ...(question.format === undefined ? {} : { format: question.format }),
    options: {
      ...fixed.options,
      temperature: question.temperature,
      seed: question.seed,
      num_predict: question.maxTokens,
    },
  }
}

function cancelled(signal: AbortSignal): ModelError {
  return new ModelError('Cancelled', 'the call was cancelled', { cause: signal.reason })
}

function noDone(text: string): ModelError {
  return new ModelError('OutputUnusable', 'the answer ended without being finished', { text })
}

const tooLong =
  /longer than the context|exceeds? the (?:available )?context|context (?:length|size).*exceed/i
const badSchema = /invalid format|grammar|rule identifier|json.?schema/i

/** Sorts what the server or the network said into what the caller has to do. */
function modelErrorOf(error: unknown, profile: ModelProfile, text: string): ModelError {
  const said = networkReason(error)
  if (error instanceof HttpStatusError) {
    if (error.status === 404) {
      return new ModelError(
        'ModelMissing',
        `the server at ${profile.endpoint} does not hold the model ${profile.name}`,
        { cause: error },
      )
    }
    if (tooLong.test(said)) return contextTooSmall(profile, error)
    if (badSchema.test(said)) return new SchemaRefusedError(`the model server said: ${said}`, error)
    if (error.status === 503 || error.status === 502 || error.status === 429) {
      return new ModelError('ModelUnavailable', `the model server is busy: ${said}`, {
        cause: error,
      })
    }
    if (error.status >= 500) {
      return new BrokenAnswerError(`the model server failed: ${said}`, { cause: error })
    }
    return new ModelError('OutputUnusable', `the model server refused the question: ${said}`, {
      cause: error,
    })
  }
  // npm ollama throws plain errors for what the stream says.
  if (said.startsWith('Did not receive done')) return noDone(text)
  if (tooLong.test(said)) return contextTooSmall(profile, error)
  if (text !== '' || !isNetworkError(error)) {
    return new BrokenAnswerError(`the answer broke off: ${said}`, { cause: error, text })
  }
  return new ModelError('ModelUnavailable', `nothing answers at ${profile.endpoint}: ${said}`, {
    cause: error,
  })
}

function contextTooSmall(profile: ModelProfile, cause: unknown): ModelError {
  return new ModelError(
    'ContextTooSmall',
    `the prompt is longer than the ${profile.contextTokens} tokens of the model's context`,
    { cause },
  )
}

/** undici says `fetch failed` (TypeError) for everything below HTTP. */
function isNetworkError(error: unknown): boolean {
  return error instanceof TypeError || (error instanceof Error && 'code' in error)
}
