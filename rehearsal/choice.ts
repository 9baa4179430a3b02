import type { Faults, Strike } from './faults.ts'
import { shortened, type Asked, type Budget } from './question.ts'
import type { RehearsalRecord } from './record.ts'
import { purposeOf, type Question, type Scripts } from './script.ts'

/** What a question is refused with when no script fits; no harness can take it for work. */
export const noScript =
  'I am the rehearsal model. I only answer from checked-in scripts, and I have no script for this request. ' +
  'To get real work done, connect a real model: helm upgrade guildhall helm/guildhall -n guildhall --reuse-values --set rehearsal.default=false --set model.name=qwen2.5-coder:7b; ' +
  'without a cluster: --ollama URL --model NAME.'

/** What answers are chosen from. */
export interface ChoiceParts {
  readonly scripts: Scripts
  readonly faults: Faults
}

/** What will be said, and what will go wrong with it. */
export interface Choice {
  /** As the model sees it. */
  readonly question: Question
  readonly text: string
  /** Whether a script fits; a question that none fits is refused, unless a fault strikes it. */
  readonly scripted: boolean
  readonly strike: Strike | undefined
}

/** Chooses, and notes it in the record. An injected fault goes before that of the rule. */
export function choose(
  parts: ChoiceParts,
  asked: Asked,
  budget: Budget,
  record: RehearsalRecord,
): Choice {
  const overlong = budget.promptTokens > budget.contextTokens
  record.shortened = overlong && asked.truncate
  const question = record.shortened
    ? shortened(asked.question, budget.contextTokens)
    : asked.question
  const injected = parts.faults.forAnswer({
    model: asked.model,
    text: `${question.system}\n${question.user}`,
    purpose: purposeOf(question),
  })
  const scripted = parts.scripts.find(question)
  const strike = injected ?? scripted?.strike
  if (strike !== undefined) record.fault = strike.kind
  if (strike !== undefined) record.answered = 'fault'
  else record.answered = scripted === undefined ? 'no script' : 'script'
  return { question, text: scripted?.answer ?? noScript, scripted: scripted !== undefined, strike }
}
