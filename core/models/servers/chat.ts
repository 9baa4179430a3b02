// The part that all servers share: one question, streamed, under three timers, with one set of
// failures.
import type { Clock } from '../../base/clock.ts'
import { BrokenAnswerError, ModelError, SchemaRefusedError } from '../errors.ts'
import type { ModelProfile } from '../profile.ts'
import type { Prompt } from '../prompt.ts'
import type { AnswerSchema } from '../answers/schema.ts'
import { ForeignAnswerError } from './foreign-answer.ts'
import { HttpStatusError, networkReason } from './transport.ts'
import { createWatchdog } from '../answers/watchdog.ts'

/** The three limits on an answer, in milliseconds. */
export interface ChatTimers {
  /** Until the first piece: waiting in the server, loading the model, reading the prompt. */
  readonly firstPieceMs: number
  /** Between two pieces. */
  readonly idleMs: number
  readonly totalMs: number
}

/** Generous, because a 7B model on a CPU reads a long prompt for minutes. */
const chatTimers: ChatTimers = {
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

interface ChatOptions {
  readonly clock: Clock
  readonly timers?: ChatTimers
  readonly signal?: AbortSignal | undefined
  readonly onPiece?: (piece: string) => void
}

export interface ChatAnswer {
  readonly text: string
  /**
   * As the server counts: without cached tokens for some servers, and 0 when it does not count.
   */
  readonly inputTokens: number
  readonly outputTokens: number
  /** The answer was cut at `maxTokens`. */
  readonly cut: boolean
  /** How many characters of thoughts the server sent apart from the text. */
  readonly thoughtChars: number
  /** From sending the question to the first piece, in milliseconds. */
  readonly firstPieceMs: number
  /**
   * For each token after the first, in milliseconds; undefined for an answer that is too short.
   */
  readonly perTokenMs: number | undefined
}

/** A piece of an answer; the last one has `end`. */
export interface ChatPart {
  readonly text: string
  /** Thoughts that the server sends apart from the text. They are a sign of life, and no answer. */
  readonly thoughts?: string | undefined
  readonly end?: Pick<ChatAnswer, 'inputTokens' | 'outputTokens' | 'cut'> | undefined
}

/** Asks one server once; never retries. `ollama.ts` and `openai.ts` each have one. */
export type Chat = (
  profile: ModelProfile,
  question: ChatQuestion,
  options: ChatOptions,
) => Promise<ChatAnswer>

/**
 * Reads the answer that `open` streams.
 * Throws ModelError with the text that had come in: `ModelUnavailable` (refused, 503, timed out,
 * broken connection, no model server at all), `ModelMissing` (404), `ContextTooSmall` (400),
 * `QuestionRefused` (any other 4xx), `OutputUnusable` (ran away, or ended without its closing
 * part), `Cancelled` (the signal). Once it has ended, nothing more is read from the connection.
 */
export async function readChat(
  profile: ModelProfile,
  options: ChatOptions,
  open: (signal: AbortSignal) => Promise<AsyncIterable<ChatPart>>,
): Promise<ChatAnswer> {
  const { clock, signal, onPiece, timers = chatTimers } = options
  let text = ''
  let thoughtChars = 0
  if (signal?.aborted) throw cancelled(signal, text)
  const stop = new AbortController()
  const timeUp = (what: string) => () =>
    stop.abort(new ModelError('ModelUnavailable', `the model server ${what}`, { text }))
  const onAbort = () => stop.abort()
  signal?.addEventListener('abort', onAbort, { once: true })
  const endTotal = clock.after(timers.totalMs, timeUp('did not finish its answer in time'))
  let endPiece = clock.after(timers.firstPieceMs, timeUp('did not begin to answer in time'))
  const startedAt = clock.monotonic()
  let firstAt: number | undefined
  try {
    const watchdog = createWatchdog()
    for await (const { text: piece, thoughts = '', end } of await open(stop.signal)) {
      text += piece
      thoughtChars += thoughts.length
      if (piece !== '' || thoughts !== '') {
        // Some servers send an empty piece before they have read the prompt, which is not yet an
        // answer.
        firstAt ??= clock.monotonic()
        endPiece()
        endPiece = clock.after(timers.idleMs, timeUp('stopped in the middle of its answer'))
        onPiece?.(piece === '' ? thoughts : piece)
      }
      if (end !== undefined) {
        const now = clock.monotonic()
        const tokensAfterFirst = end.outputTokens - 1
        return {
          text,
          ...end,
          thoughtChars,
          firstPieceMs: (firstAt ?? now) - startedAt,
          perTokenMs:
            tokensAfterFirst > 0 ? (now - (firstAt ?? now)) / tokensAfterFirst : undefined,
        }
      }
      const runaway = watchdog.push(piece)
      if (runaway !== undefined) {
        throw new ModelError('OutputUnusable', `the answer was given up: ${runaway}`, { text })
      }
    }
    throw unfinished(text)
  } catch (error) {
    if (error instanceof ModelError) throw error
    if (signal?.aborted) throw cancelled(signal, text)
    const reason: unknown = stop.signal.reason
    if (reason instanceof ModelError) throw reason
    throw modelErrorOf(error, profile, text)
  } finally {
    endPiece()
    endTotal()
    signal?.removeEventListener('abort', onAbort)
    // Leaving the loop early must close the connection, or the server goes on writing into a slot
    // that was given back.
    stop.abort()
  }
}

function cancelled(signal: AbortSignal, text: string): ModelError {
  return new ModelError('Cancelled', 'the call was cancelled', { cause: signal.reason, text })
}

function unfinished(text: string): ModelError {
  return new ModelError('OutputUnusable', 'the answer ended without being finished', { text })
}

const tooLong =
  /longer than the context|exceeds? the (?:available |maximum )?context|(?:context (?:length|size|window)|maximum context).*(?:exceed|however|requested)/i
const badSchema = /invalid format|grammar|rule identifier|json.?schema|response_format/i

/**
 * Turns the words of the server or the network into the error that says what the caller has to do.
 */
function modelErrorOf(error: unknown, profile: ModelProfile, text: string): ModelError {
  const said = networkReason(error)
  if (error instanceof ForeignAnswerError) return foreignErrorOf(error)
  if (error instanceof HttpStatusError) return statusErrorOf(error, profile)
  // npm ollama throws plain errors for failures in the stream.
  if (said.startsWith('Did not receive done')) return unfinished(text)
  if (tooLong.test(said)) return contextTooSmall(profile, error)
  if (text !== '' || !isNetworkError(error)) {
    return new BrokenAnswerError(`the answer broke off: ${said}`, { cause: error, text })
  }
  return new ModelError('ModelUnavailable', `nothing answers at ${profile.endpoint}: ${said}`, {
    cause: error,
  })
}

/**
 * No model has answered, so the model is not at fault. A proxy that gives up on a question (504)
 * may do so every time; any other program may be gone when the server is back.
 */
function foreignErrorOf(error: ForeignAnswerError): ModelError {
  const { status, message, retryAfterMs } = error
  if (status === 504) return new BrokenAnswerError(message, { cause: error, retryAfterMs })
  return new ModelError('ModelUnavailable', message, { cause: error, retryAfterMs })
}

/** Statuses below 500 that say "not now": a time-out, too early, too many. */
const isPassing: ReadonlySet<number> = new Set([408, 425, 429])

function statusErrorOf(error: HttpStatusError, profile: ModelProfile): ModelError {
  const { status, message: said, retryAfterMs } = error
  const cause = { cause: error }
  if (status === 404) {
    return new ModelError(
      'ModelMissing',
      `the server at ${profile.endpoint} does not hold the model ${profile.name}`,
      cause,
    )
  }
  if (tooLong.test(said)) return contextTooSmall(profile, error)
  if (badSchema.test(said)) return new SchemaRefusedError(`the model server said: ${said}`, error)
  if (status === 401 || status === 403 || status < 400) {
    return new ModelError(
      'ModelUnavailable',
      `the server at ${profile.endpoint} does not let us in (${status}): ${said}`,
      cause,
    )
  }
  if (status === 503 || status === 502 || isPassing.has(status)) {
    return new ModelError('ModelUnavailable', `the model server is busy: ${said}`, {
      ...cause,
      retryAfterMs,
    })
  }
  if (status >= 500) {
    return new BrokenAnswerError(`the model server failed: ${said}`, { ...cause, retryAfterMs })
  }
  return new ModelError('QuestionRefused', `the model server refused the question: ${said}`, cause)
}

function contextTooSmall(profile: ModelProfile, cause: unknown): ModelError {
  return new ModelError(
    'ContextTooSmall',
    `the prompt is longer than the ${profile.contextTokens} tokens of the model's context`,
    { cause },
  )
}

/** undici throws TypeError (`fetch failed`) for every failure below HTTP. */
function isNetworkError(error: unknown): boolean {
  return error instanceof TypeError || (error instanceof Error && 'code' in error)
}
