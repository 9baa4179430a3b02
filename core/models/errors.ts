import type { ModelErrorCode, ModelEvent } from '../api/agent-protocol.ts'
import { beginningOf } from '../api/plain-text.ts'

interface ModelErrorOptions {
  readonly cause?: unknown
  readonly text?: string
  readonly retryAfterMs?: number | undefined
}

/**
 * A model call without a usable answer. The message is a sentence for people.
 * `retryable`: the surroundings are at fault, so asking again later is right and does not count as
 * a try.
 */
export class ModelError extends Error {
  override readonly name = 'ModelError'
  readonly code: ModelErrorCode
  readonly retryable: boolean
  /** The text that had come in before the failure; may be empty. */
  readonly text: string
  /** How long the server asked to be left alone. */
  readonly retryAfterMs: number | undefined

  constructor(code: ModelErrorCode, message: string, options: ModelErrorOptions = {}) {
    super(message, { cause: options.cause })
    this.code = code
    this.retryable = code === 'ModelUnavailable' || code === 'ModelMissing'
    this.text = options.text ?? ''
    this.retryAfterMs = options.retryAfterMs
  }
}

/** The event by which an agent learns that its question failed. */
export function errorEvent(
  { code, message, text }: ModelError,
  retryable: boolean,
): Extract<ModelEvent, { kind: 'error' }> {
  const began = code === 'OutputUnusable' ? beginningOf(text) : ''
  return { kind: 'error', code, message, retryable, ...(began === '' ? {} : { began }) }
}

/**
 * The server broke after it had taken the request, which one of our prompts may cause every time.
 * Unlike a server that does not answer at all, it is asked only a few times again. Callers outside
 * `core/models` see a plain `ModelError`.
 */
export class BrokenAnswerError extends ModelError {
  constructor(message: string, options: ModelErrorOptions = {}) {
    super('ModelUnavailable', message, options)
  }
}

/** The model server cannot use this schema; the same question without one may work. */
export class SchemaRefusedError extends ModelError {
  constructor(message: string, cause: unknown) {
    super('OutputUnusable', message, { cause })
  }
}
