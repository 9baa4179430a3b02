// Coding: candidates until one is proven by tests that failed before, and breaks none. A fix after
// the review is coding without spec tests.
import { counted } from '../../../core/api/plain-text.ts'
import { TaskFailure, type TaskOutcome } from '../outcome.ts'
import { dependsOn } from '../project/packages.ts'
import { type Project, codeFiles, findSpecs, isTestPath, languageOf } from '../project/project.ts'
import { nextTry, whyEnded } from '../tries.ts'
import { evidenceOf, unusableAnswer } from '../verify/evidence.ts'
import { fileOf, judgeRuns, withSpecRules, withoutMissing } from '../verify/judge-runs.ts'
import type { Changes } from '../workspace/workspace.ts'
import { tryOnce } from './candidate.ts'
import {
  type Candidate,
  type CodingGoal,
  decidersFor,
  habitsOf,
  specOf,
  withTests,
} from './coding-goal.ts'
import { whyUnjudged } from './uncertain-results.ts'
import {
  type Pipeline,
  type PipelineContext,
  changedPaths,
  countsOf,
  deliver,
  projectAt,
  refused,
  refusedFor,
  spoiltPackage,
  unwritable,
} from './pipeline.ts'

/** Makes the unit's files such that its spec tests pass and no other test breaks. */
export const code: Pipeline = async (context) => {
  const { assignment } = context
  const files = codeFiles(assignment.files)
  if (files.length === 0)
    throw new TaskFailure('Unsupported', 'the task names no file to write other than tests')
  const refusal = await unwritable(context, files)
  if (refusal !== undefined) return refusal
  const found = await projectAt(context)
  const test = files.find((path) => found.testFiles.includes(path))
  if (test !== undefined)
    return refused(`${test} holds tests, and a task that writes code leaves tests as they are.`)
  const project = withTests(found, findSpecs(assignment))
  const spoilt = await spoiltPackage(context, project, [...files, ...findSpecs(assignment)])
  if (spoilt?.isMended === false) return refusedFor(spoilt)
  const spec = await specOf(context)
  const deciders = await decidersFor(context, project, spec?.paths ?? [], files)
  const baseline = await baselineOf(context, project)
  if (spec !== undefined) {
    const own = withSpecRules(baseline, deciders)
    const { unmet, unjudged } = judgeRuns([], [own], { ...deciders, related: new Set() })
    if (
      unmet.length + unjudged.length === 0 &&
      own.passed.some((id) => spec.paths.includes(fileOf(id)))
    )
      return {
        verdict: 'AlreadyDone',
        summary: `The tests of ${spec.path} pass already; nothing was changed.`,
        evidence: [evidenceOf(baseline, '')],
      }
  }
  const habits = await habitsOf(context, project, files)
  return seek(context, { purpose: 'code', files, spec, baseline, deciders, project, habits })
}

/**
 * The tests as they are before the change. Throws `TaskFailure` ChecksFailed when that run cannot
 * be believed.
 */
async function baselineOf(
  { runner, signal, activity }: PipelineContext,
  project: Project,
): Promise<CodingGoal['baseline']> {
  const run = await runner.test(project.testFiles, new Map(), { signal, project })
  const baseline = withoutMissing(run, (name) => dependsOn(project, name))
  activity(`baseline: ${countsOf(baseline)}`)
  if (baseline.problems.length > 0)
    throw new TaskFailure(
      'ChecksFailed',
      `the tests cannot be run before the change: ${baseline.problems.join('; ')}`,
      { evidence: [evidenceOf(baseline, baseline.problems.join('\n'))] },
    )
  return baseline
}

/**
 * Tries until a candidate is good enough. When no candidate is, the best is still pushed, so that
 * people can look at it.
 */
async function seek(context: PipelineContext, goal: CodingGoal): Promise<TaskOutcome> {
  const tried: Candidate[] = []
  for (;;) {
    const how = nextTry(context.assignment, tried)
    if (how === undefined) break
    const candidate = await tryOnce(context, goal, how, tried.at(-1))
    tried.push(candidate)
    const accepted = candidate.state !== 'rejected' && candidate.changes !== undefined
    context.tried?.({ kind: how.kind, accepted, problem: candidate.problem })
    if (candidate.state !== 'rejected' && candidate.changes !== undefined)
      return accept(context, goal, candidate, candidate.changes, tried.length)
  }
  return giveUp(context, goal, tried)
}

async function accept(
  context: PipelineContext,
  goal: CodingGoal,
  candidate: Candidate,
  changes: Changes,
  tries: number,
): Promise<TaskOutcome> {
  const files = [...changes.keys()]
  const verdict = candidate.state === 'proven' ? 'Done' : 'Unchecked'
  const commit = await deliver(context, changes, context.assignment.title, verdict)
  const count = candidate.proof.length
  const what =
    count === 1
      ? '1 test that did not pass before passes'
      : `${count} tests that did not pass before pass`
  return {
    verdict,
    summary:
      verdict === 'Done'
        ? `Wrote ${files.join(', ')}; ${what} (try ${tries}).`
        : `Wrote ${files.join(', ')}, and nothing could check it: ${candidate.unchecked ?? whyUnjudged(context, goal)}.`,
    commit,
    files,
    evidence: candidate.evidence,
    notes: candidate.notes,
  }
}

async function giveUp(
  context: PipelineContext,
  goal: CodingGoal,
  tried: readonly Candidate[],
): Promise<TaskOutcome> {
  const best = tried
    .filter((candidate) => candidate.changes !== undefined)
    .toSorted((a, b) => b.score - a.score)[0]
  if (best?.changes === undefined) {
    const last = tried.at(-1)?.problem ?? 'it was never asked'
    return {
      verdict: 'ChecksFailed',
      summary: `None of ${counted(tried.length, 'answer')} could be used (${whyEnded(context.assignment, tried) ?? 'stopped'}).`,
      evidence: tried.map(({ problem }, index) => unusableAnswer(index + 1, problem)),
      failure: { reason: 'OutputUnusable', message: `The last answer: ${last}` },
    }
  }
  const commit = await deliver(context, best.changes, context.assignment.title, 'ChecksFailed')
  return {
    verdict: 'ChecksFailed',
    summary: `None of ${counted(tried.length, 'try', 'tries')} passed the checks (${whyEnded(context.assignment, tried) ?? 'stopped'}); the best one is kept on ${context.assignment.taskBranch}.`,
    commit,
    files: [...best.changes.keys()],
    evidence: best.evidence,
    notes: [
      ...best.notes,
      ...(goal.spec === undefined ? [] : [`the tests that decide are in ${goal.spec.path}`]),
    ],
    failure: { reason: 'ChecksFailed', message: best.problem },
  }
}

/**
 * Rewrites the files of the task such that no test breaks. Without files, those the request has
 * changed, at most three.
 */
export const fix: Pipeline = async (context) => {
  const { assignment, workspace, signal } = context
  const project = await projectAt(context)
  const diff = await workspace.diff(assignment.base, workspace.head, { signal })
  const changed = changedPaths(diff)
  const isCode = (path: string): boolean =>
    !isTestPath(path) && !project.testFiles.includes(path) && languageOf(path) !== 'unknown'
  const named = codeFiles(assignment.files).filter((path) => !project.testFiles.includes(path))
  const files = named.length > 0 ? named : changed.filter(isCode).slice(0, 3)
  if (files.length === 0) return { verdict: 'NothingChanged', summary: 'There is no file to fix.' }
  const refusal = await unwritable(context, files)
  if (refusal !== undefined) return refusal
  const spoilt = await spoiltPackage(context, project, files)
  if (spoilt?.isMended === false) return refusedFor(spoilt)
  const specs = assignment.specs.map(({ path }) => path)
  const deciders = await decidersFor(context, project, specs, files)
  const baseline = await baselineOf(context, project)
  const habits = await habitsOf(context, project, files)
  const spec = undefined
  return seek(context, { purpose: 'fix', files, spec, baseline, deciders, project, habits })
}
