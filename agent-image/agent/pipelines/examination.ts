// An examination without a model: the request's branch is run twice and put beside where the request began.
import type { Outcome } from '../outcome.ts'
import { dependsOn } from '../dependencies.ts'
import type { Project } from '../project.ts'
import { digestOf, evidenceOf } from '../verify/digest.ts'
import { judgeRuns, type Deciders } from '../verify/judge-runs.ts'
import type { Judgement } from '../verify/judgement.ts'
import { withoutMissing } from '../verify/missing-packages.ts'
import { type TestRun, testId } from '../verify/test-run.ts'
import { failuresOf } from './check-candidate.ts'
import { decidersFor } from './deciders.ts'
import { type Again, freshTree, treeAsLeft, withoutDoubts } from './doubts.ts'
import { changedPaths, countsOf, type PipelineContext, projectAt } from './pipeline.ts'
import { unjudgedTests } from './unjudged.ts'

export interface Examination {
  readonly project: Project
  readonly deciders: Deciders
  readonly judgement: Judgement
  /** The runs of the branch. */
  readonly runs: readonly TestRun[]
  /** Why runs cannot be believed, those of the base included. */
  readonly problems: readonly string[]
  /** Test files and tests that could not be run. */
  readonly unjudged: ReturnType<typeof unjudgedTests>
}

/**
 * Runs all tests at the base once and at the head twice, the second time in the tree that the first run left, as a person
 * does. `specsOf` gives the deciders.
 */
export async function examine(
  context: PipelineContext,
  specsOf: (project: Project, base: Project) => readonly string[],
): Promise<Examination> {
  const { assignment, runner, workspace, signal, activity } = context
  const base = await projectAt(context, assignment.base)
  const project = await projectAt(context)
  const judged = (run: TestRun): TestRun => withoutMissing(run, (name) => dependsOn(project, name))
  const again: Again = {
    async base(files, tree) {
      const there = files.filter((path) => base.files.includes(path))
      const options = { signal, project: base, ...tree }
      return judged(await runner.test(there, new Map(), options, assignment.base))
    },
    now: async (files, tree) =>
      judged(await runner.test(files, new Map(), { signal, project, ...tree })),
  }
  const before = await again.base(base.testFiles, freshTree)
  activity(`at the start: ${countsOf(before)}`)
  const first = await again.now(project.testFiles, freshTree)
  activity(`now: ${countsOf(first)}`)
  const second = await again.now(project.testFiles, treeAsLeft)
  activity(`now, again: ${countsOf(second)}`)
  const diff = await workspace.diff(assignment.base, workspace.head, { signal })
  const changed = changedPaths(diff)
  const specs = specsOf(project, base)
  const deciders = await decidersFor(context, project, specs, changed)
  const runs = [first, second]
  const bases = [before]
  let judgement = judgeRuns(bases, runs, deciders)
  const missing = specs.filter((path) => !project.files.includes(path))
  if (judgement.proof.some(({ kind }) => kind === 'own')) {
    // Proof by a test of the project's own counts when it failed at the start each time, not by chance.
    bases.push(await again.base(base.testFiles, freshTree))
    judgement = judgeRuns(bases, runs, deciders)
  }
  judgement = await withoutDoubts(judgement, deciders, again)
  return {
    project,
    deciders,
    judgement,
    runs,
    problems: [
      ...bases.flatMap((run) => run.problems.map((problem) => `at the start: ${problem}`)),
      ...runs.flatMap((run) => run.problems),
      ...missing.map((path) => `${path}, which holds the tests that decide, is gone`),
    ],
    unjudged: unjudgedTests(project, second),
  }
}

/** What is true of the tests that passed at the start, when nothing is refuted: the second half of a sentence. */
export function unbroken({
  judgement: { flaky },
  unjudged,
}: Pick<Examination, 'judgement' | 'unjudged'>): string {
  if (flaky.length === 0)
    return unjudged.length === 0
      ? 'nothing that passed at the start fails now'
      : 'nothing that could be run and passed at the start fails now'
  const which = flaky.length === 1 ? '1 test passes' : `${flaky.length} tests pass`
  return `nothing that passed at the start is broken, and ${which} only now and then`
}

/** The outcome when something is broken, unmet, or not to be believed; undefined otherwise. */
export async function refuted(
  context: PipelineContext,
  { judgement, runs, problems }: Examination,
): Promise<Outcome | undefined> {
  if (judgement.verdict !== 'refuted' && problems.length === 0) return undefined
  const failures = failuresOf([...judgement.unmet, ...judgement.broken], runs)
  const lost = judgement.unmet.length + judgement.broken.length
  const words = failures.map((test) => `${testId(test)}: ${firstLine(test.message)}`)
  return {
    verdict: 'ChecksFailed',
    summary:
      failures.length === 0
        ? 'The runs of the tests cannot be believed.'
        : `${lost} of the tests that must pass ${lost === 1 ? 'does' : 'do'} not.`,
    evidence: await evidenceFor(context, runs, failures),
    failure: {
      reason: 'ChecksFailed',
      message: [...problems, ...words].slice(0, 6).join('; ') || 'the checks failed',
    },
  }
}

export async function evidenceFor(
  { workspace, signal }: PipelineContext,
  runs: readonly TestRun[],
  failures: Parameters<typeof digestOf>[1],
): Promise<NonNullable<Outcome['evidence']>> {
  const read = (path: string): Promise<string | undefined> => workspace.read(path, { signal })
  return Promise.all(
    runs.map(async (run) =>
      evidenceOf(run, (await digestOf(run, failures, workspace.root, read)).text),
    ),
  )
}

function firstLine(text: string): string {
  return (text.split('\n', 1)[0] ?? '').slice(0, 160)
}
