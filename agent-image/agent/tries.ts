// In which order an attempt asks the model: greedy, repair, repair, then fresh samples. Pure; pipelines carry it out.
import { createHash } from 'node:crypto'
import type { Assignment } from '../../operator/api/agent-protocol.ts'

/** How one try is asked for. */
export type Try =
  /** From the request alone. `greedy` is the model's best guess; other samples vary by seed. */
  | {
      readonly kind: 'fresh'
      readonly number: number
      readonly temperature: number
      readonly seed: number
    }
  /** From the last candidate and what was wrong with it. */
  | {
      readonly kind: 'repair'
      readonly number: number
      readonly temperature: number
      readonly seed: number
    }

/** What is known of a try that failed. */
export interface TriedCandidate {
  /** Hash of the proposed files; undefined when the answer was not usable. */
  readonly edit: string | undefined
  /** Hash of what was wrong. */
  readonly signature: string
}

/** Tries of one attempt, first and last included, by how strong the model is. */
export const triesOf = { weak: 6, basic: 5, good: 4 } as const satisfies Record<
  Assignment['tier'],
  number
>

const repairsInARow = 2
const sampleTemperature = 0.7

/**
 * The next try, or undefined when the attempt has had its tries. Resamples instead of repairing when there is nothing
 * to repair, after two repairs, when an edit came a second time, or when the same failure came a third time. The first
 * try of a later attempt samples: the greedy answer is known to fail.
 */
export function nextTry(
  assignment: Pick<Assignment, 'task' | 'attempt' | 'tier'>,
  tried: readonly TriedCandidate[],
): Try | undefined {
  const number = tried.length + 1
  if (number > triesOf[assignment.tier]) return undefined
  const seed = seedOf(assignment, number)
  if (number === 1 && assignment.attempt === 1)
    return { kind: 'fresh', number, temperature: 0, seed }
  const last = tried.at(-1)
  const fresh: Try = { kind: 'fresh', number, temperature: sampleTemperature, seed }
  if (last?.edit === undefined) return fresh
  // The first try is fresh, so at most two repairs can follow before a new sample.
  if (tried.length > repairsInARow) return fresh
  if (tried.slice(0, -1).some((candidate) => candidate.edit === last.edit)) return fresh
  if (tried.filter((candidate) => candidate.signature === last.signature).length >= 3) return fresh
  return { kind: 'repair', number, temperature: 0, seed }
}

/** A name for a set of proposed files. */
export function hashEdit(changes: ReadonlyMap<string, string>): string {
  const hash = createHash('sha256')
  for (const [path, text] of [...changes].toSorted(([a], [b]) => (a < b ? -1 : 1)))
    hash.update(`${path}\0${text}\0`)
  return hash.digest('hex').slice(0, 16)
}

/** The same for the same try of the same attempt, so that a run can be repeated; new for every other. */
function seedOf(assignment: Pick<Assignment, 'task' | 'attempt'>, number: number): number {
  const text = `${assignment.task}/${assignment.attempt}/${number}`
  return createHash('sha256').update(text).digest().readUInt32BE(0) % 2_147_483_647
}
