// Results that are not certain: tests that pass only sometimes, tests that could not be run, and
// work without a test.
import { type Project, languageOf } from '../project/project.ts'
import { type Deciders, fileOf, judgeRuns } from '../verify/judge-runs.ts'
import { type Judgement, verdictOf } from '../verify/judgement.ts'
import type { RunOptions } from '../verify/runner.ts'
import type { TestRun, UnrunTest } from '../verify/test-run.ts'
import type { CodingGoal } from './coding-goal.ts'
import type { PipelineContext } from './pipeline.ts'

/**
 * Runs test files again, in a fresh tree or in the tree that the run before left, each alone or
 * together.
 */
export interface Reruns {
  base(files: readonly string[], tree: TreeChoice): Promise<TestRun>
  now(files: readonly string[], tree: TreeChoice): Promise<TestRun>
}
type TreeChoice = { readonly inPlace: boolean } & Pick<RunOptions, 'together'>

export const freshTree: TreeChoice = { inPlace: false }
export const treeAsLeft: TreeChoice = { inPlace: true }
/** A test that the change makes fail every second time is cleared once in sixteen times. */
const rounds = 2

/** The note about a flaky test; `guild try` shows it to the person. */
export function flakyNote(id: string): string {
  return `flaky: ${id} passes only now and then`
}

/**
 * A judgement in which a test that passed in some runs now counts as broken only when it fails
 * again, and passes at the base each time. Otherwise it is flaky: a busy machine or the test itself
 * may have been the reason.
 */
export async function withoutDoubts(
  judgement: Judgement,
  deciders: Deciders,
  again: Reruns,
): Promise<Judgement> {
  const doubtful = judgement.broken.filter(({ now }) => now.includes('passed'))
  // A judgement that is refuted for another reason stays as it is.
  if (
    doubtful.length === 0 ||
    doubtful.length < judgement.broken.length ||
    judgement.unmet.length > 0
  )
    return judgement
  // The tests of the changed code run too, because the files that they leave may break the others.
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

/** Why nothing could check the files of a task: the end of a sentence. */
export function whyUnjudged(
  { assignment }: Pick<PipelineContext, 'assignment'>,
  goal: Pick<CodingGoal, 'files' | 'spec' | 'baseline' | 'project' | 'deciders'>,
): string {
  const foreign = goal.files.filter((path) => languageOf(path) === 'unknown')
  if (foreign.length === goal.files.length) return 'no test runner here can load such a file'
  if (goal.spec !== undefined) {
    const { specs } = goal.deciders
    const unrun = goal.baseline.unrun.filter(({ file }) => specs.has(file))
    const scripts = unrun.filter(({ why }) => why === noTests)
    if (scripts.length > 0)
      return `${scripts.map(({ file }) => file).join(', ')} holds no tests that a runner can tell one by one`
    return unrun.length > 0
      ? sentencesOf(unrun).join('; ')
      : `none of the tests in ${goal.spec.path} says anything about it`
  }
  const unrun = unjudgedTests(goal.project, goal.baseline)
  if (unrun.length > 0) return `it has no test of its own, and ${sentencesOf(unrun).join('; ')}`
  return assignment.action === 'fix'
    ? 'no test that failed before passes now'
    : 'it has no test of its own, and no other test that failed before passes now'
}

/**
 * The project's test files that could not be run here. Files that merely are named like tests do
 * not count.
 */
export function unjudgedTests(
  project: Pick<Project, 'unjudgedTests'>,
  run: Pick<TestRun, 'unrun'>,
): readonly UnrunTest[] {
  return [...project.unjudgedTests, ...run.unrun].filter(({ why }) => why !== noTests)
}

/** The reason of a runner for a file in which it found nothing to run. */
const noTests = 'there are no tests in it'

const shownFiles = 3

/**
 * `12 test files could not be run: they need vitest, which is not installed (a.test.js, b.test.js
 * and 10 more)`.
 */
export function sentencesOf(unrun: readonly UnrunTest[]): readonly string[] {
  const byWhy = Map.groupBy(
    unrun,
    ({ why, name }) => `${name === undefined ? 'file' : 'test'} ${why}`,
  )
  return [...byWhy.values()].map((entries) => {
    const one = entries.length === 1
    const [first] = entries
    const kind = first?.name === undefined ? 'test file' : 'test'
    const names = entries.map(({ file, name }) => (name === undefined ? file : `${file} > ${name}`))
    const more = names.length - shownFiles
    const shown = names.slice(0, shownFiles).join(', ') + (more > 0 ? ` and ${more} more` : '')
    const why = one ? (first?.why ?? '') : plural(first?.why ?? '')
    return `${entries.length} ${kind}${one ? '' : 's'} could not be run: ${why} (${shown})`
  })
}

function plural(why: string): string {
  return why
    .replace(/^it needs\b/, 'they need')
    .replace(/^it holds\b/, 'they hold')
    .replace(/^it is\b/, 'they are')
}
