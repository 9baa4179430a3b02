// The parts that every question to a model is laid out with, whoever asks: the planner, an agent,
// or the self-test.
import { z } from 'zod'
import type { PromptSection } from './agent-protocol.ts'

/** A section that is never dropped. */
export function section(title: string, text: string): PromptSection {
  return { title, text, must: true }
}

/** A section that may be dropped when room is short; none for an empty text. */
export function optionalSection(title: string, text: string): PromptSection[] {
  return text.trim() === '' ? [] : [{ title, text, must: false }]
}

/** Lines that each begin with a dash. */
export function listed(lines: readonly string[]): string {
  return lines.map((line) => `- ${line}`).join('\n')
}

/**
 * The end of an output rule: an answer in one fence, after a line that names its file. `language`
 * is the word of the fence. The gateway takes such blocks out of answers, as lenient as small
 * models need it.
 */
export function inOneBlock(
  language: string,
  { named = 'the path', content = 'the whole file' } = {},
): string {
  return `in one fenced block: a line with ${named}, then \`\`\`${language}, ${content}, \`\`\`.`
}

/**
 * The JSON schema of an answer, from the zod schema that reads it. Keys come in the order of
 * `shape`: alphabetical order has to be the order of thinking, because some servers sort them.
 */
export function answerSchema(shape: z.ZodObject): Readonly<Record<string, unknown>> {
  const { $schema: _dialect, ...schema } = z.toJSONSchema(shape, { io: 'input' })
  return schema
}

/**
 * The word of an example that `text` repeats; undefined when it repeats none, or when `asked` has
 * the word as well.
 */
type ExampleTrap = (text: string, asked?: string) => string | undefined

/**
 * A trap for answers that copy the example of their prompt. `words` are names of the example, from
 * a world that nobody asks about; upper and lower case are the same.
 */
export function exampleTrap(words: readonly string[]): ExampleTrap {
  const holds = (text: string, word: string): boolean =>
    text.toLowerCase().includes(word.toLowerCase())
  return (text, asked = '') => words.find((word) => holds(text, word) && !holds(asked, word))
}
