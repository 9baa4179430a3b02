// Asking for other units in the place of one that failed.
import type { Unit } from '../api/devrequest.ts'
import { faithfulText } from '../api/faithful-text.ts'
import { ModelError } from '../models/errors.ts'
import type { ModelProfile } from '../models/profile.ts'
import { decide, type Asker } from '../models/verbs.ts'
import type { RepositoryFacts } from './facts.ts'
import { longestText, withOwnWords } from './own-words.ts'
import type { TranscriptEntry } from './plan.ts'
import { splitQuestion, unitsAnswer, unitsSchema } from './questions.ts'
import { checkUnits, withSentences } from './units.ts'

/** A unit that failed, and what the harness saw of it: sentences and digests of what was run. */
export interface FailedUnit extends Pick<Unit, 'name' | 'goal' | 'files' | 'doneWhen'> {
  readonly evidence: readonly string[]
}

type Part = Pick<Unit, 'goal' | 'files' | 'doneWhen'>

/** What a unit is split with. */
export interface Splitting {
  readonly asker: Asker
  readonly tier: ModelProfile['tier']
  readonly facts: RepositoryFacts
  /** What the person asked for: it alone may name a file that a model must not choose. */
  readonly request: string
  /** Gets what the model said. */
  readonly transcript: TranscriptEntry[]
}

/**
 * Parts to do instead of a unit: what a model proposes once, else one for each of its files; undefined when neither gives
 * anything else than the unit itself. Every file of the unit is in a part.
 * Throws ModelError for a model that is not available (retryable), and for an aborted signal.
 */
export async function splitUnit(
  unit: FailedUnit,
  splitting: Splitting,
): Promise<readonly Part[] | undefined> {
  const asked = splitting.tier === 'weak' ? undefined : await ask(unit, splitting)
  return asked ?? byFiles(unit)
}

async function ask(
  unit: FailedUnit,
  { asker, facts, request, transcript }: Splitting,
): Promise<readonly Part[] | undefined> {
  const question = splitQuestion(unit, facts)
  const { purpose } = question
  try {
    const answer = await decide(asker, { ...question, schema: unitsSchema })
    const read = unitsAnswer.safeParse(answer.value)
    if (!read.success) throw new ModelError('OutputUnusable', 'the answer holds no units')
    const text = textOf(unit)
    const { units, problems } = checkUnits(read.data, text, facts, request)
    const splits = units.length > 1 && units.every((part) => !isSame(part, unit))
    transcript.push({
      purpose,
      text: answer.text,
      outcome: splits ? problems.join('; ') || 'used' : 'it splits nothing',
    })
    return splits
      ? withFiles(withSentences(withOwnWords(units, text, facts), text, facts), unit.files)
      : undefined
  } catch (error) {
    if (!(error instanceof ModelError) || error.retryable) throw error
    if (error.code === 'Cancelled') throw error
    transcript.push({ purpose, text: error.text, outcome: error.message })
    return undefined
  }
}

/** The parts with every file of the unit, each that nobody has in the one that has fewest. */
function withFiles(parts: readonly Part[], files: readonly string[]): readonly Part[] {
  const result = parts.map((part) => ({ ...part, files: [...part.files] }))
  for (const file of files) {
    if (result.some((part) => part.files.includes(file))) continue
    result.toSorted((a, b) => a.files.length - b.files.length)[0]?.files.push(file)
  }
  return result
}

/** One part for each file: less to write at once, and to get wrong. */
function byFiles({ goal, files, doneWhen }: FailedUnit): readonly Part[] | undefined {
  if (files.length < 2) return undefined
  return files.map((file) => ({
    goal: faithfulText(`Only ${file} of this: ${goal}`, longestText),
    files: [file],
    doneWhen,
  }))
}

function isSame(part: Part, unit: FailedUnit): boolean {
  return part.goal === unit.goal && part.files.join() === unit.files.join()
}

function textOf({ goal, doneWhen }: FailedUnit): string {
  return goal === doneWhen ? goal : `${goal}\n${doneWhen}`
}
