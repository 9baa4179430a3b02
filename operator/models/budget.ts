import type { PromptSection } from '../api/agent-protocol.ts'
import { ModelError } from './errors.ts'
import { renderPrompt, type Prompt } from './prompt.ts'

/** How many characters make a token for one model; learned from what its server counts. */
export interface Calibration {
  charsPerToken(): number
  /** `promptTokens` as the server counted them; it may leave out what it had cached. */
  learn(promptChars: number, promptTokens: number): void
}

const firstGuess = 3
const mostHopeful = 3.5

/**
 * Starts at 3 characters a token, which is low for English and code.
 * Guarantees: believes at once that tokens are shorter, and only slowly, up to 3.5, that they are longer, because some
 * servers do not count cached tokens.
 */
export function createCalibration(): Calibration {
  let ratio = firstGuess
  return {
    charsPerToken: () => ratio,
    learn(promptChars, promptTokens) {
      // Short prompts are mostly template.
      if (promptTokens < 64) return
      const seen = promptChars / promptTokens
      if (seen < ratio) ratio = Math.max(1, seen)
      else ratio += 0.05 * (Math.min(seen, mostHopeful) - ratio)
    },
  }
}

/** A prompt that fits, and what had to stay out. */
export interface FittedPrompt extends Prompt {
  readonly dropped: readonly string[]
  readonly estimatedTokens: number
}

/** Room kept free for the chat template and for a wrong estimate: part of the context. */
const reserve = 0.08

/**
 * Fits a prompt into `contextTokens` less the answer less 8 percent.
 * Sections that are not `must` are dropped whole, from the last to the first. Throws `ContextTooSmall` when the rest is too long.
 */
export function fitPrompt(input: {
  readonly system: string
  readonly sections: readonly PromptSection[]
  readonly instruction: string
  readonly contextTokens: number
  readonly maxTokens: number
  readonly charsPerToken: number
}): FittedPrompt {
  const room = Math.floor(input.contextTokens * (1 - reserve)) - input.maxTokens
  const sections = [...input.sections]
  const dropped: string[] = []
  for (;;) {
    const prompt = renderPrompt(input.system, sections, input.instruction)
    const chars = prompt.system.length + prompt.user.length
    const estimatedTokens = Math.ceil(chars / input.charsPerToken)
    if (estimatedTokens <= room) return { ...prompt, dropped, estimatedTokens }
    const victim = sections.findLastIndex((section) => !section.must)
    if (victim === -1) {
      throw new ModelError(
        'ContextTooSmall',
        `the prompt needs about ${estimatedTokens} tokens and the answer ${input.maxTokens}, but the model's context has ${input.contextTokens}`,
      )
    }
    dropped.unshift(...sections.splice(victim, 1).map((section) => section.title))
  }
}
