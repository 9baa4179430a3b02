import { performance } from 'node:perf_hooks'
import { createBusyMeter } from './busy.ts'
import { questionOf, startModel, type Model } from './model.ts'
import { callsOf, type GatewayResults, type Pair } from './results.ts'

/** A model on a CPU or a small GPU writes about so fast. */
const realisticRate = 60
const slots = 4

type Measured = Pick<GatewayResults, 'calls' | 'busy'>

/**
 * Asks the same questions bare and by way of the gateway, alternating, so that both see the same machine: at once
 * answered, then at a realistic rate with every slot in use; then many calls wait for few slots.
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
    // Whoever goes first finds colder caches; so they take turns in that, too.
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
