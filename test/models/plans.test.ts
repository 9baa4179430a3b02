// The planner on the real Ollama with the smallest real model there is: whatever it says, there is a plan that can be
// carried out. How often the model's own units survive is printed; docs/models.md has a table of it.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { streamLog } from '../../hack/cluster/log.ts'
import { loadModel } from '../../hack/images/load-model.ts'
import { ensureOllama } from '../../hack/images/ollama-source.ts'
import { ensureSmolLM2 } from '../../hack/images/smollm2.ts'
import { startOllama, type RealOllama } from '../../hack/rehearsal/ollama-process.ts'
import { createGateway } from '../../operator/models/gateway.ts'
import { modelProfile, type ModelProfile } from '../../operator/models/profile.ts'
import type { TraceRecord } from '../../operator/models/trace.ts'
import { planProblems } from '../../operator/planner/check-plan.ts'
import { readFacts } from '../../operator/planner/facts.ts'
import { makePlan, type MadePlan } from '../../operator/planner/plan.ts'
import { systemClock as clock, systemRandom as random } from '../../operator/runtime/clock.ts'
import { requests, type AskedFor } from './requests.ts'

const limits = {
  maxTasks: 30,
  maxParallel: 10,
  taskTimeoutSeconds: 1800,
  maxAttempts: 3,
} as const
const smallModel = 'smollm2:135m'
const { signal } = new AbortController()

let server: RealOllama
let profile: ModelProfile
const calls: TraceRecord[] = []
const rows: string[] = []

beforeAll(async () => {
  const log = streamLog()
  server = await startOllama(await ensureOllama({ log }))
  const { path } = await ensureSmolLM2({ log })
  await loadModel({ ollamaUrl: server.endpoint, path, name: smallModel, log })
  // Its tier is weak; told that it is good, it is asked all the same.
  profile = modelProfile.parse({
    name: smallModel,
    endpoint: server.endpoint,
    contextTokens: 4096,
    outputTokens: 1024,
    tier: 'good',
  })
})
afterAll(async () => {
  process.stderr.write(`\n${table()}\n`)
  await server?.[Symbol.asyncDispose]()
})

async function planOf({ name, request, files = {} }: AskedFor): Promise<MadePlan> {
  const gateway = createGateway({
    profile: () => profile,
    clock,
    random,
    trace: (record) => calls.push(record),
  })
  const reader = {
    readTree: async () => ({
      files: Object.entries(files).map(([path, text]) => ({ path, bytes: text.length })),
      truncated: false,
    }),
    readFile: async (path: string) => files[path] ?? '',
  }
  const facts = await readFacts(reader, request, { signal })
  const spec = { request, limits, priority: 'normal' } as const
  return makePlan({ request: name, spec, profile, facts, call: gateway.call }, { signal })
}

test.each(requests.map((one) => [one.name, one] as const))(
  'a request for %s becomes a plan that can be carried out',
  async (name, one) => {
    const startedAt = clock.monotonic()
    const { plan, transcript } = await planOf(one)
    const units = plan.tasks.filter(({ action }) => action === 'code')
    const seconds = Math.round((clock.monotonic() - startedAt) / 1000)
    const asked = transcript.length
    rows.push(
      `| ${name} | ${plan.source} | ${units.length} | ${plan.tasks.length} | ${plan.waves.length} | ${asked} | ${seconds} |`,
    )
    expect(planProblems(plan, limits)).toEqual([])
    expect(units.length).toBeGreaterThan(0)
  },
)

test('no question with its answer was longer than the context, and every question had the same options', () => {
  expect(calls.length).toBeGreaterThan(requests.length)
  for (const { inputTokens, maxTokens } of calls)
    expect(inputTokens + maxTokens).toBeLessThanOrEqual(profile.contextTokens)
})

function table(): string {
  const kept = rows.filter((row) => row.includes('| model |')).length
  return [
    `${smallModel}: the model's own units survived in ${kept} of ${rows.length} plans`,
    '| request | units by | units | tasks | waves | questions | s |',
    '|---|---|---|---|---|---|---|',
    ...rows,
  ].join('\n')
}
