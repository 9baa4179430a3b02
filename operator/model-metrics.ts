import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { ModelMetrics } from './models/trace.ts'

/** Buckets of the OpenTelemetry GenAI conventions for durations (seconds) and token counts. */
const seconds = [
  0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
]
const tokens = [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536]

/**
 * Figures about model calls, under the names of the OpenTelemetry GenAI conventions with `.` as `_`.
 * Never labelled with a request or task: their number has no bound.
 */
export function modelMetrics(registry: Registry): ModelMetrics {
  const registers = [registry]
  const model = 'gen_ai_request_model'
  const duration = new Histogram({
    name: 'gen_ai_client_operation_duration_seconds',
    help: 'Time from sending a question to its last token; waiting for a slot not counted.',
    labelNames: [model, 'guildhall_purpose', 'error_type'],
    buckets: seconds,
    registers,
  })
  const wait = new Histogram({
    name: 'guildhall_model_queue_seconds',
    help: 'Time a question waited for a slot.',
    labelNames: [model],
    buckets: seconds,
    registers,
  })
  const usage = new Histogram({
    name: 'gen_ai_client_token_usage',
    help: 'Tokens of a question, by type.',
    labelNames: [model, 'gen_ai_token_type'],
    buckets: tokens,
    registers,
  })
  const waiting = new Gauge({
    name: 'guildhall_model_queue_depth',
    help: 'Questions that wait for a slot.',
    labelNames: [model],
    registers,
  })
  const running = new Gauge({
    name: 'guildhall_model_slots_busy',
    help: 'Questions that are being answered.',
    labelNames: [model],
    registers,
  })
  const asked = new Counter({
    name: 'guildhall_model_requests_total',
    help: 'How often a model server was asked, retries included.',
    labelNames: [model],
    registers,
  })
  return {
    called: (record) => {
      const error = record.verdict === 'ok' ? '' : record.verdict
      duration.observe(
        { [model]: record.model, guildhall_purpose: record.purpose, error_type: error },
        record.answerMs / 1000,
      )
      wait.observe({ [model]: record.model }, record.queueMs / 1000)
      asked.inc({ [model]: record.model }, record.sent)
      usage.observe({ [model]: record.model, gen_ai_token_type: 'input' }, record.inputTokens)
      usage.observe({ [model]: record.model, gen_ai_token_type: 'output' }, record.outputTokens)
    },
    queued: (name, waits, runs) => {
      waiting.set({ [model]: name }, waits)
      running.set({ [model]: name }, runs)
    },
  }
}
