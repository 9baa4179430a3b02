import type { ModelErrorCode, ModelEvent } from '../api/agent-protocol.ts'
import { beginningOf } from '../api/plain-text.ts'

interface ModelErrorOptions {
  readonly cause?: unknown
  readonly text?: string
  readonly retryAfterMs?: number | undefined
}

/**
 * A model call gave nothing that can be used.
 * `retryable`: the surroundings' fault; asking again later is right and costs no try. The message is a sentence for people.
 */
export class ModelError extends Error {
  override readonly name = 'ModelError'
  readonly code: ModelErrorCode
  readonly retryable: boolean
  /** What had come in until then; empty when nothing had. */
  readonly text: string
  /** How long the server asked not to be asked again. */
  readonly retryAfterMs: number | undefined

  constructor(code: ModelErrorCode, message: string, options: ModelErrorOptions = {}) {
    super(message, { cause: options.cause })
    this.code = code
    this.retryable = code === 'ModelUnavailable' || code === 'ModelMissing'
    this.text = options.text ?? ''
    this.retryAfterMs = options.retryAfterMs
  }
}

/** What an agent is told of a question that failed. */
export function errorEvent(
  { code, message, text }: ModelError,
  retryable: boolean,
): Extract<ModelEvent, { kind: 'error' }> {
  const began = code === 'OutputUnusable' ? beginningOf(text) : ''
  return { kind: 'error', code, message, retryable, ...(began === '' ? {} : { began }) }
}

/**
 * The server broke after it had taken the request, which a prompt of ours may cause every time.
 * Retried a few times only, unlike a server that does not answer at all. Callers outside `models/` see a plain `ModelError`.
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
