// Tests that passed at the base and only sometimes now: whether the change did that is found out by running them more often.
import { fileOf, judgeRuns, type Deciders } from '../verify/judge-runs.ts'
import { type Judgement, verdictOf } from '../verify/judgement.ts'
import type { TestRun } from '../verify/test-run.ts'

/** Runs test files once more, in a fresh tree or in the one that the run before left. */
export interface Again {
  base(files: readonly string[], tree: Tree): Promise<TestRun>
  now(files: readonly string[], tree: Tree): Promise<TestRun>
}
export type Tree = { readonly inPlace: boolean }

export const freshTree: Tree = { inPlace: false }
export const treeAsLeft: Tree = { inPlace: true }
/** A test that the change makes fail every second time is cleared once in sixteen times. */
const rounds = 2

/** What is said of a flaky test; `guild try` passes it on to the person. */
export function flakyNote(id: string): string {
  return `flaky: ${id} passes only now and then`
}

/**
 * A judgement in which a test that passed in some runs now counts as broken only when it fails again, and passes at the base
 * each time. Otherwise it is flaky: a busy machine or the test itself may have been the reason.
 */
export async function withoutDoubts(
  judgement: Judgement,
  deciders: Deciders,
  again: Again,
): Promise<Judgement> {
  const doubtful = judgement.broken.filter(({ now }) => now.includes('passed'))
  // What is refuted anyway needs no other reason.
  if (
    doubtful.length === 0 ||
    doubtful.length < judgement.broken.length ||
    judgement.unmet.length > 0
  )
    return judgement
  // The tests of the changed code run along: what they leave behind may be what breaks the others.
  const files = [
    ...new Set([
      ...doubtful.map(({ id }) => fileOf(id)),
      ...deciders.specs.keys(),
      ...deciders.related,
    ]),
  ].toSorted()
  const bases: TestRun[] = []
  const runs: TestRun[] = []
  for (let round = 0; round < rounds; round++) {
    for (const tree of [freshTree, treeAsLeft]) bases.push(await again.base(files, tree))
    for (const tree of [freshTree, treeAsLeft]) runs.push(await again.now(files, tree))
  }
  if ([...bases, ...runs].some(({ problems }) => problems.length > 0)) return judgement
  const fresh = new Set(judgeRuns(bases, runs, deciders).broken.map(({ id }) => id))
  const broken = doubtful.filter(({ id }) => fresh.has(id))
  const flaky = [...judgement.flaky, ...doubtful.filter(({ id }) => !fresh.has(id))]
  const settled = { ...judgement, broken, flaky }
  return { ...settled, verdict: verdictOf(settled) }
}
