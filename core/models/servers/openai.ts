// Servers with OpenAI's API: llama.cpp's server, vLLM, LM Studio. Their context window and options
// were set when they were started.
import { z } from 'zod'
import { answerAs } from '../../api/value-problems.ts'
import { BrokenAnswerError } from '../errors.ts'
import type { ModelProfile } from '../profile.ts'
import { type Chat, type ChatPart, type ChatQuestion, readChat } from './chat.ts'
import { bearerOf, send } from './transport.ts'

const chunk = z.looseObject({
  choices: z
    .array(
      z.looseObject({
        delta: z
          .looseObject({
            content: z.string().nullish(),
            // Thoughts: llama.cpp, LM Studio and older vLLM; newer vLLM.
            reasoning_content: z.unknown().optional(),
            reasoning: z.unknown().optional(),
          })
          .nullish(),
        finish_reason: z.string().nullish(),
      }),
    )
    .default([]),
  usage: z
    .looseObject({ prompt_tokens: z.number().nullish(), completion_tokens: z.number().nullish() })
    .nullish(),
  error: z.unknown().optional(),
})

/**
 * Asks an OpenAI-compatible server once, streaming; failures as `readChat` has them.
 * An answer counts as finished only with a `finish_reason` and the closing `[DONE]`.
 */
export const chat: Chat = async (profile, question, options) =>
  await readChat(profile, options, async (signal) => {
    const response = await send(urlOf(profile, '/chat/completions'), {
      method: 'POST',
      headers: { ...(await bearerOf(profile)), accept: 'text/event-stream' },
      body: JSON.stringify(chatBody(profile, question)),
      signal,
      endpoint: baseOf(profile),
    })
    return partsOf(response.body ?? [])
  })

/**
 * Names of the models that an OpenAI-compatible server serves. Rejects when it does not answer.
 */
export async function listServed(
  profile: Pick<ModelProfile, 'endpoint' | 'tokenFile'>,
  { signal }: { readonly signal: AbortSignal },
): Promise<readonly string[]> {
  const response = await send(urlOf(profile, '/models'), {
    method: 'GET',
    headers: await bearerOf(profile),
    signal,
    endpoint: baseOf(profile),
  })
  const models = z.looseObject({ data: z.array(z.looseObject({ id: z.string() })) })
  return answerAs(models, await response.json(), baseOf(profile)).data.map(({ id }) => id)
}

/** The address without the `/v1` that people write or leave out. */
function baseOf({ endpoint }: Pick<ModelProfile, 'endpoint'>): string {
  return endpoint.replace(/\/+$/, '').replace(/\/v1$/, '')
}

function urlOf(profile: Pick<ModelProfile, 'endpoint'>, path: string): string {
  return `${baseOf(profile)}/v1${path}`
}

/**
 * The body of a request. All but messages, temperature, seed, length and format is the same in
 * every request to a model.
 */
function chatBody(profile: ModelProfile, question: ChatQuestion): object {
  const { format } = question
  return {
    model: profile.name,
    messages: [
      { role: 'system', content: question.system },
      { role: 'user', content: question.user },
    ],
    stream: true,
    stream_options: { include_usage: true },
    max_tokens: question.maxTokens,
    temperature: question.temperature,
    seed: question.seed,
    ...(format === undefined ? {} : { response_format: responseFormat(format) }),
  }
}

function responseFormat(format: NonNullable<ChatQuestion['format']>): object {
  if (format === 'json') return { type: 'json_object' }
  return { type: 'json_schema', json_schema: { name: 'answer', schema: format, strict: true } }
}

async function* partsOf(
  bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<ChatPart> {
  let finish: string | undefined
  let usage: z.infer<typeof chunk>['usage']
  let pieces = 0
  for await (const data of eventData(asAsync(bytes))) {
    if (data === '[DONE]') {
      // A server that says `[DONE]` without a `finish_reason` has lost the answer.
      if (finish === undefined) return
      yield {
        text: '',
        end: {
          inputTokens: usage?.prompt_tokens ?? 0,
          // These servers send one token as a piece.
          outputTokens: usage?.completion_tokens ?? pieces,
          cut: finish === 'length',
        },
      }
      return
    }
    const part = chunk.parse(JSON.parse(data))
    if (part.error !== undefined && part.error !== null)
      throw new BrokenAnswerError(wordsOf(part.error))
    usage = part.usage ?? usage
    const [choice] = part.choices
    finish = choice?.finish_reason ?? finish
    const text = choice?.delta?.content ?? ''
    const thoughts = wordsIn(choice?.delta?.reasoning_content) || wordsIn(choice?.delta?.reasoning)
    if (text !== '' || thoughts !== '') pieces++
    yield { text, thoughts }
  }
}

/** Other servers have other values in a field that OpenAI's API does not know. */
function wordsIn(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

async function* asAsync<T>(items: AsyncIterable<T> | Iterable<T>): AsyncGenerator<T> {
  yield* items
}

function wordsOf(error: unknown): string {
  const read = z.looseObject({ message: z.string() }).safeParse(error)
  const said = read.success ? read.data.message : JSON.stringify(error)
  return `the model server failed in the middle of its answer: ${said}`
}

/**
 * The data of each event of a `text/event-stream`, as the HTML standard parses it: lines end with
 * LF, CRLF or CR, an event with an empty line, and `data` lines of one event are joined with LF.
 * Names, ids and comments are skipped. An event that the end of the stream cuts off is dropped.
 */
export async function* eventData(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  let data: string[] = []
  for await (const chunk of bytes) {
    rest += decoder.decode(chunk, { stream: true })
    // A CR at the very end may be the first half of CRLF.
    const lines = rest.split(/\r\n|\n|\r(?!$)/)
    rest = lines.pop() ?? ''
    for (const line of lines) {
      if (line !== '') {
        const field = /^data(?:: ?(.*))?$/.exec(line)
        if (field !== null) data.push(field[1] ?? '')
        continue
      }
      if (data.length > 0) yield data.join('\n')
      data = []
    }
  }
  if (rest === '\r' && data.length > 0) yield data.join('\n')
}
