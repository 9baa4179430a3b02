import type { FencedBlock } from '../../api/agent-protocol.ts'
import { ModelError } from '../errors.ts'
import { extractBlocks } from './extract.ts'
import { extractObject } from './extract-object.ts'
import type { ChatAnswer } from '../servers/ollama.ts'
import { fitValue, validateValue, type AnswerSchema } from './schema.ts'

/**
 * What an answer holds: for `write` its blocks, for `decide` the object that follows the schema.
 * Throws `OutputUnusable` with the raw text for an answer that was cut (half a file looks like a file) or holds no such object.
 */
export function answerOf(
  question: {
    readonly verb: 'decide' | 'write'
    readonly schema?: AnswerSchema | undefined
  },
  answer: Pick<ChatAnswer, 'text' | 'cut'>,
  maxTokens: number,
): { readonly blocks: FencedBlock[]; readonly value: unknown } {
  const { text } = answer
  if (answer.cut) {
    throw new ModelError(
      'OutputUnusable',
      `the answer was longer than ${maxTokens} tokens and was cut off`,
      { text },
    )
  }
  if (text.trim() === '') throw new ModelError('OutputUnusable', 'the answer was empty', { text })
  if (question.verb === 'write') return { blocks: extractBlocks(text), value: undefined }
  const schema = question.schema ?? {}
  const found = extractObject(text, (candidate) => {
    const value = fitValue(schema, candidate)
    return { value, problems: validateValue(schema, value) }
  })
  if (found === undefined) {
    throw new ModelError('OutputUnusable', 'the answer holds no JSON object', { text })
  }
  if (found.problems.length > 0) {
    const problems = found.problems.slice(0, 3).join('; ')
    throw new ModelError('OutputUnusable', `the answer does not fit: ${problems}`, { text })
  }
  return { blocks: [], value: found.value }
}
