import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import { purposes } from '../api/agent-protocol.ts'
import type { ModelMetrics } from './gateway.ts'

/** Buckets of the OpenTelemetry GenAI conventions for durations (seconds) and token counts. */
const seconds = [
  0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
]
/** The buckets of the conventions, and longer ones: a model on a CPU begins after minutes. */
const firstToken = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60, 120,
  300,
]
const perToken = [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5]
const tokens = [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536]

/**
 * Metrics of model calls, under the names of the OpenTelemetry GenAI conventions with `.` as `_`.
 * How busy the slots are while work waits: `guildhall_model_slots_busy / guildhall_model_slots`
 * where `guildhall_model_queue_depth > 0`. Tokens per second: 1 /
 * `gen_ai_server_time_per_output_token_seconds`.
 * No label holds a request, a task or words of an agent, because their number has no bound.
 */
export function modelMetrics(registry: Registry): ModelMetrics {
  const registers = [registry]
  const model = 'gen_ai_request_model'
  const histogram = <Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    buckets: number[],
  ) => new Histogram({ name, help, labelNames: [...labelNames], buckets, registers })
  const gauge = (name: string, help: string) =>
    new Gauge({ name, help, labelNames: [model], registers })
  const counter = <Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
  ) => new Counter({ name, help, labelNames: [...labelNames], registers })

  const duration = histogram(
    'gen_ai_client_operation_duration_seconds',
    'Time from sending a question to its last token; waiting for a slot not counted.',
    [model, 'guildhall_purpose', 'error_type'],
    seconds,
  )
  const begin = histogram(
    'gen_ai_server_time_to_first_token_seconds',
    'Time from sending a question to the first piece of its answer, as seen from here.',
    [model],
    firstToken,
  )
  const pace = histogram(
    'gen_ai_server_time_per_output_token_seconds',
    'Time for each token after the first, as seen from here.',
    [model],
    perToken,
  )
  const wait = histogram(
    'guildhall_model_queue_seconds',
    'Time a question waited for a slot.',
    [model],
    seconds,
  )
  const usage = histogram(
    'gen_ai_client_token_usage',
    'Tokens of a question, by type.',
    [model, 'gen_ai_token_type'],
    tokens,
  )
  const waiting = gauge('guildhall_model_queue_depth', 'Questions that wait for a slot.')
  const running = gauge('guildhall_model_slots_busy', 'Questions that are being answered.')
  const capacity = gauge('guildhall_model_slots', 'Questions that can be answered at once.')
  const busy = counter(
    'guildhall_model_slot_busy_seconds_total',
    'Time slots were in use, summed over slots; counted when a question is over.',
    [model],
  )
  const asked = counter(
    'guildhall_model_requests_total',
    'How often a model server was asked, retries included.',
    [model],
  )
  const failed = counter(
    'guildhall_model_failures_total',
    'Questions that came to nothing, also those that were never sent.',
    [model, 'error_type'],
  )

  return {
    called: (record) => {
      const labels = { [model]: record.model }
      const error = record.verdict === 'ok' ? '' : record.verdict
      if (error !== '') failed.inc({ ...labels, error_type: error })
      wait.observe(labels, record.queueMs / 1000)
      if (record.sent === 0) return
      const what = { guildhall_purpose: purposeLabel(record.purpose), error_type: error }
      duration.observe({ ...labels, ...what }, record.answerMs / 1000)
      busy.inc(labels, record.answerMs / 1000)
      asked.inc(labels, record.sent)
      usage.observe({ ...labels, gen_ai_token_type: 'input' }, record.inputTokens)
      usage.observe({ ...labels, gen_ai_token_type: 'output' }, record.outputTokens)
      if (record.firstPieceMs !== undefined) begin.observe(labels, record.firstPieceMs / 1000)
      if (record.perTokenMs !== undefined) pace.observe(labels, record.perTokenMs / 1000)
    },
    queued: (name, waits, runs, slots) => {
      waiting.set({ [model]: name }, waits)
      running.set({ [model]: name }, runs)
      capacity.set({ [model]: name }, slots)
    },
  }
}

/** An agent that went wrong may send any purpose. */
function purposeLabel(purpose: string): string {
  return purposes.find((known) => known === purpose) ?? 'other'
}
