import type { Chat } from './chat.ts'
import type { ModelProfile } from '../profile.ts'
import { chat as askOllama } from './ollama.ts'
import { chat as askOpenAi } from './openai.ts'

const chats: Readonly<Record<ModelProfile['provider'], Chat>> = {
  ollama: askOllama,
  openai: askOpenAi,
}

/** Asks the model's server in the language it speaks; one question, no retries. */
export const chat: Chat = async (profile, question, options) =>
  await chats[profile.provider](profile, question, options)
