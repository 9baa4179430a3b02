import type { PromptSection } from '../api/agent-protocol.ts'
import { promptText } from '../api/plain-text.ts'
import { ModelError } from './errors.ts'

/** The two messages that a model gets. */
export interface Prompt {
  readonly system: string
  readonly user: string
}

/**
 * Puts a prompt together: sections under their titles, the instruction as the last line.
 * Nothing else is added, so that a person reads in the trace exactly the text that the model read.
 * Controls, and characters that turn the direction of text, are shown as their code in any part.
 */
export function renderPrompt(
  system: string,
  sections: readonly Pick<PromptSection, 'title' | 'text'>[],
  instruction: string,
): Prompt {
  const parts = sections.map((section) => `## ${section.title}\n${section.text.trimEnd()}\n\n`)
  return { system: promptText(system), user: promptText(parts.join('') + instruction) }
}

/** How many characters of a model make a token, learned from the counts of its server. */
export interface Calibration {
  charsPerToken(): number
  /** `promptTokens` is the count of the server, which may leave out cached tokens. */
  learn(prompt: Prompt, promptTokens: number): void
  /** To be called when a prompt that should have fitted was too long for the server. */
  distrust(): void
}

/** Used until a server has counted: code full of signs has so few characters a token. */
const cautiousGuess = 2
/** English and code usually have at least so many. */
const usual = 3
const mostHopeful = 3.5

/**
 * Starts at 2 characters a token, and goes up to 3 at most with the first count.
 * Guarantees: takes shorter tokens for true at once, and longer ones only slowly, up to 3.5
 * characters, because some servers do not count cached tokens. Characters outside ASCII always
 * count as a token each.
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

/** How many tokens a text has at most, with so many plain characters a token. */
export function estimateTokens(text: string, charsPerToken: number): number {
  const { plain, strange } = countChars(text)
  return Math.ceil(plain / charsPerToken + strange)
}

function countChars(text: string): { readonly plain: number; readonly strange: number } {
  // oxlint-disable-next-line no-control-regex
  const strange = text.replace(/[\x00-\x7f]+/g, '').length
  return { plain: text.length - strange, strange }
}

/** A prompt that fits the context window, and the titles of the sections that did not. */
interface FittedPrompt extends Prompt {
  readonly dropped: readonly string[]
  readonly estimatedTokens: number
}

/**
 * The share of the context window that is kept free for the chat template and a wrong estimate.
 */
const reserve = 0.08

/** A prompt in its parts, and the room that there is for it. */
interface PromptParts {
  readonly system: string
  readonly sections: readonly PromptSection[]
  readonly instruction: string
  readonly contextTokens: number
  readonly maxTokens: number
}

/**
 * Fits a prompt by what the calibration has learned. Before the first count, a prompt that nothing
 * can be left out of is also let through when it would fit with tokens of usual length: the server
 * does not cut prompts, so it says when that was wrong.
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

/**
 * The same prompt with one section less, for a server that found it too long; undefined when only
 * sections are left that must be there.
 */
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
 * Drops whole sections that are not `must`, from the last to the first. Throws `ContextTooSmall`
 * when the rest is too long.
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
