// The planner on the real Ollama with the smallest real model there is: whatever it says, there is
// a plan that can be carried out. How often the model's own units survive is printed;
// docs/models.md has a table of it.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RealOllama, smallModel, startSmallModel } from './ollama-process.ts'
import { createGateway, type TraceRecord } from '../../core/models/gateway.ts'
import { fixedRequest, modelProfile, type ModelProfile } from '../../core/models/profile.ts'
import { loadedModels } from '../../core/models/servers/ollama.ts'
import { planProblems } from '../../core/planner/check-plan.ts'
import { readFacts } from '../../core/planner/facts.ts'
import { makePlan, type MadePlan } from '../../core/planner/plan.ts'
import { systemClock as clock, systemRandom as random } from '../../core/base/clock.ts'
import { requests as allRequests, type AskedFor } from './requests.ts'
import { todaysShare } from '../../hack/lanes/lanes.ts'

const limits = {
  maxTasks: 30,
  maxParallel: 10,
  taskTimeoutSeconds: 1800,
  maxAttempts: 3,
} as const
const requests = todaysShare('plans', allRequests, 'models')
/** Two answers together take the machine less time than one after the other. */
const atOnce = 2
const { signal } = new AbortController()

let server: RealOllama
let profile: ModelProfile
const calls: TraceRecord[] = []
const rows: string[] = []
const plans = new Map<string, MadePlan>()

beforeAll(async () => {
  server = await startSmallModel(atOnce)
  // The tier of the model is weak. With the tier good set, it is asked.
  profile = modelProfile.parse({
    name: smallModel,
    endpoint: server.endpoint,
    contextTokens: 4096,
    // The model rarely knows where to stop, and adds nothing after so many tokens.
    outputTokens: 192,
    parallel: atOnce,
    tier: 'good',
  })
  const left = [...requests]
  const work = async (): Promise<void> => {
    for (let one = left.shift(); one !== undefined; one = left.shift()) await note(one)
  }
  await Promise.all(Array.from({ length: atOnce }, work))
})
afterAll(async () => {
  process.stderr.write(`\n${table()}\n`)
  await server?.[Symbol.asyncDispose]()
})

const gateway = createGateway({
  profile: () => profile,
  clock,
  random,
  trace: (record) => calls.push(record),
})

async function planOf({ name, request, files = {} }: AskedFor): Promise<MadePlan> {
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

/** Plans one and notes what came of it. */
async function note(one: AskedFor): Promise<void> {
  const startedAt = clock.monotonic()
  const made = await planOf(one)
  const { plan, transcript } = made
  const units = plan.tasks.filter(({ action }) => action === 'code').length
  const seconds = Math.round((clock.monotonic() - startedAt) / 1000)
  plans.set(one.name, made)
  const cells = [
    one.name,
    plan.source,
    units,
    plan.tasks.length,
    plan.waves.length,
    transcript.length,
    seconds,
    /gave no plan that could be used \((.*?)\);/.exec(plan.warnings[0] ?? '')?.[1] ?? '',
  ]
  rows.push(`| ${cells.join(' | ')} |`)
  process.stderr.write(`${rows.at(-1)}\n`)
}

test.each(requests.map(({ name }) => name))(
  'a request for %s becomes a plan that can be carried out',
  (name) => {
    const plan = plans.get(name)?.plan
    if (plan === undefined) throw new Error('it has no plan')
    expect(planProblems(plan, limits)).toEqual([])
    expect(plan.tasks.some(({ action }) => action === 'code')).toBe(true)
  },
)

test('no question with its answer was longer than the context', () => {
  const counted = calls.filter(({ inputTokens }) => inputTokens > 0)
  expect(counted.length).toBeGreaterThan(requests.length)
  for (const { inputTokens, maxTokens } of counted)
    expect(inputTokens + maxTokens).toBeLessThanOrEqual(profile.contextTokens)
})

test('every question had the same options, and the server keeps the model as it was first loaded', async () => {
  const told = new Set(calls.map(({ fixed }) => JSON.stringify(fixed)))
  expect([...told]).toEqual([JSON.stringify(fixedRequest(profile))])
  const loaded = await loadedModels(profile, { signal })
  expect(loaded.map(({ name, contextTokens }) => [name, contextTokens])).toEqual([
    [smallModel, profile.contextTokens],
  ])
})

function table(): string {
  const kept = rows.filter((row) => row.includes('| model |')).length
  return [
    `${smallModel}: the model's own units survived in ${kept} of ${rows.length} plans`,
    '| request | units by | units | tasks | waves | questions | s | why not the model’s own |',
    '|---|---|---|---|---|---|---|---|',
    ...rows,
  ].join('\n')
}
