import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { callRecord as record } from '../../test/support/objects.ts'
import { modelMetrics } from './metrics.ts'

test('a call is counted by model, type of token and error, and never by request', async () => {
  const registry = new Registry()
  const metrics = modelMetrics(registry)
  metrics.called(record)
  metrics.called({ ...record, verdict: 'BudgetExhausted', sent: 0, answerMs: 0 })
  metrics.queued('m', 3, 2, 2)
  const lines = (await registry.metrics()).split('\n')
  const model = 'gen_ai_request_model="m"'
  expect(lines).toEqual(
    expect.arrayContaining([
      `gen_ai_client_token_usage_sum{${model},gen_ai_token_type="input"} 70`,
      `gen_ai_client_token_usage_sum{${model},gen_ai_token_type="output"} 30`,
      `gen_ai_server_time_to_first_token_seconds_sum{${model}} 0.8`,
      `gen_ai_server_time_per_output_token_seconds_sum{${model}} 0.02`,
      `guildhall_model_failures_total{${model},error_type="BudgetExhausted"} 1`,
      `guildhall_model_queue_depth{${model}} 3`,
      `guildhall_model_queue_seconds_count{${model}} 2`,
      `guildhall_model_requests_total{${model}} 2`,
      `guildhall_model_slot_busy_seconds_total{${model}} 3`,
      `guildhall_model_slots_busy{${model}} 2`,
      `guildhall_model_slots{${model}} 2`,
    ]),
  )
  expect(lines.join('\n')).not.toContain('hello')
})

test.each([
  ['code.repair', 'code.repair'],
  ['code.repair-4711', 'other'],
  ['constructor', 'other'],
])('a call for %s is counted as one for %s', async (purpose, want) => {
  const registry = new Registry()
  modelMetrics(registry).called({ ...record, purpose })
  expect(await registry.metrics()).toContain(
    `duration_seconds_count{gen_ai_request_model="m",guildhall_purpose="${want}",error_type=""} 1`,
  )
})
