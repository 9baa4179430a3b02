import { createHash } from 'node:crypto'
import type { ModelEvent, ModelResult, PromptSection } from '../api/agent-protocol.ts'
import type { Priority } from '../api/agent-types.ts'
import { answerOf } from './answer.ts'
import { createCalibration, fitPrompt, type Calibration, type FittedPrompt } from './budget.ts'
import { BrokenAnswerError, ModelError, SchemaRefusedError } from './errors.ts'
import { chat, type ChatAnswer, type ChatTimers } from './ollama.ts'
import type { Clock, Random } from '../runtime/clock.ts'
import { answerTokens, type ModelProfile } from './profile.ts'
import { lintSchema, type AnswerSchema } from './schema.ts'
import { createSlots, type Slots } from './slots.ts'
import type { ModelMetrics, TraceRecord } from './trace.ts'

/** One question to a model; `ModelCall` of the agent protocol plus who asks, as the operator knows it. */
export interface GatewayCall {
  readonly model: string
  /** Name of the DevRequest: calls take turns by it, and tokens are counted for it. */
  readonly request: string
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
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined
  /** Queue positions, start and progress; the result is what `call` resolves to. */
  readonly onEvent?: ((event: ModelEvent) => void) | undefined
  /** How long a server that cannot be reached is asked again, counted from its first refusal. Default two minutes. */
  readonly patienceMs?: number | undefined
}

export interface TokenCount {
  readonly calls: number
  readonly inputTokens: number
  readonly outputTokens: number
}

/** The only way to a model. */
export interface Gateway {
  /**
   * Asks, and waits for its turn first. Aborting `signal` frees the slot at once.
   * Throws ModelError only: `ModelUnavailable` and `ModelMissing` (retryable), `OutputUnusable` (with the raw text),
   * `ContextTooSmall`, `Cancelled`.
   */
  readonly call: (request: GatewayCall, options?: CallOptions) => Promise<ModelResult>
  /** Tokens used so far for a request, or for one task of it, in this process; the task `''` is the planning. */
  readonly tokens: (owner: { readonly request: string; readonly task?: string }) => TokenCount
  /** Forgets the counts of a request that is over. */
  readonly forget: (request: string) => void
}

/** A server that took the question and broke gets this many more; the question itself may be what breaks it. */
const brokenAnswers = 3
const backoff = { baseMs: 1000, capMs: 20_000 } as const
const none: TokenCount = { calls: 0, inputTokens: 0, outputTokens: 0 }

/** Makes the gateway of this process. `profile` is asked at every call, so that configuration may change. */
export function createGateway(options: {
  readonly profile: (name: string) => ModelProfile | undefined
  readonly clock: Clock
  readonly random: Pick<Random, 'next'>
  readonly trace?: (record: TraceRecord) => void
  readonly metrics?: ModelMetrics
  readonly timers?: ChatTimers
}): Gateway {
  const { clock, random, metrics } = options
  const lanes = new Map<string, Lane>()
  const counts = new Map<string, TokenCount>()
  let traces = 0

  function laneOf(profile: ModelProfile): Lane {
    const key = `${profile.endpoint} ${profile.name}`
    const known = lanes.get(key)
    if (known !== undefined) {
      known.parallel = profile.parallel
      return known
    }
    const { parallel, name } = profile
    const slots = createSlots({
      capacity: () => lane.parallel,
      clock,
      onChange: () => metrics?.queued(name, slots.waiting(), slots.running()),
    })
    const lane: Lane = { parallel, slots, calibration: createCalibration() }
    lanes.set(key, lane)
    return lane
  }

  function count(request: GatewayCall, inputTokens: number, outputTokens: number): void {
    for (const key of [request.request, `${request.request}/${request.task ?? ''}`]) {
      const old = counts.get(key) ?? none
      counts.set(key, {
        calls: old.calls + 1,
        inputTokens: old.inputTokens + inputTokens,
        outputTokens: old.outputTokens + outputTokens,
      })
    }
  }

  async function call(request: GatewayCall, callOptions: CallOptions = {}): Promise<ModelResult> {
    const profile = options.profile(request.model)
    if (profile === undefined) {
      throw new ModelError('ModelMissing', `no model called ${request.model} is configured`)
    }
    checkSchema(request)
    const lane = laneOf(profile)
    const maxTokens = answerTokens(profile, request.maxTokens)
    const charsPerToken = lane.calibration.charsPerToken()
    const { system, sections, instruction } = request
    const { contextTokens } = profile
    const prompt = fitPrompt({
      system,
      sections,
      instruction,
      contextTokens,
      maxTokens,
      charsPerToken,
    })
    const promptHash = createHash('sha256').update(`${prompt.system}\0${prompt.user}`).digest('hex')
    const id = `${promptHash.slice(0, 12)}-${++traces}`
    const work: Work = {
      request,
      profile,
      prompt,
      maxTokens,
      sent: 0,
      queueMs: 0,
      answerMs: 0,
      counted: false,
    }

    const record = (
      outcome: Pick<
        TraceRecord,
        'text' | 'verdict' | 'message' | 'blocks' | 'value' | 'inputTokens' | 'outputTokens'
      >,
    ) => {
      const line: TraceRecord = {
        id,
        time: new Date(clock.now()).toISOString(),
        model: profile.name,
        request: request.request,
        task: request.task,
        purpose: request.purpose,
        verb: request.verb,
        promptHash,
        system: prompt.system,
        prompt: prompt.user,
        dropped: prompt.dropped,
        temperature: request.temperature,
        seed: request.seed,
        maxTokens,
        sent: work.sent,
        queueMs: Math.round(work.queueMs),
        answerMs: Math.round(work.answerMs),
        ...outcome,
      }
      options.trace?.(line)
      metrics?.called(line)
    }

    try {
      const answer = await ask(work, lane.slots, callOptions)
      const promptChars = prompt.system.length + prompt.user.length
      lane.calibration.learn(promptChars, answer.inputTokens)
      const inputTokens = answer.inputTokens || prompt.estimatedTokens
      count(request, inputTokens, answer.outputTokens)
      work.counted = true
      const { blocks, value } = answerOf(request, answer, maxTokens)
      const { text, outputTokens } = answer
      record({ text, blocks, value, verdict: 'ok', message: '', inputTokens, outputTokens })
      return {
        kind: 'result',
        model: profile.name,
        text,
        blocks,
        inputTokens,
        outputTokens,
        ...(value === undefined ? {} : { value }),
        trace: id,
      }
    } catch (error) {
      const failed = asModelError(error, callOptions.signal)
      const { text, message, code: verdict } = failed
      const outputTokens = Math.ceil(text.length / charsPerToken)
      if (!work.counted && text !== '') count(request, prompt.estimatedTokens, outputTokens)
      record({ text, blocks: [], value: undefined, verdict, message, inputTokens: 0, outputTokens })
      throw failed
    }
  }

  /** Waits for a slot and asks until there is an answer, a refusal that waiting does not cure, or no patience left. */
  async function ask(work: Work, slots: Slots, callOptions: CallOptions): Promise<ChatAnswer> {
    const { signal, onEvent, patienceMs = 120_000 } = callOptions
    const { request, profile } = work
    let format: AnswerSchema | 'json' | undefined = request.schema
    let unavailableSince: number | undefined
    let broken = 0
    for (let round = 0; ; round++) {
      const queuedAt = clock.monotonic()
      const release = await slots.acquire({
        priority: request.priority,
        owner: request.request,
        returning: round > 0,
        signal,
        onPosition: (position) => onEvent?.({ kind: 'queued', position }),
      })
      const startedAt = clock.monotonic()
      work.queueMs += startedAt - queuedAt
      work.sent++
      onEvent?.({ kind: 'started', model: profile.name })
      try {
        return await chat(
          profile,
          {
            system: work.prompt.system,
            user: work.prompt.user,
            temperature: request.temperature,
            seed: request.seed,
            maxTokens: work.maxTokens,
            format,
          },
          {
            clock,
            signal,
            onPiece: progress(onEvent),
            ...(options.timers === undefined ? {} : { timers: options.timers }),
          },
        )
      } catch (error) {
        if (error instanceof SchemaRefusedError && format !== 'json') {
          format = 'json'
          continue
        }
        if (!(error instanceof ModelError) || error.code !== 'ModelUnavailable') throw error
        if (error instanceof BrokenAnswerError && ++broken > brokenAnswers) {
          throw new ModelError(
            'OutputUnusable',
            `the model server broke ${broken} times over the same question: ${error.message}`,
            { cause: error, text: error.text },
          )
        }
        unavailableSince ??= clock.monotonic()
        if (clock.monotonic() - unavailableSince >= patienceMs) throw error
      } finally {
        work.answerMs += clock.monotonic() - startedAt
        release()
      }
      const ceiling = Math.min(backoff.capMs, backoff.baseMs * 2 ** Math.min(round, 10))
      const left = unavailableSince + patienceMs - clock.monotonic()
      await clock.sleep(Math.min(ceiling * (0.5 + random.next() / 2), Math.max(left, 0)), {
        signal,
      })
    }
  }

  return {
    call,
    tokens: (owner) =>
      counts.get(owner.task === undefined ? owner.request : `${owner.request}/${owner.task}`) ??
      none,
    forget(request) {
      for (const key of counts.keys()) {
        if (key === request || key.startsWith(`${request}/`)) counts.delete(key)
      }
    },
  }
}

/** The way to one model at one server. */
interface Lane {
  /** From the newest profile: a server that was given more slots has them at the next change. */
  parallel: number
  readonly slots: Slots
  readonly calibration: Calibration
}

interface Work {
  readonly request: GatewayCall
  readonly profile: ModelProfile
  readonly prompt: FittedPrompt
  readonly maxTokens: number
  sent: number
  queueMs: number
  answerMs: number
  counted: boolean
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

/** Tells how many pieces came in, now and then; most servers send a token a piece. */
function progress(onEvent: CallOptions['onEvent']): (piece: string) => void {
  let tokens = 0
  return () => {
    if (++tokens % 16 === 0) onEvent?.({ kind: 'progress', tokens })
  }
}

function asModelError(error: unknown, signal: AbortSignal | undefined): ModelError {
  if (error instanceof ModelError) return error
  if (signal?.aborted) {
    return new ModelError('Cancelled', 'the call was cancelled', { cause: signal.reason })
  }
  throw error
}
