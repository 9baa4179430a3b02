import type { ModelErrorCode, ModelEvent } from '../../api/agent-protocol.ts'
import { beginningOf, withBeginning } from '../../api/plain-text.ts'
import type { Clock } from '../../base/clock.ts'
import { ModelError } from '../errors.ts'
import type { Gateway } from '../gateway.ts'
import type { ModelProfile } from '../profile.ts'
import {
  type ProbeResult,
  contextProbe,
  failed,
  fenceProbe,
  judgeCount,
  judgeFile,
  judgeMemory,
  schemaProbe,
} from './probes.ts'
import { type Asker, decide, write } from '../question.ts'

/** The abilities of a model, as three short questions show them. */
interface ProbedModel {
  readonly tier: ModelProfile['tier']
  /**
   * How fast the model writes, without waiting and reading; one digit after the point. Undefined
   * when it wrote too little.
   */
  readonly tokensPerSecond: number | undefined
  readonly findings: {
    readonly schema: ProbeResult
    readonly fence: ProbeResult
    readonly context: ProbeResult
  }
  /** The result in one sentence for people; for a weak model it says what to do. */
  readonly sentence: string
}

/**
 * Asks a model three short questions: does it follow a schema, does it write a file, does it keep
 * its context.
 *
 * The tier depends on the abilities that the harness cannot make up for. A model is `weak` when it
 * does not follow a schema, so that there is no plan, or does not write a file, so that there is no
 * code. A model that does both but loses the beginning of a long prompt is `basic`: it works with
 * short prompts, and gets more tries. A model that does all three is `good`.
 *
 * Costs at most 200 tokens of answers. Throws ModelError when the model could not be asked
 * (`ModelUnavailable` and `ModelMissing`, both retryable, or `Cancelled`); an unusable answer
 * counts as not passed.
 */
export async function selfTest(options: {
  readonly call: Gateway['call']
  readonly profile: ModelProfile
  readonly signal: AbortSignal
  readonly clock: Pick<Clock, 'monotonic'>
}): Promise<ProbedModel> {
  const { call, profile, signal, clock } = options
  const asker = {
    call,
    signal,
    model: profile.name,
    request: 'self-test',
    priority: 'normal',
  } as const
  const schema = await probe('it did not follow a form', async () =>
    judgeCount((await decide(asker, schemaProbe)).value),
  )
  const speed = createSpeedometer(clock)
  const fence = await probe('it did not write a file', async () => {
    const result = await write(speed.listenTo(asker), fenceProbe)
    speed.mark(result.outputTokens)
    return judgeFile(result.blocks)
  })
  const memory = contextProbe(profile.contextTokens)
  const context = await probe('it did not answer after a long text', async () =>
    judgeMemory((await write(asker, memory)).text, memory),
  )
  const findings = { schema, fence, context }
  const tier = !schema.passed || !fence.passed ? 'weak' : context.passed ? 'good' : 'basic'
  return {
    tier,
    tokensPerSecond: speed.rate(),
    findings,
    sentence: inWords(profile.name, tier, findings),
  }
}

/** Errors that say something about the model; the others say something about its surroundings. */
const telling: ReadonlySet<ModelErrorCode> = new Set([
  'OutputUnusable',
  'QuestionRefused',
  'ContextTooSmall',
])

async function probe(unusable: string, ask: () => Promise<ProbeResult>): Promise<ProbeResult> {
  try {
    return await ask()
  } catch (error) {
    if (!(error instanceof ModelError)) throw error
    if (!telling.has(error.code)) throw error
    return failed(`${unusable}: ${withBeginning(error.message, beginningOf(error.text))}`)
  }
}

function inWords(
  name: string,
  tier: ModelProfile['tier'],
  findings: ProbedModel['findings'],
): string {
  const { schema, fence, context } = findings
  if (tier === 'good') return `${name} follows a form, writes a file and keeps its context`
  if (tier === 'basic')
    return `${name} can plan and write code from short prompts only: ${context.sentence}`
  const wrong = [schema, fence].filter(({ passed }) => !passed).map(({ sentence }) => sentence)
  return `${name} is too weak to plan or to write code: ${wrong.join('; ')}. Use a 7B model for code such as qwen2.5-coder:7b (spec.model, or --set model.name=qwen2.5-coder:7b for the chart)`
}

/** With fewer tokens, the speed is not measured. */
const fewTokens = 16

/**
 * Measures how fast an answer is written: from the first event of progress to the last, so that
 * waiting for a slot, loading the model and reading the prompt do not count.
 */
function createSpeedometer(clock: Pick<Clock, 'monotonic'>) {
  let first: { readonly tokens: number; readonly at: number } | undefined
  let last: typeof first
  const mark = (tokens: number) => {
    last = { tokens, at: clock.monotonic() }
    first ??= last
  }
  const onEvent = (event: ModelEvent) => {
    // The question is asked again, so the earlier progress does not count.
    if (event.kind === 'started') first = last = undefined
    if (event.kind === 'progress') mark(event.tokens)
  }
  return {
    mark,
    listenTo: (asker: Asker): Asker => ({
      ...asker,
      call: async (request, options) => await asker.call(request, { ...options, onEvent }),
    }),
    rate(): number | undefined {
      if (first === undefined || last === undefined) return undefined
      const seconds = (last.at - first.at) / 1000
      const tokens = last.tokens - first.tokens
      if (tokens < fewTokens || seconds <= 0) return undefined
      return Math.round((10 * tokens) / seconds) / 10
    },
  }
}
