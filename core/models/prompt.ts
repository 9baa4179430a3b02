import type { PromptSection } from '../api/agent-protocol.ts'
import { promptText } from '../api/plain-text.ts'

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
