import type { AuditEntry } from './chain.ts'
import type { TraceRecord } from '../../core/models/gateway.ts'

/** The audit record of a model call; its action is `ModelAnswered` or `ModelFailed`. */
type CallEntry = Omit<AuditEntry, 'time' | 'transition'>

/**
 * Makes the audit record of one model call: request, task, model, purpose, verdict and cost.
 * Guarantees: prompt and answer appear as SHA-256 only. Their texts are in the operator's debug log, under the same id.
 */
export function callEntry(record: TraceRecord): CallEntry {
  const { id, model, request, task, purpose, verdict } = record
  const asker = task === undefined ? `request ${request}` : `task ${task}`
  const answered = verdict === 'ok'
  return {
    actor: 'operator',
    action: answered ? 'ModelAnswered' : 'ModelFailed',
    kind: 'ModelCall',
    name: id,
    uid: id,
    message: answered
      ? `${model} answered ${purpose} for ${asker}`
      : `${model} gave no answer to ${purpose} for ${asker}: ${verdict}`,
    detail: {
      model,
      request,
      ...(task === undefined ? {} : { task }),
      purpose,
      verdict,
      promptHash: record.promptHash,
      answerHash: record.answerHash,
      inputTokens: record.inputTokens,
      outputTokens: record.outputTokens,
      sent: record.sent,
      queueMs: record.queueMs,
      answerMs: record.answerMs,
    },
  }
}
