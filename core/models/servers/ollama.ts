// What is asked of a model server besides answers and weights: what it holds, what it has in memory.
import type { ChatRequest, ChatResponse } from 'ollama'
import { z } from 'zod'
import { answerAs } from '../../api/words.ts'
import { BrokenAnswerError } from '../errors.ts'
import { fixedRequest, type ModelProfile } from '../profile.ts'
import { type Chat, type ChatPart, type ChatQuestion, readChat } from './chat.ts'
import { ForeignAnswerError, kindOfAnswer } from './foreign-answer.ts'
import { connect, type ServerAddress } from './transport.ts'

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
    yield part.done
      ? {
          text,
          end: {
            inputTokens: part.prompt_eval_count ?? 0,
            outputTokens: part.eval_count ?? 0,
            cut: part.done_reason === 'length',
          },
        }
      : { text }
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

/** Ends with `signal`; none of these questions has a time limit of its own. */
interface Asking {
  readonly signal: AbortSignal
}

/** A model that the server holds on disk. */
export interface HeldModel {
  /** With its tag: `llama2:latest`. Compare with `sameModel`. */
  readonly name: string
  /** SHA-256 of its manifest, 64 hex digits: another digest is another model under the same name. */
  readonly digest: string
  readonly sizeBytes: number
  /** Where the server would send prompts to, for a model that runs elsewhere (Ollama's cloud); undefined for a local one. */
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

/** What the server holds on disk. */
export async function heldModels(
  server: ServerAddress,
  { signal }: Asking,
): Promise<readonly HeldModel[]> {
  const client = await connect(server, signal)
  return answerAs(tags, await client.list(), server.endpoint).models.map(
    ({ name, digest, size, remote_host: remoteHost }) => {
      return { name, digest, sizeBytes: size, remoteHost }
    },
  )
}

/** A model that the server has in memory. */
interface LoadedModel {
  readonly name: string
  /** The context it was loaded with, for one call; undefined when the server does not say (Ollama before 0.9). */
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

/** What the server has in memory now. */
export async function loadedModels(
  server: ServerAddress,
  { signal }: Asking,
): Promise<readonly LoadedModel[]> {
  const client = await connect(server, signal)
  return answerAs(processes, await client.ps(), server.endpoint).models.map((model) => ({
    name: model.name,
    contextTokens: model.context_length,
    sizeBytes: model.size,
    vramBytes: model.size_vram,
  }))
}

/** What the server knows about a model; undefined is what it does not say. */
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

/** Asks for the facts about one model; rejects with `HttpStatusError` 404 when the server does not hold it. */
export async function showModel(
  server: ServerAddress,
  name: string,
  { signal }: Asking,
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

/** Some architectures give a figure for each layer; Ollama empties lists of more than five. */
function largest(value: unknown): number | undefined {
  const figures = z.array(z.number().nonnegative()).min(1).safeParse([value].flat()).data
  return figures === undefined ? undefined : Math.max(...figures)
}

/**
 * Makes the server load a model into memory; resolves when it is there, which may take minutes.
 * Guarantees: asks with the options that every call asks with, so that the first call finds it loaded and loads nothing
 * again. Rejects with `HttpStatusError` 404 when the server does not hold it, 500 with its words when it does not fit.
 */
export async function loadModel(profile: ModelProfile, { signal }: Asking): Promise<void> {
  const client = await connect(profile, signal)
  const answer = await client.chat({ ...fixedRequest(profile), messages: [], stream: false })
  if (!answer.done) throw new Error(`the server did not say that ${profile.name} is loaded`)
}
