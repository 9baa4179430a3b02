// The two kinds of question. A model is never asked anything else.
import type { ModelResult, PromptSection, Purpose } from '../api/agent-protocol.ts'
import type { Priority } from '../api/agent-types.ts'
import type { Gateway, GatewayCall } from './gateway.ts'
import type { CallBudget } from './token-budgets.ts'
import type { AnswerSchema } from './answers/schema.ts'

/** Who asks which model, and within which limits. */
export interface Asker {
  readonly call: Gateway['call']
  readonly model: string
  readonly request: string
  readonly requestUid?: string | undefined
  readonly task?: string | undefined
  readonly priority: Priority
  readonly budget?: CallBudget | undefined
  readonly signal?: AbortSignal | undefined
  readonly patienceMs?: number | undefined
}

/** A question without its asker. */
export interface Question {
  readonly purpose: Purpose
  readonly system: string
  readonly sections: readonly PromptSection[]
  readonly instruction: string
  readonly seed?: number
  readonly maxTokens?: number
}

/** Asks for a decision, an object that follows `schema`: greedy and short. Throws ModelError. */
export async function decide(
  asker: Asker,
  question: Question & { readonly schema: AnswerSchema },
): Promise<{ readonly value: unknown; readonly text: string }> {
  const result = await send(asker, { ...question, verb: 'decide', temperature: 0 }, 400)
  return { value: result.value, text: result.text }
}

/**
 * Asks for text. `temperature` 0 is greedy; another sample needs another seed as well. Throws
 * ModelError.
 */
export async function write(
  asker: Asker,
  question: Question & { readonly temperature?: number },
): Promise<ModelResult> {
  const { temperature = 0, ...rest } = question
  return await send(asker, { ...rest, verb: 'write', temperature }, 2048)
}

async function send(
  asker: Asker,
  question: Question & Pick<GatewayCall, 'verb' | 'temperature' | 'schema'>,
  defaultTokens: number,
): Promise<ModelResult> {
  const { call, signal, patienceMs, ...who } = asker
  return await call(
    {
      ...question,
      ...who,
      seed: question.seed ?? 1,
      maxTokens: question.maxTokens ?? defaultTokens,
    },
    { signal, patienceMs },
  )
}
