import type { FencedBlock } from '../api/agent-protocol.ts'
import type { FixedRequest } from './profile.ts'

/** Everything about one model call: enough to understand it, and to replay it. One line of JSON in the operator's log. */
export interface TraceRecord {
  /** Also in the result of the call. */
  readonly id: string
  /** RFC 3339. */
  readonly time: string
  readonly model: string
  readonly request: string
  readonly task: string | undefined
  readonly purpose: string
  readonly verb: 'decide' | 'write'
  /** SHA-256 of system and user message. */
  readonly promptHash: string
  /** SHA-256 of the raw answer; empty when nothing came. */
  readonly answerHash: string
  readonly system: string
  readonly prompt: string
  /** Titles of sections that did not fit. */
  readonly dropped: readonly string[]
  /** What an Ollama is told in every call of the model; undefined for other servers. */
  readonly fixed?: FixedRequest | undefined
  readonly temperature: number
  readonly seed: number
  readonly maxTokens: number
  /** The raw answer, also of a call that failed. */
  readonly text: string
  readonly blocks: readonly FencedBlock[]
  readonly value?: unknown
  /** `ok`, or a ModelErrorCode. */
  readonly verdict: string
  readonly message: string
  /** How often the server was asked. */
  readonly sent: number
  readonly queueMs: number
  /** With a slot, over all sendings. */
  readonly answerMs: number
  /** Of the answer: until its first piece, and for each token after that. */
  readonly firstPieceMs?: number | undefined
  readonly perTokenMs?: number | undefined
  readonly inputTokens: number
  readonly outputTokens: number
}

/** Where measurements go; `runtime/metrics.ts` knows how to show them. */
export interface ModelMetrics {
  /** A call ended. */
  called(record: TraceRecord): void
  /** The queue before a model changed, or how many slots it has. */
  queued(model: string, waiting: number, running: number, slots: number): void
}
