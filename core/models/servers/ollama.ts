import type { ChatRequest, ChatResponse } from 'ollama'
import { readChat, type Chat, type ChatPart, type ChatQuestion } from './chat.ts'
import { connect } from './connection.ts'
import { BrokenAnswerError } from '../errors.ts'
import { ForeignAnswerError, kindOfAnswer } from './foreign-answer.ts'
import { fixedRequest, type ModelProfile } from '../profile.ts'

export type { ChatAnswer } from './chat.ts'

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
