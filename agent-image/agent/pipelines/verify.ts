// Verification without a model: the integrated branch is run twice and compared with where the request began.
import type { Outcome } from '../outcome.ts'
import { findSpec } from '../project.ts'
import { compareRuns } from '../verify/compare.ts'
import { digestOf, evidenceOf } from '../verify/digest.ts'
import { type FailedTest, type TestRun, testId } from '../verify/test-run.ts'
import { withMissing } from './candidate.ts'
import { countsOf, type Pipeline, type PipelineContext, projectAt } from './pipeline.ts'

/** Done only when all spec tests of the unit pass in both runs and nothing that passed at the base fails now. */
export const verify: Pipeline = async (context) => {
  const { assignment, workspace, signal } = context
  const project = await projectAt(context)
  const path = findSpec(assignment, project)
  const text = path === undefined ? undefined : await workspace.read(path, { signal })
  const examined = await examine(context)
  const { runs, flaky, broken } = examined
  const specFailures: FailedTest[] = []
  if (path !== undefined && text !== undefined)
    for (const run of runs) {
      const own = withMissing(
        { ...run, failed: run.failed.filter((test) => test.file === path) },
        { path, text },
      )
      specFailures.push(...own.failed)
    }
  const failures = unique([...specFailures, ...broken])
  const notes = [
    ...flaky.map((id) => `flaky: ${id} passed once and failed once`),
    ...(path === undefined ? ['the unit has no spec tests; only the other tests were run'] : []),
  ]
  return conclude(context, examined, failures, notes, path ?? 'the tests')
}

export interface Examination {
  /** The run at the base. */
  readonly before: TestRun
  readonly runs: readonly TestRun[]
  /** Tests that did not give the same twice. */
  readonly flaky: readonly string[]
  /** Tests that passed at the base and failed in both runs. */
  readonly broken: readonly FailedTest[]
  readonly problems: readonly string[]
}

/** Runs all tests at the base once and at the head twice. */
export async function examine(context: PipelineContext): Promise<Examination> {
  const { assignment, runner, signal, activity } = context
  const base = await projectAt(context, assignment.base)
  const before = await runner.test(base.testFiles, new Map(), { signal }, assignment.base)
  activity(`at the start: ${countsOf(before)}`)
  const head = await projectAt(context)
  const first = await runner.test(head.testFiles, new Map(), { signal })
  activity(`now: ${countsOf(first)}`)
  const second = await runner.test(head.testFiles, new Map(), { signal })
  activity(`now, again: ${countsOf(second)}`)
  const passedFirst = new Set(first.passed)
  const passedSecond = new Set(second.passed)
  const flaky = [
    ...second.failed.map(testId).filter((id) => passedFirst.has(id)),
    ...first.failed.map(testId).filter((id) => passedSecond.has(id)),
  ]
  const brokenTwice = new Set(compareRuns(before, second).newlyFailing.map(testId))
  return {
    before,
    runs: [first, second],
    flaky,
    broken: compareRuns(before, first).newlyFailing.filter((test) => brokenTwice.has(testId(test))),
    problems: [...first.problems, ...second.problems],
  }
}

/** The outcome of an examination in which `failures` decide. */
export async function conclude(
  context: PipelineContext,
  { runs, problems }: Examination,
  failures: readonly FailedTest[],
  notes: readonly string[],
  what: string,
): Promise<Outcome> {
  const { workspace, signal } = context
  const read = (path: string): Promise<string | undefined> => workspace.read(path, { signal })
  const evidence = await Promise.all(
    runs.map(async (run) =>
      evidenceOf(run, (await digestOf(run, failures, workspace.root, read)).text),
    ),
  )
  const last = runs.at(-1) ?? { passed: [], failed: [] }
  if (failures.length === 0 && problems.length === 0)
    return {
      verdict: 'Done',
      summary: `Run twice: ${countsOf(last)}; nothing that passed at the start fails now.`,
      evidence,
      notes,
    }
  return {
    verdict: 'ChecksFailed',
    summary: `${failures.length} of the tests that must pass do not.`,
    evidence,
    notes,
    failure: {
      reason: 'ChecksFailed',
      message: [...problems, ...failures.map(testId)].slice(0, 6).join('; ') || `${what} failed`,
    },
  }
}

function unique(failures: readonly FailedTest[]): readonly FailedTest[] {
  return [...new Map(failures.map((test) => [testId(test), test])).values()]
}
