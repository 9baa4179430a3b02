import { createHash } from 'node:crypto'
import type { FencedBlock, ModelEvent, ModelResult, PromptSection } from '../api/agent-protocol.ts'
import type { Priority } from '../api/agent-types.ts'
import type { Clock, Random } from '../base/clock.ts'
import { answerOf } from './answers/answer.ts'
import { type AnswerSchema, lintSchema } from './answers/schema.ts'
import { type Sending, ask } from './ask.ts'
import { ModelError } from './errors.ts'
import { type CallBudget, type TokenCount, type TokenOwner, createLedger } from './token-budgets.ts'
import { type FixedRequest, type ModelProfile, answerTokens, fixedRequest } from './profile.ts'
import {
  type Calibration,
  createCalibration,
  estimateTokens,
  fitCalibrated,
  fitShorter,
} from './prompt.ts'
import { createReplicas, slotCountOf } from './queue/replicas.ts'
import { type Slots, createSlots } from './queue/slots.ts'
import type { ChatAnswer, ChatTimers } from './servers/chat.ts'

/**
 * One question to a model: `ModelCall` of the agent protocol, and who asks, as the operator knows
 * it.
 */
export interface GatewayCall {
  readonly model: string
  /** Name of the DevRequest: calls take turns by it, and tokens are counted for it. */
  readonly request: string
  /** Its uid; absent for calls without a DevRequest, such as a self-test. */
  readonly requestUid?: string | undefined
  /** Name of the AgentTask; absent while planning. */
  readonly task?: string | undefined
  readonly priority: Priority
  readonly verb: 'decide' | 'write'
  readonly purpose: string
  readonly system: string
  readonly sections: readonly PromptSection[]
  readonly instruction: string
  readonly schema?: AnswerSchema | undefined
  readonly temperature: number
  readonly seed: number
  readonly maxTokens: number
  /**
   * A call that would pass one of these is refused before it is sent. A call that would pass it
   * only together with all calls under way waits for those.
   */
  readonly budget?: CallBudget | undefined
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined
  /** Queue positions, start and progress; the result is what `call` resolves to. */
  readonly onEvent?: ((event: ModelEvent) => void) | undefined
  /**
   * How long a server that cannot be reached is asked again, counted from its first refusal without
   * the waits for a slot. Default: two minutes.
   */
  readonly patienceMs?: number | undefined
}

/** The only way to a model. */
export interface Gateway {
  /**
   * Asks, and waits for its turn first. Aborting `signal` frees the slot at once.
   * Throws ModelError only: `ModelUnavailable` and `ModelMissing` (retryable), `OutputUnusable`
   * (with the raw text), `QuestionRefused` (in the server's words; asking again gets the same),
   * `ContextTooSmall`, `BudgetExhausted`, `Cancelled`.
   */
  readonly call: (request: GatewayCall, options?: CallOptions) => Promise<ModelResult>
  /**
   * Tokens used so far for a request or for one task of it, in this process; the task `''` is the
   * planning.
   */
  readonly tokens: (owner: TokenOwner) => TokenCount
  /**
   * Forgets the counts of earlier requests with this name; `uid` is that of the one that has it
   * now.
   */
  readonly forgetOthers: (request: string, uid: string | undefined) => void
}

/**
 * Makes the gateway of this process. `profile` is called for every question, so that settings may
 * change.
 */
export function createGateway(options: {
  readonly profile: (name: string) => ModelProfile | undefined
  readonly clock: Clock
  readonly random: Pick<Random, 'next'>
  readonly trace?: (record: TraceRecord) => void
  readonly metrics?: ModelMetrics
  readonly timers?: ChatTimers
}): Gateway {
  const { clock, random, timers, metrics } = options
  const models = new Map<string, AskedModel>()
  const ledger = createLedger()
  const replicas = createReplicas(clock)
  let traces = 0

  function modelOf(profile: ModelProfile): AskedModel {
    const key = `${profile.endpoint} ${profile.name}`
    const known = models.get(key)
    if (known !== undefined) {
      known.slotCount = slotCountOf(profile)
      return known
    }
    const { name } = profile
    const slots = createSlots({
      capacity: () => model.slotCount,
      clock,
      onChange: () => metrics?.queued(name, slots.waiting(), slots.running(), model.slotCount),
    })
    const model: AskedModel = {
      slotCount: slotCountOf(profile),
      slots,
      calibration: createCalibration(),
    }
    models.set(key, model)
    return model
  }

  async function call(request: GatewayCall, callOptions: CallOptions = {}): Promise<ModelResult> {
    const profile = options.profile(request.model)
    if (profile === undefined) {
      throw new ModelError('ModelMissing', `no model called ${request.model} is configured`)
    }
    checkSchema(request)
    const { slots, calibration } = modelOf(profile)
    const { contextTokens } = profile
    const maxTokens = answerTokens(profile, request.maxTokens)
    const parts = { ...request, contextTokens, maxTokens }
    let prompt = fitCalibrated(parts, calibration)
    const tokensOf = (text: string) => estimateTokens(text, calibration.charsPerToken())
    const { signal, onEvent, patienceMs = 120_000 } = callOptions
    const { verb, temperature, seed, schema: format } = request
    const accounts = ledger.open(request)
    const wanted = () => prompt.estimatedTokens + maxTokens
    const sending: Sending = {
      profile,
      replicas,
      slots,
      priority: request.priority,
      owner: request.requestUid ?? request.request,
      question: () => ({ ...prompt, temperature, seed, maxTokens, format }),
      reserve: () => accounts.reserve(wanted()),
      room: async () => accounts.room(wanted(), { signal }),
      onAnswer: ({ inputTokens, outputTokens }) =>
        accounts.add(inputTokens || prompt.estimatedTokens, outputTokens),
      onBroken: (text) => accounts.add(prompt.estimatedTokens, tokensOf(text)),
      sent: 0,
      queueMs: 0,
      answerMs: 0,
    }

    /**
     * Asks, each time with a shorter prompt when the server finds it too long and a section can be
     * left out.
     */
    async function fittingAnswer(): Promise<ChatAnswer> {
      for (;;) {
        try {
          return await ask(sending, { clock, random, timers, signal, onEvent, patienceMs })
        } catch (error) {
          if (!(error instanceof ModelError) || error.code !== 'ContextTooSmall') throw error
          calibration.distrust()
          const shorter = fitShorter(parts, prompt, calibration)
          if (shorter === undefined) throw error
          prompt = shorter
        }
      }
    }

    const fixed = profile.provider === 'ollama' ? fixedRequest(profile) : undefined

    /** Writes the record of the call. Gives the id under which it is found. */
    function record(outcome: CallOutcome): string {
      const { system, user, dropped } = prompt
      const { text } = outcome
      const promptHash = hashOf(`${system}\0${user}`)
      const line: TraceRecord = {
        id: `${promptHash.slice(0, 12)}-${++traces}`,
        time: new Date(clock.now()).toISOString(),
        model: request.model,
        request: request.request,
        task: request.task,
        purpose: request.purpose,
        verb,
        promptHash,
        answerHash: text === '' ? '' : hashOf(text),
        system,
        prompt: user,
        dropped,
        fixed,
        temperature,
        seed,
        maxTokens,
        sent: sending.sent,
        queueMs: Math.round(sending.queueMs),
        answerMs: Math.round(sending.answerMs),
        ...outcome,
      }
      options.trace?.(line)
      metrics?.called(line)
      return line.id
    }

    let answer: ChatAnswer | undefined
    try {
      answer = await fittingAnswer()
      const { text, outputTokens, firstPieceMs, perTokenMs } = answer
      calibration.learn(prompt, answer.inputTokens)
      const inputTokens = answer.inputTokens || prompt.estimatedTokens
      const tokens = { inputTokens, outputTokens }
      const { blocks, value } = answerOf(request, answer, maxTokens)
      const figures = { ...tokens, firstPieceMs, perTokenMs }
      const trace = record({ ...figures, text, blocks, value, verdict: 'ok', message: '' })
      const found = value === undefined ? {} : { value }
      return { kind: 'result', model: profile.name, text, blocks, ...tokens, ...found, trace }
    } catch (error) {
      const failed = asModelError(error, signal)
      const { text, message, code: verdict } = failed
      const { inputTokens = 0, outputTokens = tokensOf(text) } = answer ?? {}
      const { firstPieceMs, perTokenMs } = answer ?? {}
      const figures = { inputTokens, outputTokens, firstPieceMs, perTokenMs }
      record({ ...figures, text, blocks: [], verdict, message })
      throw failed
    } finally {
      if (sending.sent > 0) accounts.called()
    }
  }

  return { call, tokens: ledger.of, forgetOthers: ledger.forgetOthers }
}

/** One model, at one server or several. */
interface AskedModel {
  /** From the newest profile: more slots of a server count from the next call on. */
  slotCount: number
  readonly slots: Slots
  readonly calibration: Calibration
}

type CallOutcome = Pick<
  TraceRecord,
  'text' | 'verdict' | 'message' | 'blocks' | 'inputTokens' | 'outputTokens'
> &
  Partial<Pick<TraceRecord, 'value' | 'firstPieceMs' | 'perTokenMs'>>

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function checkSchema(request: GatewayCall): void {
  if (request.verb === 'write') return
  const problems =
    request.schema === undefined ? ['decide needs a schema'] : lintSchema(request.schema)
  if (problems.length === 0) return
  throw new ModelError(
    'OutputUnusable',
    `${request.purpose} asks with a schema that cannot be used: ${problems.join('; ')}`,
  )
}

function asModelError(error: unknown, signal: AbortSignal | undefined): ModelError {
  if (error instanceof ModelError) return error
  if (signal?.aborted) {
    return new ModelError('Cancelled', 'the call was cancelled', { cause: signal.reason })
  }
  throw error
}

/**
 * One model call, with all that is needed to understand and replay it. One line of JSON in the
 * operator's log.
 */
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
  /** The options that Ollama gets in every call of the model; undefined for other servers. */
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

/** Where measurements go; `metrics.ts` exports them. */
export interface ModelMetrics {
  /** A call ended. */
  called(record: TraceRecord): void
  /** The queue before a model changed, or how many slots it has. */
  queued(model: string, waiting: number, running: number, slots: number): void
}
