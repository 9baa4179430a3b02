import type { Assignment } from '../../../core/api/agent-protocol.ts'
import type { Verdict } from '../../../core/api/agent-types.ts'
import { counted } from '../../../core/api/plain-text.ts'
import { commitMessage } from '../commit-message.ts'
import type { Model } from '../model.ts'
import type { Outcome } from '../outcome.ts'
import { detectAtOnce, type Project } from '../project.ts'
import type { Try } from '../tries.ts'
import type { Runner } from '../verify/runner.ts'
import { type TestRun, unloadedIn } from '../verify/test-run.ts'
import type { Changes, Workspace } from '../workspace.ts'

/** A candidate of a coding or testing task, and what came of it. */
export interface CheckedTry {
  readonly kind: Try['kind']
  readonly accepted: boolean
  /** What is wrong with it, as the model is told; empty when it was accepted. */
  readonly problem: string
}

/** All that a pipeline works with. */
export interface PipelineContext {
  readonly assignment: Assignment
  /** Name of the agent, for commits. */
  readonly agent: string
  readonly workspace: Workspace
  readonly runner: Runner
  readonly model: Model
  /** Tells people what is going on; at most 200 characters are kept. */
  readonly activity: (text: string) => void
  readonly tried?: (candidate: CheckedTry) => void
  readonly signal: AbortSignal
}

/**
 * Carries out one action. Gives an outcome for everything that can be expected to go wrong; throws `TaskFailure` or
 * `TaskTaken` from below.
 */
export type Pipeline = (context: PipelineContext) => Promise<Outcome>

/** Detects the project at a commit (default: the branch's head). */
export async function projectAt(context: PipelineContext, commit?: string): Promise<Project> {
  const { workspace, signal } = context
  const files = await workspace.files({ signal }, commit)
  return detectAtOnce(files, (paths) => workspace.readAll(paths, { signal }, commit))
}

/** Commits and pushes `changes` to the attempt's branch, and gives the commit. */
export async function deliver(
  context: PipelineContext,
  changes: Changes,
  subject: string,
  verdict: Verdict,
): Promise<string> {
  const { assignment, agent, model, workspace, signal } = context
  context.activity('pushing')
  const message = commitMessage(subject, assignment.goal, assignment, {
    agent,
    model: model.name,
    verdict,
  })
  const commit = await workspace.commit(changes, message, { signal })
  await workspace.push(commit, { signal })
  return commit
}

/** The outcome for work that cannot be done as it is asked for; `message` is a sentence that names the file. */
export function refused(message: string): Outcome {
  return { verdict: 'Refused', summary: message, failure: { reason: 'Unsupported', message } }
}

/** The refusal when one of `files` is none that can be written; undefined when all can. No model is asked before. */
export async function unwritable(
  { workspace, signal }: PipelineContext,
  files: readonly string[],
): Promise<Outcome | undefined> {
  for (const path of files) {
    const state = await workspace.stateOf(path, { signal })
    if (state.kind === 'unreadable') return refused(state.why)
  }
  return undefined
}

/** Paths that a unified diff writes, without those that it deletes. */
export function changedPaths(diff: string): readonly string[] {
  return [...diff.matchAll(/^\+\+\+ b\/(.+)$/gm)].map((match) => match[1] ?? '')
}

/**
 * `4 tests pass`, `2 of 5 tests fail, 1 skipped`, `4 tests pass, 1 file could not be loaded`, `there are no tests`, `no test was
 * run`. A file that could not be loaded is no test: nobody knows how many are in it.
 */
export function countsOf(
  run: Pick<TestRun, 'passed' | 'failed'> &
    Partial<Pick<TestRun, 'collected' | 'skipped' | 'unrun'>>,
): string {
  const { passed, failed, collected = [], skipped = [], unrun = [] } = run
  const unloaded = unloadedIn({ failed, collected }).length
  const failing = failed.length - unloaded
  const all = passed.length + failing
  const left = [
    unloaded === 0 ? '' : `${counted(unloaded, 'file')} could not be loaded`,
    skipped.length === 0 ? '' : `${skipped.length} skipped`,
  ].filter(Boolean)
  const none = skipped.length + unrun.length === 0 ? 'there are no tests' : 'no test was run'
  if (all === 0) return [...(unloaded === 0 ? [none] : []), ...left].join(', ')
  const counts =
    failing > 0
      ? `${failing} of ${counted(all, 'test')} ${failing === 1 ? 'fails' : 'fail'}`
      : `${counted(all, 'test')} ${all === 1 ? 'passes' : 'pass'}`
  return [counts, ...left].join(', ')
}
