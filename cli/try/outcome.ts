// What came of it all, as programs read it.
import type { CheckedTry } from '../../agent-image/agent/pipelines/pipeline.ts'
import type { AgentTask, Evidence, Failure } from '../../core/api/agent-task.ts'
import { counted } from '../../core/api/plain-text.ts'
import type { Verdict } from '../../core/api/agent-types.ts'
import {
  type FailureReason,
  failureRemedies,
  refusingReasons,
  remedyInWords,
} from '../../core/api/failures.ts'
import { hasFailed, isUnchecked } from '../../core/api/task-state.ts'
import type { EndedTask } from './run-plan.ts'

/** One candidate of the tasks that decide. */
interface ShownTry {
  readonly kind: CheckedTry['kind']
  readonly accepted: boolean
  /** Sentences; empty for one that was accepted. */
  readonly failures: readonly string[]
}

/** `guild try --json`. */
export interface TryResult {
  readonly verdict: Verdict
  readonly failure?: Failure
  readonly tries: readonly ShownTry[]
  /** Paths of the change. */
  readonly files: readonly string[]
  readonly evidence: readonly Evidence[]
  readonly warnings: readonly string[]
  /** A patch that `git apply` takes; that of the best try when none was accepted. */
  readonly diff: string
  /** Read and written. */
  readonly tokens: number
}

/** The verdict over tasks that have all ended, with its words for people. */
interface ChainOutcome extends Pick<TryResult, 'verdict' | 'tries' | 'evidence' | 'warnings'> {
  readonly failure: Failure | undefined
  /** One or two sentences. */
  readonly summary: string
  /** For each try, its failures as people are shown them. */
  readonly told: readonly (readonly string[])[]
  /** What the task that failed wrote at best; not on the branch. */
  readonly rejected: string | undefined
}

/**
 * Judges as the operator does at the end of a request: a failed task, else unchecked work, else the
 * last task's verdict.
 */
export function outcomeOf(ended: readonly EndedTask[]): ChainOutcome {
  const failed = ended.filter(
    ({ task }) => hasFailed(task) && task.spec.onFailure === 'FailRequest',
  )
  const dead =
    failed.find(({ task }) => task.status?.failure?.reason !== 'DependencyFailed') ?? failed[0]
  const unchecked = ended.filter(({ task }) => isUnchecked(task))
  const last = dead ?? ended.findLast(({ task }) => task.status?.result !== undefined)
  const result = last?.task.status?.result
  const deciding = ended.filter(
    (one) => one === dead || one.task.spec.action === 'code' || ended.length === 1,
  )
  const tries = deciding.flatMap((one) => one.tries)
  const verdict = (): Verdict => {
    if (dead !== undefined) return failedVerdict(result?.verdict, dead.task.status?.failure?.reason)
    return unchecked.length > 0 ? 'Unchecked' : (result?.verdict ?? 'NothingChanged')
  }
  return {
    verdict: verdict(),
    failure: dead === undefined ? undefined : localFailure(dead.task),
    summary: reasonsOf(unchecked).join(' ') || (result?.summary ?? ''),
    tries: tries.map(shownTry),
    told: tries.map(({ accepted, problem }) => (accepted ? [] : failuresIn(problem))),
    evidence: evidenceOf(ended, last),
    warnings: warningsOf(ended, unchecked),
    rejected: dead === undefined ? undefined : result?.commit,
  }
}

function failedVerdict(verdict: Verdict | undefined, reason: FailureReason | undefined): Verdict {
  if (verdict !== undefined) return verdict
  return reason !== undefined && refusingReasons.has(reason) ? 'Refused' : 'ChecksFailed'
}

/**
 * Why work is unchecked, each reason once: in the words of who wrote it, as those after it only
 * repeat them; else of who verified it, else of who came last.
 */
function reasonsOf(unchecked: readonly EndedTask[]): readonly string[] {
  const by = (action?: string): readonly EndedTask[] =>
    unchecked.filter(({ task }) => action === undefined || task.spec.action === action)
  const told = [by('code'), by('verify'), by()].find((some) => some.length > 0) ?? []
  return [...new Set(told.map(({ task }) => task.status?.result?.summary ?? ''))].filter(Boolean)
}

/**
 * The evidence of the task that has the last word, or of the last task with evidence when that one
 * has none.
 */
function evidenceOf(ended: readonly EndedTask[], last: EndedTask | undefined): readonly Evidence[] {
  const own = last?.task.status?.result?.evidence ?? []
  if (own.length > 0) return own
  const all = ended.map(({ task }) => task.status?.result?.evidence ?? [])
  return all.findLast((evidence) => evidence.length > 0) ?? []
}

function warningsOf(
  ended: readonly EndedTask[],
  unchecked: readonly EndedTask[],
): readonly string[] {
  const found = ended.flatMap(({ task: { spec, status } }) => {
    // What was never begun, because something before it failed, has nothing to say.
    const { failure } = status ?? {}
    const lost =
      spec.onFailure === 'Continue' &&
      failure !== undefined &&
      failure.reason !== 'DependencyFailed'
        ? [`${spec.title}: it failed, and the work went on without it: ${failure.message}`]
        : []
    const notes = spec.action === 'review' ? (status?.result?.notes ?? []) : []
    return [...lost, ...notes.map((note) => `review: ${note}`)]
  })
  return [...new Set([...found, ...reasonsOf(unchecked), ...unrunOf(ended), ...flakyOf(ended)])]
}

/** Tests that passed in one run and failed in another, whichever task saw it. */
function flakyOf(ended: readonly EndedTask[]): readonly string[] {
  return ended.flatMap(({ task }) =>
    (task.status?.result?.notes ?? []).filter((note) => note.startsWith('flaky: ')),
  )
}

/** The person's tests that could not be run: the sentences of the last task that names some. */
function unrunOf(ended: readonly EndedTask[]): readonly string[] {
  const told = ended.map(({ task }) =>
    (task.status?.result?.notes ?? []).filter((note) =>
      /^\d+ tests?\b.* could not be run: /.test(note),
    ),
  )
  return told.findLast((notes) => notes.length > 0) ?? []
}

const mostFailures = 10

function shownTry({ kind, accepted, problem }: CheckedTry): ShownTry {
  return { kind, accepted, failures: accepted ? [] : sentencesIn(problem) }
}

/**
 * A digest of failures is written for a model, in paragraphs; for programs each becomes one line.
 */
function sentencesIn(problem: string): readonly string[] {
  const parts = /^- /m.test(problem) ? problem.split(/^(?=- )/m) : [problem]
  const sentences = parts.map((part) => {
    const [head = '', ...rest] = part
      .replace(/^- /, '')
      .split('\n')
      .filter((line) => !/^\s*>?\s*\d+ \|/.test(line))
      .map((line) => line.trim())
      .filter((line) => line !== '')
    return [head.replace(/:$/, ''), rest.join(' ')].filter(Boolean).join(': ').slice(0, 500)
  })
  return sentences.filter(Boolean).slice(0, mostFailures)
}

/**
 * The same for people, one entry for each failure. One that says its reason in a line is a line;
 * another has up to twelve lines below the first, so that a difference of values stands as it was
 * printed.
 */
export function failuresIn(problem: string): readonly string[] {
  const parts = /^- /m.test(problem) ? problem.split(/^(?=- )/m) : [problem]
  return parts.map(failureIn).filter(Boolean).slice(0, mostFailures)
}

const mostLines = 12
const longestLine = 200

function failureIn(part: string): string {
  const [head = '', ...rest] = part
    .replace(/^- /, '')
    .split('\n')
    .filter((line) => line.trim() !== '' && !/^\s*>?\s*\d+ \|/.test(line))
    .map((line) => line.trimEnd())
  const lines = rest.map((line) => shortened(line.replace(/^ {2}/, '')))
  const title = shortened(head.trim()).replace(/:$/, '')
  if (lines.length < 2)
    return [title, ...lines.map((line) => line.trim())].filter(Boolean).join(': ')
  const more = lines.length - mostLines
  const shown = more > 0 ? [...lines.slice(0, mostLines - 1), moreLines(more + 1)] : lines
  return [title, ...shown.map((line) => `  ${line}`)].join('\n')
}

const shortened = (line: string): string =>
  line.length <= longestLine ? line : `${line.slice(0, longestLine - 1).toWellFormed()}…`

const moreLines = (count: number): string => `… and ${counted(count, 'more line')}`

/** Remedies that differ without a cluster. All others stand in `failureRemedies`. */
const local: Partial<Record<FailureReason, string>> = {
  ModelUnavailable: 'Check the model server: ollama serve   (or name another: --ollama URL).',
  ModelRefused:
    'The model server does not take this question. Where its words name no way out, name another model: --model NAME.',
  ContextTooSmall: 'Give the model more room: --context 16384; or ask for less at once.',
  ChecksFailed:
    'The work did not pass its checks. Sharpen the request, name the files (--files), or use a stronger model.',
  ScopeViolated: 'The agent wrote outside the files of its task. Name the files: --files a,b.',
  TimedOut: 'Give it more time (--timeout SECONDS), or ask for less at once.',
  CloneFailed: 'git could not read the checkout; try git fsck there.',
  PushRejected: 'A temporary folder could not be written: look at the space in it.',
  Conflict: 'Commit or stash the changes that were made meanwhile, and try again.',
  InternalError: 'A defect in Guildhall, or in the sandbox. Please report it with the lines above.',
}

export function remedyFor(reason: FailureReason, message = ''): string {
  return remedyInWords(reason, message) ?? local[reason] ?? failureRemedies[reason]
}

/**
 * For tests of a model that pass before any work: no other model is needed to see whether the work
 * is done.
 */
const lookFirst =
  'Look whether the code does it already; then there is nothing to do. If not, add an example to --goal that comes out wrong today.'

function localFailure({ spec, status }: AgentTask): Failure {
  const { reason = 'InternalError', message = 'a task failed without a reason' } =
    status?.failure ?? {}
  const passes = spec.action === 'spec' && reason === 'ChecksFailed'
  return { reason, message, remedy: passes ? lookFirst : remedyFor(reason, message) }
}
