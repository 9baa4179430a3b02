// Ollama: its chat, and its questions about the models that it holds and has loaded.
import type { ChatRequest, ChatResponse } from 'ollama'
import { z } from 'zod'
import { answerAs } from '../../api/value-problems.ts'
import { BrokenAnswerError } from '../errors.ts'
import { type ModelProfile, fixedRequest } from '../profile.ts'
import { type Chat, type ChatPart, type ChatQuestion, readChat } from './chat.ts'
import { ForeignAnswerError, kindOfAnswer } from './foreign-answer.ts'
import { type ServerAddress, connect } from './transport.ts'

/** Asks an Ollama server once, streaming; failures as `readChat` has them. */
export const chat: Chat = async (profile, question, options) =>
  await readChat(profile, options, async (signal) => {
    const client = await connect(profile, signal)
    return partsOf(await client.chat(chatRequest(profile, question)), profile)
  })

async function* partsOf(
  stream: AsyncIterable<Partial<ChatResponse>>,
  { endpoint }: Pick<ModelProfile, 'endpoint'>,
): AsyncGenerator<ChatPart> {
  for await (const part of stream) {
    if (part.message === undefined && part.done === undefined) {
      const place = { endpoint, expected: 'Ollama', status: 200 }
      throw new ForeignAnswerError(place, kindOfAnswer(JSON.stringify(part)))
    }
    const text = part.message?.content ?? ''
    if (part.done && (part.done_reason === 'load' || part.done_reason === 'unload')) {
      throw new BrokenAnswerError(
        'the model server loaded or unloaded the model and did not answer',
      )
    }
    const thoughts = part.message?.thinking ?? ''
    yield part.done
      ? {
          text,
          thoughts,
          end: {
            inputTokens: part.prompt_eval_count ?? 0,
            outputTokens: part.eval_count ?? 0,
            cut: part.done_reason === 'length',
          },
        }
      : { text, thoughts }
  }
}

function chatRequest(
  profile: ModelProfile,
  question: ChatQuestion,
): ChatRequest & { readonly stream: true } {
  const fixed = fixedRequest(profile)
  return {
    ...fixed,
    stream: true,
    messages: [
      { role: 'system', content: question.system },
      { role: 'user', content: question.user },
    ],
    ...(question.format === undefined ? {} : { format: question.format }),
    options: {
      ...fixed.options,
      temperature: question.temperature,
      seed: question.seed,
      num_predict: question.maxTokens,
    },
  }
}

/** These questions end with `signal`; they have no time limit of their own. */
interface Signalled {
  readonly signal: AbortSignal
}

/** A model on the server's disk. */
export interface HeldModel {
  /** With its tag: `llama2:latest`. Compare with `sameModel`. */
  readonly name: string
  /**
   * SHA-256 of its manifest, 64 hex digits: another digest is another model with the same name.
   */
  readonly digest: string
  readonly sizeBytes: number
  /** The host that prompts would be sent to, for a model that runs elsewhere (Ollama's cloud). */
  readonly remoteHost: string | undefined
}

const tags = z.object({
  models: z.array(
    z.object({
      name: z.string(),
      digest: z.string(),
      size: z.number(),
      remote_host: z.string().optional(),
    }),
  ),
})

/** The models on the server's disk. */
export async function heldModels(
  server: ServerAddress,
  { signal }: Signalled,
): Promise<readonly HeldModel[]> {
  const client = await connect(server, signal)
  return answerAs(tags, await client.list(), server.endpoint).models.map(
    ({ name, digest, size, remote_host: remoteHost }) => {
      return { name, digest, sizeBytes: size, remoteHost }
    },
  )
}

/** A model in the server's memory. */
interface LoadedModel {
  readonly name: string
  /** The context window that it was loaded with, for one call; undefined for Ollama before 0.9. */
  readonly contextTokens: number | undefined
  /** Weights, context and buffers, as the server estimates them. */
  readonly sizeBytes: number
  /** How much of that is on a GPU; 0 on a CPU. */
  readonly vramBytes: number
}

const processes = z.object({
  models: z.array(
    z.object({
      name: z.string(),
      size: z.number(),
      size_vram: z.number().default(0),
      // Missing in npm ollama's types.
      context_length: z.number().optional(),
    }),
  ),
})

/** The models in the server's memory. */
export async function loadedModels(
  server: ServerAddress,
  { signal }: Signalled,
): Promise<readonly LoadedModel[]> {
  const client = await connect(server, signal)
  return answerAs(processes, await client.ps(), server.endpoint).models.map((model) => ({
    name: model.name,
    contextTokens: model.context_length,
    sizeBytes: model.size,
    vramBytes: model.size_vram,
  }))
}

/** Facts about a model; undefined for those that the server does not give. */
export interface ModelFacts {
  readonly capabilities: readonly string[]
  /** The longest context the model was trained for, in tokens. */
  readonly contextTokens: number | undefined
  /** As in `qwen2`. */
  readonly architecture: string | undefined
  readonly parameters: number | undefined
  /** As in `Q4_K_M`. */
  readonly quantization: string | undefined
  readonly layers: number | undefined
  /** Heads that keep keys and values, in the layer with most of them. */
  readonly kvHeads: number | undefined
  /** Numbers that a head keeps for a token as its key, and as its value. */
  readonly keyLength: number | undefined
  readonly valueLength: number | undefined
}

const shown = z.object({
  capabilities: z.array(z.string()).default([]),
  details: z.object({ quantization_level: z.string().optional() }).default({}),
  model_info: z.record(z.string(), z.unknown()).default({}),
})

/**
 * Asks for the facts about one model. Rejects with `HttpStatusError` 404 when the server does not
 * hold it.
 */
export async function showModel(
  server: ServerAddress,
  name: string,
  { signal }: Signalled,
): Promise<ModelFacts> {
  const client = await connect(server, signal)
  const answer = await client.show({ model: name })
  const { capabilities, details, model_info: info } = answerAs(shown, answer, server.endpoint)
  const architecture = z.string().safeParse(info['general.architecture']).data
  // Most keys carry the architecture's name: `qwen2.context_length`.
  const figure = (key: string) => largest(info[`${architecture}.${key}`])
  const kvHeads = figure('attention.head_count_kv')
  const heads = figure('attention.head_count')
  const width = figure('embedding_length')
  const perHead = width === undefined || heads === undefined ? undefined : width / heads
  return {
    capabilities,
    contextTokens: figure('context_length'),
    architecture,
    parameters: largest(info['general.parameter_count']),
    quantization: details.quantization_level,
    layers: figure('block_count'),
    kvHeads: `${architecture}.attention.head_count_kv` in info ? kvHeads : heads,
    keyLength: figure('attention.key_length') ?? perHead,
    valueLength: figure('attention.value_length') ?? perHead,
  }
}

/** Some architectures give a figure for each layer. Ollama empties lists of more than five. */
function largest(value: unknown): number | undefined {
  const figures = z.array(z.number().nonnegative()).min(1).safeParse([value].flat()).data
  return figures === undefined ? undefined : Math.max(...figures)
}

/**
 * Makes the server load a model into memory; resolves when it is there, which may take minutes.
 * Guarantees: asks with the options of every call, so that the first call finds the model loaded.
 * Rejects with `HttpStatusError` 404 when the server does not hold the model, 500 with the server's
 * words when it does not fit.
 */
export async function loadModel(profile: ModelProfile, { signal }: Signalled): Promise<void> {
  const client = await connect(profile, signal)
  const answer = await client.chat({ ...fixedRequest(profile), messages: [], stream: false })
  if (!answer.done) throw new Error(`the server did not say that ${profile.name} is loaded`)
}
