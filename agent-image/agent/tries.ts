// The order in which an attempt asks the model: greedy, repair, repair, then fresh samples, until
// there is no progress. Pure; pipelines carry it out.
import { createHash } from 'node:crypto'
import type { Assignment } from '../../core/api/agent-protocol.ts'

/** How one try is asked for. */
export type Try =
  /** From the request alone. At `temperature` 0 it is greedy, the model's best guess; others vary by `seed`. */
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

/** A try that failed, as far as the choice of the next one needs it. */
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
/** Used where samples at the usual temperature fail in the same way. */
const hotTemperature = 1
/**
 * So many equal failures or equal answers are not progress: another answer would cost as much and
 * give as little.
 */
const mostAlike = 3

/** Why an attempt asks no more. */
type TriesEnd = 'tries used up' | 'no progress'

/**
 * The next try, or undefined when the attempt ends; `whyEnded` says why. A try samples instead of
 * repairing when there is nothing to repair, after two repairs, and when a failure or an edit came
 * a second time; a third time ends the attempt. The first try of a later attempt samples, because
 * the greedy answer is known to fail.
 */
export function nextTry(
  assignment: Pick<Assignment, 'task' | 'attempt' | 'tier'>,
  tried: readonly TriedCandidate[],
): Try | undefined {
  if (whyEnded(assignment, tried) !== undefined) return undefined
  const number = tried.length + 1
  const seed = seedOf(assignment, number)
  if (number === 1 && assignment.attempt === 1)
    return { kind: 'fresh', number, temperature: 0, seed }
  const last = tried.at(-1)
  const isStuck = alike(tried) > 1
  // The first try is fresh, so at most two repairs can follow before a new sample.
  if (last?.edit !== undefined && !isStuck && tried.length <= repairsInARow)
    return { kind: 'repair', number, temperature: 0, seed }
  const before = isStuck ? nextTry(assignment, tried.slice(0, -1)) : undefined
  const temperature = (before?.temperature ?? 0) > 0 ? hotTemperature : sampleTemperature
  return { kind: 'fresh', number, temperature, seed }
}

/** Why `nextTry` gives no further try; undefined when it gives one. */
export function whyEnded(
  assignment: Pick<Assignment, 'tier'>,
  tried: readonly TriedCandidate[],
): TriesEnd | undefined {
  if (tried.length >= triesOf[assignment.tier]) return 'tries used up'
  return alike(tried) >= mostAlike ? 'no progress' : undefined
}

/** How many tries, the last included, failed as the last one did or gave its very edit. */
function alike(tried: readonly TriedCandidate[]): number {
  const last = tried.at(-1)
  if (last === undefined) return 0
  const { edit, signature } = last
  return tried.filter(
    (one) => one.signature === signature || (edit !== undefined && one.edit === edit),
  ).length
}

/** A name for a set of proposed files. */
export function hashEdit(changes: ReadonlyMap<string, string>): string {
  const hash = createHash('sha256')
  for (const [path, text] of [...changes].toSorted(([a], [b]) => (a < b ? -1 : 1)))
    hash.update(`${path}\0${text}\0`)
  return hash.digest('hex').slice(0, 16)
}

/**
 * The seed of a try: equal for the same try of the same attempt, so that a run can be repeated, and
 * different for every other.
 */
function seedOf(assignment: Pick<Assignment, 'task' | 'attempt'>, number: number): number {
  const text = `${assignment.task}/${assignment.attempt}/${number}`
  return createHash('sha256').update(text).digest().readUInt32BE(0) % 2_147_483_647
}
