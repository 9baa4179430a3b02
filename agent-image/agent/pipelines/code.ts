// Coding: candidates until one passes its tests and breaks none.
import { TaskFailure } from '../failure.ts'
import type { Outcome } from '../outcome.ts'
import { codeFiles, findSpec } from '../project.ts'
import { nextTry } from '../tries.ts'
import { evidenceOf, unusableAnswer } from '../verify/digest.ts'
import { holdBack } from '../verify/spec-text.ts'
import { type Candidate, type CodingGoal, tryOnce, withMissing } from './candidate.ts'
import { countsOf, deliver, type Pipeline, type PipelineContext, projectAt } from './pipeline.ts'

/** Makes the unit's files such that its spec tests pass and no other test breaks. */
export const code: Pipeline = async (context) => {
  const { assignment, runner, workspace, signal, activity } = context
  const files = codeFiles(assignment.files)
  if (files.length === 0)
    throw new TaskFailure('Unsupported', 'the task names no file to write other than tests')
  const project = await projectAt(context)
  const path = findSpec(assignment, project)
  const text = path === undefined ? undefined : await workspace.read(path, { signal })
  const spec =
    path === undefined || text === undefined
      ? undefined
      : { path, text, shown: holdBack(path, text) }

  const baseline = await runner.test(project.testFiles, new Map(), { signal })
  activity(`baseline: ${countsOf(baseline)}`)
  if (baseline.problems.length > 0)
    throw new TaskFailure(
      'ChecksFailed',
      `the tests cannot be run before the change: ${baseline.problems.join('; ')}`,
      { evidence: [evidenceOf(baseline, baseline.problems.join('\n'))] },
    )
  if (spec !== undefined) {
    const own = withMissing(
      { ...baseline, failed: baseline.failed.filter((test) => test.file === spec.path) },
      spec,
    )
    if (own.failed.length === 0)
      return {
        verdict: 'AlreadyDone',
        summary: `The tests of ${spec.path} pass already; nothing was changed.`,
        evidence: [evidenceOf(baseline, '')],
      }
  }
  return seek(context, {
    purpose: 'code',
    files,
    spec,
    baseline,
    project,
  })
}

/** Tries until a candidate is accepted. When none is, the best is pushed all the same, for people to see. */
export async function seek(context: PipelineContext, goal: CodingGoal): Promise<Outcome> {
  const tried: Candidate[] = []
  for (;;) {
    const how = nextTry(context.assignment, tried)
    if (how === undefined) break
    const candidate = await tryOnce(context, goal, how, tried.at(-1))
    tried.push(candidate)
    if (candidate.accepted && candidate.changes !== undefined)
      return accept(context, goal, candidate, candidate.changes, tried.length)
  }
  return giveUp(context, goal, tried)
}

async function accept(
  context: PipelineContext,
  goal: CodingGoal,
  candidate: Candidate,
  changes: NonNullable<Candidate['changes']>,
  tries: number,
): Promise<Outcome> {
  const unchanged = await isUnchanged(context, changes)
  const files = [...changes.keys()]
  const tested = goal.spec === undefined ? ['this unit has no tests of its own'] : []
  if (unchanged)
    return {
      verdict: goal.purpose === 'fix' ? 'NothingChanged' : 'AlreadyDone',
      summary: 'The files are already as they should be; nothing was changed.',
      evidence: candidate.evidence,
      notes: [...candidate.notes, ...tested],
    }
  const commit = await deliver(context, changes, context.assignment.title, 'Done')
  return {
    verdict: 'Done',
    summary: `Wrote ${files.join(', ')}; the checks passed on try ${tries}.`,
    commit,
    files,
    evidence: candidate.evidence,
    notes: [...candidate.notes, ...tested],
  }
}

async function giveUp(
  context: PipelineContext,
  goal: CodingGoal,
  tried: readonly Candidate[],
): Promise<Outcome> {
  const best = tried
    .filter((candidate) => candidate.changes !== undefined)
    .toSorted((a, b) => b.score - a.score)[0]
  if (best?.changes === undefined) {
    const last = tried.at(-1)?.problem ?? 'it was never asked'
    return {
      verdict: 'ChecksFailed',
      summary: `None of ${tried.length} answers could be used.`,
      evidence: tried.map(({ problem }, index) => unusableAnswer(index + 1, problem)),
      failure: { reason: 'OutputUnusable', message: `The last answer: ${last}` },
    }
  }
  const commit = await deliver(context, best.changes, context.assignment.title, 'ChecksFailed')
  return {
    verdict: 'ChecksFailed',
    summary: `None of ${tried.length} tries passed the checks; the best one is kept on ${context.assignment.taskBranch}.`,
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

async function isUnchanged(
  context: PipelineContext,
  changes: NonNullable<Candidate['changes']>,
): Promise<boolean> {
  for (const [path, text] of changes)
    if ((await context.workspace.read(path, { signal: context.signal })) !== text) return false
  return true
}
