import { counted } from '../api/plain-text.ts'
import { isTrue } from '../api/condition-list.ts'
import { taskConditions, taskReasons } from '../api/conditions.ts'
import {
  findingsInShort,
  hasSucceeded,
  heldBy,
  isFinished,
  isIntegrating,
  isUnchecked,
  statusWord,
} from '../api/task-state.ts'
import type { AgentTask } from '../api/agent-task.ts'
import { type Action, type Verdict, standingVerdicts, verdictWords } from '../api/agent-types.ts'
import { type Span, amount, between, shortCommit } from './text.ts'
import type { TaskLine } from './request.ts'

/** Where a task is, as the tree shows it. */
export type TaskState =
  | 'planned'
  | 'waiting'
  | 'running'
  | 'integrating'
  | 'succeeded'
  | 'unchecked'
  | 'skipped'
  | 'failed'
  | 'dead'

/** One word for where a task is; `planned` when no AgentTask exists yet. */
export function stateOf(task: AgentTask | undefined): TaskState {
  if (task === undefined) return 'planned'
  if (isFinished(task)) {
    const word = statusWord(task)
    if (word === taskReasons.Skipped || word === taskReasons.Cancelled) return 'skipped'
    if (isUnchecked(task)) return 'unchecked'
    if (hasSucceeded(task)) return 'succeeded'
    return isTrue(task, taskConditions.DeadLettered) ? 'dead' : 'failed'
  }
  if (isIntegrating(task)) return 'integrating'
  return heldBy(task) === undefined ? 'waiting' : 'running'
}

/** The sign before a task. */
export const icons: Readonly<Record<TaskState, Span>> = {
  planned: { text: '◷', paint: 'dim' },
  waiting: { text: '◷', paint: 'dim' },
  running: { text: '●', paint: 'blue' },
  integrating: { text: '●', paint: 'cyan' },
  succeeded: { text: '✔', paint: 'green' },
  unchecked: { text: '?', paint: 'yellow' },
  skipped: { text: '○', paint: 'dim' },
  failed: { text: '✖', paint: 'red' },
  dead: { text: '⚠', paint: 'red' },
}

/** How long the task has taken so far, or took; empty before it began. `now` in milliseconds. */
export function taskDuration(task: AgentTask | undefined, now: number): string {
  if (task === undefined) return ''
  const { startedAt, completionTime } = task.status ?? {}
  const start = startedAt ?? heldBy(task)?.at
  return start === undefined ? '' : between(start, completionTime, now)
}

/** The activity of a task, or its result, in a few words. */
export function taskDetail(line: TaskLine): string {
  return line.task === undefined ? '' : details[stateOf(line.task)](line.task, line)
}

const details: Readonly<Record<TaskState, (task: AgentTask, line: TaskLine) => string>> = {
  planned: () => '',
  waiting: (task, { planned }) => waitingText(task, planned.after),
  running: (task, { agent }) => runningText(task, agent?.status?.activity ?? ''),
  integrating: (task) => joined([resultText(task), 'merging']),
  succeeded: (task) => joined([resultText(task), findingsInShort(task, 80)]),
  unchecked: (task) => joined([resultText(task), task.status?.result?.summary ?? '']),
  skipped: (task) => task.status?.failure?.message ?? statusWord(task),
  failed: failedText,
  dead: failedText,
}

function runningText(task: AgentTask, activity: string): string {
  const attempt = heldBy(task)?.attempt ?? 1
  if (attempt === 1) return activity
  const last = task.status?.history?.at(-1)?.failure?.reason
  return joined([`attempt ${attempt}${last === undefined ? '' : ` after ${last}`}`, activity])
}

function failedText(task: AgentTask): string {
  const { reason, message } = task.status?.failure ?? {}
  const said = joined([reason ?? statusWord(task), message ?? ''], ': ')
  return joined([said, testsOf(task)])
}

/** A verdict in words; empty when it is the usual one: a task that only looks changes nothing. */
export function verdictText({ spec }: AgentTask, verdict: Verdict): string {
  if (verdict === 'Done' || (verdict === 'NothingChanged' && looking.has(spec.action))) return ''
  return verdictWords[verdict] ?? verdict
}

const looking: ReadonlySet<Action> = new Set(['branch', 'verify', 'review', 'finish'])

/** The verdict in figures: `7 tests passed · 2 tries · 1a2b3c4d`. */
function resultText(task: AgentTask): string {
  const result = task.status?.result
  if (result === undefined) return ''
  const tests = testsOf(task)
  const attempts = task.status?.attempts ?? 1
  return joined([
    verdictText(task, result.verdict),
    tests,
    result.tries > 1 ? `${result.tries} tries` : '',
    attempts > 1 ? `attempt ${attempts}` : '',
    result.tokens > 0 ? `${amount(result.tokens)} tokens` : '',
    shortCommit(result.merged ?? result.commit ?? ''),
  ])
}

/**
 * `7 tests passed`, `1 of 7 tests failed`; empty when nothing was counted. The last run counts. In
 * a result that was accepted as good, tests may fail all the same, and the words say why that is
 * right: new tests come before their code, and tests that failed before are not this task's fault.
 */
export function testsOf(task: AgentTask): string {
  const { result } = task.status ?? {}
  const run = result?.evidence.findLast(({ passed, failed }) => passed + failed > 0)
  if (result === undefined || run === undefined) return ''
  const { passed, unloaded = 0 } = run
  const failed = run.failed - unloaded
  const stands = standingVerdicts.has(result.verdict)
  const files = unloaded === 0 ? '' : unloadedText(unloaded, stands, run.digest)
  if (unloaded > 0 && failed === 0)
    return joined([passed === 0 ? '' : `${counted(passed, 'test')} passed`, files], '; ')
  if (failed === 0) return `${counted(passed, 'test')} passed`
  const all = counted(passed + failed, 'test')
  if (!stands) return joined([`${failed} of ${all} failed`, files], '; ')
  if (task.spec.action === 'spec') {
    return passed === 0
      ? `${all} written, failing as they must before the code`
      : `${all} written, ${failed} failing before the code`
  }
  const counts = `${counted(passed, 'test')} passed, ${failed} failing as before`
  return joined([counts, files], '; ')
}

/**
 * Test files that could not be loaded. In good work they are not its fault, which the reader has to
 * be told: often they wait for code of another task. The digest of such a run has a line
 * `- FILE` for each.
 */
function unloadedText(unloaded: number, stands: boolean, digest: string): string {
  if (!stands) return `${counted(unloaded, 'file')} could not be loaded`
  const [first] = /^- (\S+)$/m.exec(digest)?.slice(1) ?? []
  const others = unloaded - 1
  const what =
    first === undefined
      ? counted(unloaded, 'test file')
      : others === 0
        ? first
        : `${first} and ${counted(others, 'other file')}`
  return `${what} could not be loaded before either`
}

function waitingText(task: AgentTask, after: readonly string[]): string {
  const { queue, history, attempts } = task.status ?? {}
  const last = history?.at(-1)
  const retry =
    last === undefined
      ? ''
      : `attempt ${attempts ?? history?.length ?? 1} failed: ${last.failure?.reason ?? 'no reason given'}`
  if (queue !== undefined && queue.reason !== '') {
    const place = queue.position > 0 ? ` (${queue.position} before it)` : ''
    return joined([retry, `${queue.reason}${place}`])
  }
  const waits = after.length === 0 ? '' : `waits for ${counted(after.length, 'task')}`
  return joined([retry, isTrue(task, taskConditions.Ready) ? 'queued' : waits])
}

const joined = (parts: readonly string[], by = ' · ') => parts.filter(Boolean).join(by)
