// The bench of the gateway: the same questions to the rehearsal model, bare and through the
// gateway.
import { performance } from 'node:perf_hooks'
import { fetch, Agent } from 'undici'
import { createBusyMeter, callsOf, type GatewayResults, type Pair } from './results.ts'
import { createRehearsalServer, rehearsalName } from '../../../rehearsal/server.ts'
import { createGateway, type Gateway, type GatewayCall } from '../../../core/models/gateway.ts'
import { fixedRequest, modelProfile, type ModelProfile } from '../../../core/models/profile.ts'
import { systemClock, systemRandom } from '../../../core/base/clock.ts'

/** A model on a CPU or a small GPU writes about so fast. */
const realisticRate = 60
const slots = 4

type Measured = Pick<GatewayResults, 'calls' | 'busy'>

/**
 * Asks the same questions bare and by way of the gateway, alternating, so that both see the same
 * machine: at once answered, then at a realistic rate with every slot in use; then many calls wait
 * for few slots.
 */
export async function gatewaySuite({ quick }: { readonly quick: boolean }): Promise<Measured> {
  const fast = await withModel({ rate: 0, parallel: 1, tokens: 40 }, async (model) => {
    await pairsOf(model, 20)
    return callsOf('answered at once, one at a time', await pairsOf(model, quick ? 200 : 1_000))
  })
  const real = await withModel(
    { rate: realisticRate, parallel: slots, tokens: 30 },
    async (model) => {
      const rounds = quick ? 5 : 50
      const lanes = Array.from({ length: slots }, async () => pairsOf(model, rounds))
      return callsOf(
        `${realisticRate} tokens/s, ${slots} at a time`,
        (await Promise.all(lanes)).flat(),
      )
    },
  )
  return { calls: [fast, real], busy: await busyShare(quick ? 24 : 200) }
}

async function pairsOf(model: Model, count: number): Promise<Pair[]> {
  const pairs: Pair[] = []
  for (let number = 0; number < count; number++) {
    const question = questionOf(number)
    const bare = async () => timed(async () => model.askBare(question))
    const byGateway = async () => timed(async () => model.gateway.call(question))
    // The first of the two finds colder caches, so they take turns.
    if (number % 2 === 0) {
      const bareMs = await bare()
      pairs.push({ bareMs, gatewayMs: await byGateway() })
    } else {
      const gatewayMs = await byGateway()
      pairs.push({ bareMs: await bare(), gatewayMs })
    }
  }
  return pairs
}

async function busyShare(calls: number): Promise<GatewayResults['busy']> {
  const meter = createBusyMeter(slots, () => performance.now())
  return withModel(
    {
      rate: realisticRate,
      parallel: slots,
      tokens: 30,
      onWorking: (working) => meter.tell({ working }),
      onWaiting: (waiting) => meter.tell({ waiting }),
    },
    async ({ gateway }) => {
      const all = Array.from({ length: calls }, async (_, number) =>
        gateway.call(questionOf(number)),
      )
      await Promise.all(all)
      return { slots, calls, waitedMs: meter.waitedMs(), share: meter.share() }
    },
  )
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now()
  await work()
  return performance.now() - begun
}

async function withModel<T>(
  options: Parameters<typeof startModel>[0],
  use: (model: Model) => Promise<T>,
): Promise<T> {
  const model = await startModel(options)
  try {
    return await use(model)
  } finally {
    await model.close()
  }
}

const words = 'The function takes a list of users and gives back those that are active. '
/** About as long as the prompt of a small coding task. */
const request = words.repeat(40)

interface Model {
  readonly gateway: Gateway
  readonly profile: ModelProfile
  /**
   * Asks as a plain client would: the same question, no queue, no budget, no check of the answer.
   */
  readonly askBare: (question: GatewayCall) => Promise<void>
  readonly close: () => Promise<void>
}

/** Starts the model in this process. `rate` in tokens a second, 0 for as fast as it can. */
async function startModel(options: {
  readonly rate: number
  readonly parallel: number
  /** Tokens of each answer, roughly. */
  readonly tokens: number
  readonly onWorking?: (count: number) => void
  readonly onWaiting?: (count: number) => void
}): Promise<Model> {
  const { rate, parallel, tokens, onWorking, onWaiting } = options
  const answer = Array.from({ length: tokens }, (_, n) => `w${n}`).join(' ')
  const server = createRehearsalServer({
    rules: [{ when: { request: /function/ }, answer }],
    rate,
    parallel,
  })
  let working = 0
  server.on('request', (_request, response) => {
    onWorking?.(++working)
    response.once('close', () => onWorking?.(--working))
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const profile = modelProfile.parse({
    name: rehearsalName,
    endpoint: `http://127.0.0.1:${port}`,
    parallel,
  })
  const gateway = createGateway({
    profile: () => profile,
    clock: systemClock,
    random: systemRandom,
    metrics: { called: () => undefined, queued: (_name, waiting) => onWaiting?.(waiting) },
  })
  const dispatcher = new Agent({ headersTimeout: 0, bodyTimeout: 0 })
  return {
    gateway,
    profile,
    async askBare({ system, instruction, sections, temperature, seed, maxTokens }) {
      const user = [...sections.map(({ title, text }) => `## ${title}\n${text}`), instruction]
      const fixed = fixedRequest(profile)
      const response = await fetch(`${profile.endpoint}/api/chat`, {
        method: 'POST',
        body: JSON.stringify({
          ...fixed,
          stream: true,
          messages: [
            { role: 'system', content: system },
            { role: 'user', content: user.join('\n\n') },
          ],
          options: { ...fixed.options, temperature, seed, num_predict: maxTokens },
        }),
        dispatcher,
      })
      const text = await response.text()
      if (!text.includes('"done":true')) throw new Error('the bare server gave half an answer')
    },
    async close() {
      await dispatcher.close()
      server.closeAllConnections()
      await new Promise((resolve) => {
        server.close(resolve)
      })
    },
  }
}

/** The same question each time, from one of ten requests. */
function questionOf(number: number): GatewayCall {
  return {
    model: rehearsalName,
    request: `request-${number % 10}`,
    priority: 'normal',
    verb: 'write',
    purpose: 'bench',
    system: 'You write one file.',
    sections: [{ title: 'Request', text: request, must: true }],
    instruction: 'Answer with one block.',
    temperature: 0,
    seed: 1,
    maxTokens: 1024,
  }
}
