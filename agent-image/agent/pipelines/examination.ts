// The actions that need no model: tests are run, and what they prove is judged. `branch` looks at
// the project before any work, `verify` at one unit, `finish` at the whole request.
import { counted } from '../../../core/api/plain-text.ts'
import type { TaskOutcome } from '../outcome.ts'
import { dependsOn } from '../project/packages.ts'
import { type Project, findSpec } from '../project/project.ts'
import { digestOf, evidenceOf } from '../verify/evidence.ts'
import { type Deciders, judgeRuns, withoutMissing } from '../verify/judge-runs.ts'
import type { Judgement } from '../verify/judgement.ts'
import { type TestRun, testId } from '../verify/test-run.ts'
import { failuresOf } from './check-candidate.ts'
import { decidersFor } from './coding-goal.ts'
import { type SharedFailure, brokenInOneProcess } from './one-process.ts'
import {
  type Reruns,
  flakyNote,
  freshTree,
  sentencesOf,
  treeAsLeft,
  unjudgedTests,
  withoutDoubts,
} from './uncertain-results.ts'
import {
  type Pipeline,
  type PipelineContext,
  changedPaths,
  countsOf,
  projectAt,
} from './pipeline.ts'

interface Examination {
  readonly project: Project
  readonly deciders: Deciders
  readonly judgement: Judgement
  /** The runs of the branch. */
  readonly runs: readonly TestRun[]
  /** Why runs cannot be believed, those of the base included. */
  readonly problems: readonly string[]
  /** Test files and tests that could not be run. */
  readonly unjudged: ReturnType<typeof unjudgedTests>
  /** What is broken where all Python test files share a process; looked for where nothing else is. */
  readonly shared: SharedFailure | undefined
}

/**
 * Runs all tests at the base once and at the head twice, the second time in the tree that the first
 * run left, as a person does. `specsOf` gives the deciders. `asWhole`, the Python files also run in
 * one process.
 */
async function examine(
  context: PipelineContext,
  specsOf: (project: Project, base: Project) => readonly string[],
  { asWhole }: { readonly asWhole: boolean },
): Promise<Examination> {
  const { assignment, runner, workspace, signal, activity } = context
  const base = await projectAt(context, assignment.base)
  const project = await projectAt(context)
  const judged = (run: TestRun): TestRun => withoutMissing(run, (name) => dependsOn(project, name))
  const again: Reruns = {
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
    // Proof by a test of the project's own counts when it failed at the start each time, not by
    // chance.
    bases.push(await again.base(base.testFiles, freshTree))
    judgement = judgeRuns(bases, runs, deciders)
  }
  judgement = await withoutDoubts(judgement, deciders, again)
  const isWhole = judgement.verdict !== 'refuted' && asWhole
  const shared = isWhole
    ? await brokenInOneProcess({
        before,
        runs,
        specs: project.testFiles.filter((path) => !base.files.includes(path)),
        changed,
        again,
      })
    : undefined
  return {
    shared,
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

/**
 * The second half of a sentence about the tests that passed at the start, when nothing is refuted.
 */
function unbroken({
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
async function refuted(
  context: PipelineContext,
  { judgement, runs, problems, shared }: Examination,
): Promise<TaskOutcome | undefined> {
  if (judgement.verdict !== 'refuted' && problems.length === 0 && shared === undefined)
    return undefined
  const alone = failuresOf([...judgement.unmet, ...judgement.broken], runs)
  const failures = [...alone, ...(shared?.failures ?? [])]
  const lost = judgement.unmet.length + judgement.broken.length + (shared?.failures.length ?? 0)
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

async function evidenceFor(
  { workspace, signal }: PipelineContext,
  runs: readonly TestRun[],
  failures: Parameters<typeof digestOf>[1],
): Promise<NonNullable<TaskOutcome['evidence']>> {
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

/**
 * Looks at the project and runs its tests once. Changes nothing; failing tests are a fact, not a
 * failure.
 */
export const branch: Pipeline = async (context): Promise<TaskOutcome> => {
  const { runner, workspace, signal, activity } = context
  const project = await projectAt(context)
  const run = await runner.test(project.testFiles, new Map(), { signal, project })
  activity(`baseline: ${countsOf(run)}`)
  const read = (path: string): Promise<string | undefined> => workspace.read(path, { signal })
  const digest = await digestOf(run, run.failed, workspace.root, read)
  const words = { node: 'a Node project', python: 'a Python project', unknown: 'a project' }
  const unjudged = sentencesOf(unjudgedTests(project, run))
  return {
    verdict: 'NothingChanged',
    summary: [
      `This is ${words[project.language]} of ${counted(project.files.length, 'file')}; before the change, ${countsOf(run)}.`,
      ...unjudged.map((sentence) => `${sentence}.`),
    ].join(' '),
    evidence: [evidenceOf(run, digest.text)],
    notes: [
      ...run.problems.map((problem) => `the tests cannot be trusted: ${problem}`),
      ...run.failed.slice(0, 5).map((test) => `fails before the change: ${testId(test)}`),
      ...unjudged.slice(0, 5),
    ],
  }
}

/**
 * Done when a test that did not pass at the request's base passes in both runs, every spec test of
 * the unit passed in both, and nothing that passed at the base is anything but passed. Unchecked
 * when nothing broke and nothing is proven.
 */
export const verify: Pipeline = async (context): Promise<TaskOutcome> => {
  const { assignment } = context
  const spec = findSpec(assignment)
  const specs = spec === undefined ? [] : [spec]
  const examined = await examine(context, () => specs, { asWhole: false })
  const { judgement, runs, unjudged } = examined
  const notes = [
    ...judgement.flaky.map(({ id }) => flakyNote(id)),
    ...(spec === undefined ? ['the unit has no spec tests; only the other tests were run'] : []),
    ...sentencesOf(unjudged).slice(0, 5),
  ]
  const bad = await refuted(context, examined)
  if (bad !== undefined) return { ...bad, notes }
  const evidence = await evidenceFor(context, runs, [])
  const counts = `Run twice: ${countsOf(runs.at(-1) ?? { passed: [], failed: [] })}`
  if (judgement.verdict === 'proven')
    return {
      verdict: 'Done',
      summary: `${counts}; ${judgement.proof.length} of them did not pass at the start; ${unbroken(examined)}.`,
      evidence,
      notes,
    }
  const why = assignment.unchecked.find(({ unit }) => unit === assignment.unit)?.why
  return {
    verdict: 'Unchecked',
    summary: `${counts}; ${unbroken(examined)}. No test says that ${assignment.unit ?? 'the work'} does what is asked.${why === undefined ? '' : ` ${why}`}`,
    evidence,
    notes,
  }
}

/**
 * Done when what was asked for is proven by tests as a whole: every test file that is new on the
 * branch decides. Unchecked when a unit could not be checked by anything, or when code was written
 * and no test says anything about it.
 */
export const finish: Pipeline = async (context): Promise<TaskOutcome> => {
  const { assignment } = context
  const written = assignment.specs.map(({ path }) => path)
  const specsOf = (project: Project, base: Project): readonly string[] => [
    ...new Set([...written, ...project.testFiles.filter((path) => !base.files.includes(path))]),
  ]
  const examined = await examine(context, specsOf, { asWhole: true })
  const { judgement, runs, unjudged } = examined
  const notRun = sentencesOf(unjudged)
  const notes = [
    ...judgement.still
      .slice(0, 5)
      .map(({ id }) => `did not pass at the start and does not pass now: ${id}`),
    ...judgement.flaky.map(({ id }) => flakyNote(id)),
    ...notRun.slice(0, 5),
    ...assignment.done.slice(0, 10).map((task) => `${task.action}: ${task.title}`),
  ]
  const bad = await refuted(context, examined)
  if (bad !== undefined) return { ...bad, notes }
  const evidence = await evidenceFor(context, runs, [])
  const counts = `Run twice: ${countsOf(runs.at(-1) ?? { passed: [], failed: [] })}; ${unbroken(examined)}.`
  const close = notRun.map((sentence) => ` ${sentence}.`).join('')
  const outcome = (verdict: TaskOutcome['verdict'], words: string): TaskOutcome => ({
    verdict,
    summary: `${counts}${words}${close}`,
    evidence,
    notes,
  })
  const { unchecked } = assignment
  if (unchecked.length > 0)
    return outcome(
      'Unchecked',
      ` Nothing could check ${unchecked.map(({ unit }) => unit).join(', ')}: look at it before you use it.`,
    )
  if (judgement.verdict === 'proven') {
    const count = judgement.proof.length
    return outcome('Done', ` ${count} of these tests did not pass at the start.`)
  }
  const wroteCode = assignment.done.some(({ action }) => action === 'code' || action === 'fix')
  return wroteCode
    ? outcome('Unchecked', ' No test says that the new code does what is asked.')
    : outcome('NothingChanged', ' No code was written.')
}
