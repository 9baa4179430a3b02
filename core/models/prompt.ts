import type { PromptSection } from '../api/agent-protocol.ts'
import { promptText } from '../api/plain-text.ts'
import { ModelError } from './errors.ts'

/** The two messages that are sent. */
export interface Prompt {
  readonly system: string
  readonly user: string
}

/**
 * Puts a prompt together: sections under their titles, the instruction as the last line.
 * Nothing else is added, so that what a person reads in the trace is what the model read; controls and characters that
 * turn the direction of text are shown as their code, whoever's words they are.
 */
export function renderPrompt(
  system: string,
  sections: readonly Pick<PromptSection, 'title' | 'text'>[],
  instruction: string,
): Prompt {
  const parts = sections.map((section) => `## ${section.title}\n${section.text.trimEnd()}\n\n`)
  return { system: promptText(system), user: promptText(parts.join('') + instruction) }
}

/** How many characters make a token for one model; learned from what its server counts. */
export interface Calibration {
  charsPerToken(): number
  /** `promptTokens` as the server counted them; it may leave out what it had cached. */
  learn(prompt: Prompt, promptTokens: number): void
  /** The server says that a prompt which should have fitted did not. */
  distrust(): void
}

/** Believed until a server has counted: as few characters as code full of signs has. */
const cautiousGuess = 2
/** What English and code usually have at least. */
const usual = 3
const mostHopeful = 3.5

/**
 * Starts at 2 characters a token, and goes up to 3 with the first count.
 * Guarantees: believes at once that tokens are shorter, and only slowly, up to 3.5, that they are longer, because some
 * servers do not count cached tokens. Characters outside ASCII count as a token each, whatever was learned.
 */
export function createCalibration(): Calibration {
  let ratio: number | undefined
  return {
    charsPerToken: () => ratio ?? cautiousGuess,
    learn({ system, user }, promptTokens) {
      const { plain, strange } = countChars(system + user)
      const tokens = promptTokens - strange
      // Short prompts are mostly template.
      if (tokens < 64) return
      const seen = plain / tokens
      if (ratio === undefined) ratio = Math.min(Math.max(1, seen), usual)
      else if (seen < ratio) ratio = Math.max(1, seen)
      else ratio += 0.05 * (Math.min(seen, mostHopeful) - ratio)
    },
    distrust() {
      ratio = Math.max(1, 0.75 * (ratio ?? cautiousGuess))
    },
  }
}

/** How many tokens a text has at most, if plain characters make as long tokens as thought. */
export function estimateTokens(text: string, charsPerToken: number): number {
  const { plain, strange } = countChars(text)
  return Math.ceil(plain / charsPerToken + strange)
}

function countChars(text: string): { readonly plain: number; readonly strange: number } {
  // oxlint-disable-next-line no-control-regex
  const strange = text.replace(/[\x00-\x7f]+/g, '').length
  return { plain: text.length - strange, strange }
}

/** A prompt that fits, and what had to stay out. */
interface FittedPrompt extends Prompt {
  readonly dropped: readonly string[]
  readonly estimatedTokens: number
}

/** Room kept free for the chat template and for a wrong estimate: part of the context. */
const reserve = 0.08

/** What a prompt is fitted from, and into what. */
interface PromptParts {
  readonly system: string
  readonly sections: readonly PromptSection[]
  readonly instruction: string
  readonly contextTokens: number
  readonly maxTokens: number
}

/**
 * Fits a prompt by what is known of the model. A prompt that cannot do with less, and would fit if tokens were as long as
 * usual, is let through before the server has counted one: it does not cut prompts, so it says if that was wrong.
 */
export function fitCalibrated(parts: PromptParts, calibration: Calibration): FittedPrompt {
  const charsPerToken = calibration.charsPerToken()
  try {
    return fitPrompt({ ...parts, charsPerToken })
  } catch (error) {
    if (charsPerToken !== cautiousGuess) throw error
    return fitPrompt({ ...parts, charsPerToken: usual })
  }
}

/** The same prompt with one section less, for a server that found it too long; undefined when all that is left must be there. */
export function fitShorter(
  parts: PromptParts,
  than: FittedPrompt,
  calibration: Calibration,
): FittedPrompt | undefined {
  const sections = [...parts.sections]
  const dropped: string[] = []
  while (dropped.length <= than.dropped.length) {
    const victim = sections.findLastIndex((section) => !section.must)
    if (victim === -1) return undefined
    dropped.unshift(...sections.splice(victim, 1).map((section) => section.title))
  }
  const fitted = fitCalibrated({ ...parts, sections }, calibration)
  return { ...fitted, dropped: [...fitted.dropped, ...dropped] }
}

/**
 * Fits a prompt into `contextTokens` less the answer less 8 percent.
 * Sections that are not `must` are dropped whole, from the last to the first. Throws `ContextTooSmall` when the rest is too long.
 */
export function fitPrompt(input: PromptParts & { readonly charsPerToken: number }): FittedPrompt {
  const room = Math.floor(input.contextTokens * (1 - reserve)) - input.maxTokens
  const sections = [...input.sections]
  const dropped: string[] = []
  for (;;) {
    const prompt = renderPrompt(input.system, sections, input.instruction)
    const estimatedTokens = estimateTokens(prompt.system + prompt.user, input.charsPerToken)
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
