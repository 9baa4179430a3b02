// What every pipeline works with: its context, the project at a commit, and the delivery of changes
// as a commit.
import { dirname, extname, join, posix } from 'node:path'
import type { Assignment } from '../../../core/api/agent-protocol.ts'
import type { Verdict } from '../../../core/api/agent-types.ts'
import { counted } from '../../../core/api/plain-text.ts'
import { trailers } from '../../../core/api/names.ts'
import type { Model } from '../model.ts'
import type { TaskOutcome } from '../outcome.ts'
import { type Project, detectAtOnce, languageOf } from '../project/project.ts'
import type { Try } from '../tries.ts'
import type { Runner } from '../verify/runner.ts'
import { type TestRun, unloadedIn } from '../verify/test-run.ts'
import type { Changes, Workspace } from '../workspace/workspace.ts'

/** A candidate of a coding or testing task, and what came of it. */
export interface CheckedTry {
  readonly kind: Try['kind']
  readonly accepted: boolean
  /** Its problem in the words that the model is given; empty when it was accepted. */
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
 * Carries out one action. Gives an outcome for every failure that is expected; throws `TaskFailure`
 * or `TaskTaken` from below.
 */
export type Pipeline = (context: PipelineContext) => Promise<TaskOutcome>

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

/** This version does not deploy. It says so at once and does nothing. */
export const deploy: Pipeline = () =>
  Promise.resolve({
    verdict: 'Refused',
    summary: 'This version does not deploy anything.',
    failure: {
      reason: 'Unsupported',
      message:
        'Guildhall cannot deploy yet. The finished work is on the request’s branch; deploy it with your own pipeline.',
    },
  })

/**
 * The outcome for work that cannot be done as it is asked for; `message` is a sentence that names
 * the file.
 */
export function refused(message: string): TaskOutcome {
  return { verdict: 'Refused', summary: message, failure: { reason: 'Unsupported', message } }
}

/**
 * The refusal when one of `files` cannot be written; undefined when all can. It is looked for
 * before a model is asked.
 */
export async function unwritable(
  { workspace, signal }: PipelineContext,
  files: readonly string[],
): Promise<TaskOutcome | undefined> {
  for (const path of files) {
    const state = await workspace.stateOf(path, { signal })
    if (state.kind === 'unreadable') return refused(state.why)
  }
  return undefined
}

/** A package.json that stops Node from loading files, and why. */
interface SpoiltPackage {
  readonly path: string
  /** A sentence without its full stop, which names the file. */
  readonly why: string
  /** The request is to write this very file. */
  readonly isMended: boolean
}

/**
 * The package.json with which Node refuses to load one of `files`, which may be new; undefined when
 * it loads them all. Node itself is asked, because it passes over mistakes that no parser of JSON
 * does.
 */
export async function spoiltPackage(
  { assignment, runner, workspace, signal }: PipelineContext,
  project: Project,
  files: readonly string[],
): Promise<SpoiltPackage | undefined> {
  const doubtful = project.packages.filter(({ fault }) => fault !== undefined)
  const wanted = files.filter((path) => languageOf(path) === 'node')
  if (doubtful.length === 0 || wanted.length === 0) return undefined
  // An empty file beside each stands for it, because a file that is there may fail for itself.
  const probes = wanted.map((path) => posix.join(dirname(path), `guildhall-probe${extname(path)}`))
  const empty = new Map(probes.map((path) => [path, '']))
  const there = [...(await workspace.readAll(wanted, { signal })).keys()]
  const options = { signal, project: { packages: [] } }
  const loads = await runner.load([...empty.keys(), ...there], empty, options)
  for (const { folder, fault } of doubtful) {
    const path = posix.join(folder, 'package.json')
    const refusal = `Invalid package config ${join(workspace.root, path)}`
    if (!loads.some(({ message }) => message.includes(refusal))) continue
    const state = await workspace.stateOf(path, { signal })
    const written = [assignment, ...assignment.siblings].flatMap((unit) => unit.files)
    return {
      path,
      why: `${path} ${state.kind === 'unreadable' ? state.what : fault}, and with it Node loads no file of its package`,
      isMended: written.includes(path),
    }
  }
  return undefined
}

/** The refusal for a package.json that the request does not mend. */
export function refusedFor({ path, why }: SpoiltPackage): TaskOutcome {
  return refused(
    `${why}, so that no test can be run. Mend it, or ask for that alone in a request that names ${path}; then ask again.`,
  )
}

/** Paths that a unified diff writes, without those that it deletes. */
export function changedPaths(diff: string): readonly string[] {
  return [...diff.matchAll(/^\+\+\+ b\/(.+)$/gm)].map((match) => match[1] ?? '')
}

/**
 * `4 tests pass`, `2 of 5 tests fail, 1 skipped`, `4 tests pass, 1 file could not be loaded`,
 * `there are no tests`, `no test was run`. A file that could not be loaded does not count as a
 * test, because the number of tests in it is unknown.
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

/** Who made a commit, for its trailers. */
interface CommitOrigin {
  readonly agent: string
  /** The model that answered; `none` where none was asked. */
  readonly model: string
  readonly verdict: Verdict
}

/**
 * A commit message: subject of at most 72 characters, body, trailers in the order of the table of
 * names.
 */
export function commitMessage(
  subject: string,
  body: string,
  assignment: Assignment,
  origin: CommitOrigin,
): string {
  const values: Record<keyof typeof trailers, string> = {
    request: assignment.request,
    task: assignment.task,
    agent: origin.agent,
    model: origin.model,
    attempts: String(assignment.attempt),
    verdict: origin.verdict,
  }
  const lines = Object.entries(trailers).map(
    ([key, name]) => `${name}: ${oneLine(values[key as keyof typeof trailers])}`,
  )
  const text = body.trim() === '' ? '' : `${wrap(body.trim())}\n\n`
  return `${oneLine(subject).slice(0, 72)}\n\n${text}${lines.join('\n')}\n`
}

/** Text of a model or a task must not be able to add a line, which could be a trailer. */
function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim()
}

function wrap(text: string): string {
  const lines: string[] = []
  for (const word of oneLine(text).split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + word.length < 72)
      lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines.join('\n')
}
