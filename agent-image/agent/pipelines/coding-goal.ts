// What a coding task works towards, and a candidate for it.
import type { Evidence } from '../../../core/api/agent-task.ts'
import type { Project } from '../project.ts'
import { hashEdit, type TriedCandidate } from '../tries.ts'
import { signatureOf } from '../verify/digest.ts'
import type { Deciders } from '../verify/judge-runs.ts'
import type { HeldBack } from '../verify/spec-text.ts'
import type { TestRun } from '../verify/test-run.ts'
import type { Changes } from '../workspace.ts'
import type { Habits } from './habits.ts'

/** What a coding task works towards; the same for all its tries. */
export interface CodingGoal {
  /** Begins the purposes of its questions: `code` or `fix`. */
  readonly purpose: 'code' | 'fix'
  /** The files to write, in order. */
  readonly files: readonly string[]
  /** The unit's spec tests; undefined when it has none. */
  readonly spec:
    | { readonly path: string; readonly text: string; readonly shown: HeldBack }
    | undefined
  /** The run before the change. */
  readonly baseline: TestRun
  readonly deciders: Deciders
  readonly project: Project
  readonly habits: Habits
}

/** A candidate and what is known about it. */
export interface Candidate extends TriedCandidate {
  /** The files of the last usable answer; undefined when there was none. */
  readonly changes: Changes | undefined
  /** `proven` and `unchecked` end the search; see the verdicts of the same names. */
  readonly state: 'proven' | 'unchecked' | 'rejected'
  /** Keys of the tests that prove it. */
  readonly proof: readonly string[]
  /** Higher is better; only for choosing among candidates that were not accepted. */
  readonly score: number
  /** What is wrong, for the next prompt and for people. */
  readonly problem: string
  /** The files that the problem points at; empty for all. */
  readonly suspects: readonly string[]
  readonly evidence: readonly Evidence[]
  readonly notes: readonly string[]
  /** Why nothing could check it, when that is known of this candidate: the end of a sentence. */
  readonly unchecked?: string
}

/** A candidate that is not good enough, and why. */
export function rejected(
  changes: Changes | undefined,
  problem: string,
  suspects: readonly string[],
  score: number,
): Candidate {
  return {
    changes,
    edit: changes === undefined ? undefined : hashEdit(changes),
    signature: signatureOf([problem]),
    state: 'rejected',
    proof: [],
    score,
    problem,
    suspects,
    evidence: [],
    notes: [],
  }
}
