// The two ways to ask Ollama, read into one.
import { z } from 'zod'
import { checked } from '../core/base/http.ts'
import type { AskedQuestion } from './script.ts'
import { OllamaRefusal } from './http.ts'

const common = {
  model: z.string().default(''),
  stream: z.boolean().nullish(),
  format: z.unknown().optional(),
  truncate: z.boolean().nullish(),
  shift: z.boolean().nullish(),
  think: z.union([z.boolean(), z.string()]).nullish(),
  keep_alive: z.unknown().optional(),
  options: z.record(z.string(), z.unknown()).nullish(),
}
const message = z.looseObject({ role: z.string().default(''), content: z.string().default('') })
const chatBody = z.looseObject({
  ...common,
  messages: z.array(message).nullish(),
  tools: z.array(z.unknown()).nullish(),
})
const generateBody = z.looseObject({
  ...common,
  prompt: z.string().default(''),
  system: z.string().default(''),
})

/** A request for an answer. */
export interface Asked {
  readonly route: '/api/chat' | '/api/generate'
  readonly model: string
  readonly question: AskedQuestion
  /** Without a question: the model shall be loaded, or unloaded. */
  readonly empty: boolean
  readonly stream: boolean
  readonly tools: boolean
  /** A schema, `json`, or undefined for text. */
  readonly format: unknown
  readonly truncate: boolean
  readonly shift: boolean
  readonly think: boolean | string | undefined
  readonly keepAlive: unknown
  readonly options: Readonly<Record<string, unknown>>
}

/** Reads the body of `/api/chat`. */
export function askedByChat(raw: unknown): Asked {
  const body = checked(chatBody, raw)
  const messages = body.messages ?? []
  const of = (role: string) =>
    messages
      .filter((one) => one.role === role)
      .map((one) => one.content)
      .join('\n')
  return {
    route: '/api/chat',
    ...commonOf(body),
    question: { system: of('system'), user: of('user') },
    empty: messages.length === 0,
    tools: (body.tools ?? []).length > 0,
  }
}

/** Reads the body of `/api/generate`. */
export function askedByGenerate(raw: unknown): Asked {
  const body = checked(generateBody, raw)
  return {
    route: '/api/generate',
    ...commonOf(body),
    question: { system: body.system, user: body.prompt },
    empty: body.prompt === '',
    tools: false,
  }
}

function commonOf(body: z.infer<z.ZodObject<typeof common>>) {
  // Ollama takes null and the empty string for "not set".
  const format = body.format === null || body.format === '' ? undefined : body.format
  return {
    model: body.model,
    stream: body.stream ?? true,
    format,
    truncate: body.truncate ?? true,
    shift: body.shift ?? true,
    think: body.think ?? undefined,
    keepAlive: body.keep_alive,
    options: body.options ?? {},
  }
}

/** Throws a `OllamaRefusal` for a `format` that is neither `json` nor a schema. */
export function checkFormat(format: unknown): void {
  const isSchema = typeof format === 'object' && !Array.isArray(format)
  if (format === undefined || format === 'json' || isSchema) return
  const words = 'expected "json" or a valid JSON Schema object'
  throw new OllamaRefusal(
    500,
    `invalid format: ${JSON.stringify(JSON.stringify(format))}; ${words}`,
  )
}

/** How many tokens a question has and may get. */
export interface Budget {
  /** The context that the model is loaded with. */
  readonly contextTokens: number
  /** Characters / 4, and a few for the frame. */
  readonly promptTokens: number
  /** The answer is asked to be no longer; undefined when the client does not limit it. */
  readonly predictTokens: number | undefined
  /** The answer will be no longer. */
  readonly limit: number
}

/** Reads the figures that decide the length; a `OllamaRefusal` for an option of the wrong type. */
export function budgetOf(asked: Asked, longestContext: number): Budget {
  const contextTokens = Math.min(Math.max(4, whole(asked, 'num_ctx') ?? 4096), longestContext)
  const promptTokens = countTokens(asked.question)
  const predict = whole(asked, 'num_predict')
  const predictTokens = predict === undefined || predict < 0 ? undefined : predict
  const most = Math.min(predictTokens ?? Infinity, 10 * contextTokens)
  // With shift, Ollama forgets the beginning and writes on; without it the answer ends with the
  // context.
  const room = asked.shift ? Infinity : Math.max(1, contextTokens - promptTokens)
  return { contextTokens, promptTokens, predictTokens, limit: Math.min(most, room) }
}

/** The options that Ollama loads a model with. */
const runnerKeys = ['num_batch', 'num_gpu', 'main_gpu', 'num_thread', 'use_mmap'] as const

/** What a model is loaded with for a call; another value of any of them loads it again. */
export function runnerOptions(asked: Asked, contextTokens: number): Record<string, unknown> {
  const named = runnerKeys.flatMap((key) => {
    const value = key === 'use_mmap' ? asked.options[key] : whole(asked, key)
    return value === undefined || value === null ? [] : [[key, value] as const]
  })
  return { num_ctx: contextTokens, shift: asked.shift, ...Object.fromEntries(named) }
}

function whole(asked: Asked, key: string): number | undefined {
  const value = asked.options[key]
  if (value === undefined || value === null) return undefined
  if (typeof value === 'number') return Math.trunc(value)
  throw new OllamaRefusal(500, `option "${key}" must be of type integer`)
}

/**
 * The question as it is left when Ollama shortens it: the beginning is gone, and the client is not
 * told.
 */
export function shortened(question: AskedQuestion, contextTokens: number): AskedQuestion {
  const characters = Math.max(0, (contextTokens - 12) * 4)
  const user = question.user.slice(-characters)
  const left = characters - user.length
  return { system: left === 0 ? '' : question.system.slice(-left), user }
}

function countTokens(question: AskedQuestion): number {
  return Math.ceil((question.system.length + question.user.length) / 4) + 12
}

/** Words with the blanks after them; long ones in pieces, as tokenizers do. */
export function tokensOf(text: string): string[] {
  return text.match(/\S{1,5}\s?|\s{1,8}/g) ?? []
}
