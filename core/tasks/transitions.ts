// The life of an AgentTask as an explicit state machine: each function is one transition and gives
// the whole next status.
//
//   waiting -> (queued) -> assigned -> integrating -> succeeded, or unchecked
//                 ^           |             |
//                 +-- retrying <------------+--> dead-lettered
//   waiting -> skipped
//
// Waiting is the default of the schema, which nobody writes; queued is written only for a task that
// has to wait for an agent. Pure. Who calls what: the scheduler queues and assigns; the controller
// skips, integrates and ends attempts; the hub accepts reports. Every write carries the
// resourceVersion it was decided on, so two of them cannot both win.
import { type FailureReason, hopelessReasons, remedyIn, uncountedReasons } from '../api/failures.ts'
import { conditionOf, isTrue, withConditions, withoutCondition } from '../api/condition-list.ts'
import { taskConditions, taskReasons } from '../api/conditions.ts'
import { git } from '../api/names.ts'
import { standingVerdicts, verdictWords } from '../api/agent-types.ts'
import { hasFailed, heldBy, isComplete, isFinished } from '../api/task-state.ts'
import type { AgentTask, AgentTaskStatus, Failure, TaskResult } from '../api/agent-task.ts'
import type { Report } from '../api/agent-protocol.ts'
import { type Condition, pathPattern } from '../api/schema.ts'
import type { Act } from '../api/audit-trail.ts'
import { exponential } from '../base/backoff.ts'

/** A next status, and what to tell people about it. */
export interface Transition {
  readonly status: AgentTaskStatus
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly message: string
  /** Its audit record; undefined when the state stays the same. */
  readonly act: Act | undefined
}

/** The longest pause between two attempts of a task. */
export const longestPauseMs = 60_000
const pauses = { baseMs: 2_000, capMs: longestPauseMs } as const

/** Attempts of any kind; `status.history` holds no more. */
const mostAttempts = 10

const { Ready, Assigned, Succeeded, Finished, DeadLettered, Stalled } = taskConditions
const rfc3339 = (ms: number): string => new Date(ms).toISOString()

/** An agent gets the task. The attempt number is the fencing token of everything that follows. */
export function assign(
  task: AgentTask,
  agent: { readonly name: string; readonly podUid: string },
  now: number,
): Transition {
  const attempt = (task.status?.assignment?.attempt ?? 0) + 1
  return next(task, now, {
    type: 'Normal',
    reason: taskReasons.Running,
    message: `the task was given to ${agent.name}, attempt ${attempt}`,
    act: { action: 'Assigned', message: `the task was given to ${agent.name}, attempt ${attempt}` },
    conditions: [
      [Ready, 'True', taskReasons.Queued],
      [Assigned, 'True', taskReasons.Running],
      [Succeeded, 'Unknown', taskReasons.Running],
      [Finished, 'False', taskReasons.Running],
    ],
    fields: {
      assignment: {
        agent: agent.name,
        podUid: agent.podUid,
        attempt,
        at: rfc3339(now),
        deadline: rfc3339(now + task.spec.timeoutSeconds * 1000),
      },
      attempts: attempt,
      startedAt: task.status?.startedAt ?? rfc3339(now),
    },
    remove: ['queue', 'notBefore', 'failure'],
  })
}

/**
 * The effect of a report: `fenced` when it comes from anyone but the holder of the current attempt.
 */
type ReportDecision =
  | { readonly kind: 'fenced'; readonly message: string }
  /** The same report came before and was accepted. */
  | { readonly kind: 'repeated' }
  | { readonly kind: 'accepted'; readonly transition: Transition }

/**
 * Judges a report. Accepts at most one for a task, and only from the Pod and attempt that hold it.
 * `tokens` and `model` are what the gateway counted, not what the agent says.
 */
export function acceptReport(
  task: AgentTask,
  report: Report,
  from: { readonly podUid: string; readonly tokens: number; readonly model: string },
  now: number,
): ReportDecision {
  const assignment = task.status?.assignment
  if (task.metadata.uid !== report.uid)
    return { kind: 'fenced', message: 'the task was made again under the same name' }
  if (assignment?.podUid !== from.podUid || assignment.attempt !== report.attempt)
    return { kind: 'fenced', message: 'the task is held by another attempt' }
  if (heldBy(task) === undefined) {
    const over = (task.status?.history ?? []).some((entry) => entry.attempt === report.attempt)
    return over && task.status?.result === undefined
      ? { kind: 'fenced', message: 'the attempt is over' }
      : { kind: 'repeated' }
  }
  if (!standingVerdicts.has(report.verdict) || report.failure !== undefined) {
    const reason: FailureReason = report.failure?.reason ?? 'ChecksFailed'
    const ended = attemptOver(
      task,
      {
        reason,
        message: report.failure?.message ?? report.summary,
        report,
        tokens: from.tokens,
        model: from.model,
      },
      now,
    )
    return { kind: 'accepted', transition: ended }
  }
  const result = resultOf(report, from)
  if (result.commit === undefined)
    return { kind: 'accepted', transition: complete(task, result, now) }
  return {
    kind: 'accepted',
    transition: next(task, now, {
      type: 'Normal',
      reason: taskReasons.Integrating,
      message: `${result.summary || result.verdict}; the commit waits to be merged`,
      act: {
        action: taskReasons.Integrating,
        message: `${result.verdict}, commit ${result.commit}, ${whoseAttempt(task)}`,
      },
      conditions: [
        [Assigned, 'False', taskReasons.Integrating],
        [Succeeded, 'Unknown', taskReasons.Integrating],
      ],
      fields: { result },
    }),
  }
}

/** The task's commit is on the request's branch. */
export function integrated(task: AgentTask, merged: string, now: number): Transition {
  const result = task.status?.result
  if (result === undefined) throw new TypeError(`task ${task.metadata.name} has no result`)
  return complete(task, { ...result, merged }, now)
}

/** How an attempt ended without success. */
interface AttemptEnd {
  readonly reason: FailureReason
  readonly message: string
  readonly report?: Report
  readonly tokens?: number
  readonly model?: string
}

/**
 * An attempt ended without success: try again after a pause, or dead-letter it with evidence and
 * remedy.
 */
export function attemptOver(task: AgentTask, end: AttemptEnd, now: number): Transition {
  const assignment = task.status?.assignment
  const failure: Failure = {
    reason: end.reason,
    message: cut(end.message, 1000),
    remedy: remedyIn(end.reason, task.metadata.namespace, end.message),
  }
  const attempt = assignment?.attempt ?? 1
  const history = [
    ...(task.status?.history ?? []),
    {
      attempt,
      agent: assignment?.agent ?? '',
      startedAt: assignment?.at ?? rfc3339(now),
      finishedAt: rfc3339(now),
      ...(end.report === undefined ? {} : { verdict: end.report.verdict }),
      ...(end.report?.commit === undefined
        ? {}
        : { branch: git.taskBranch(task.metadata.name, attempt) }),
      failure,
    },
  ].slice(-10)
  // Attempts that failed because of the surroundings do not count against the task; the schema's
  // limit on attempts holds all the same.
  const waited = history.filter((entry) =>
    uncountedReasons.has(entry.failure?.reason ?? end.reason),
  )
  const used = attempt - waited.length
  const last =
    used >= task.spec.maxAttempts || attempt >= mostAttempts || hopelessReasons.has(end.reason)
  if (!last) {
    // A task whose agent was taken away need not wait; work that failed might fail in the same way
    // at once.
    const pauseMs = end.reason === 'AgentWithdrawn' ? 0 : exponential(pauses, attempt - 1)
    return next(task, now, {
      type: 'Warning',
      reason: taskReasons.Retrying,
      act: { action: taskReasons.Retrying, message: `${failure.reason}, ${whoseAttempt(task)}` },
      message: `attempt ${attempt} of ${task.spec.maxAttempts} failed: ${failure.reason}: ${failure.message}`,
      conditions: [
        [Ready, 'True', taskReasons.Retrying],
        [Assigned, 'False', taskReasons.Retrying],
        [Succeeded, 'Unknown', taskReasons.Retrying],
      ],
      fields: { history, failure, notBefore: rfc3339(now + pauseMs) },
      remove: ['result'],
    })
  }
  return next(task, now, {
    type: 'Warning',
    reason: taskReasons.DeadLettered,
    act: { action: taskReasons.DeadLettered, message: `${failure.reason}, ${whoseAttempt(task)}` },
    message: `${failure.reason}: ${failure.message} Remedy: ${failure.remedy}`,
    conditions: [
      [Assigned, 'False', taskReasons.DeadLettered],
      [Succeeded, 'False', taskReasons.DeadLettered],
      [Finished, 'True', taskReasons.DeadLettered],
      [DeadLettered, 'True', failure.reason],
    ],
    fields: {
      history,
      failure,
      completionTime: rfc3339(now),
      ...(end.report === undefined
        ? {}
        : { result: resultOf(end.report, { tokens: end.tokens ?? 0, model: end.model ?? '' }) }),
    },
    remove: end.report === undefined ? ['queue', 'notBefore', 'result'] : ['queue', 'notBefore'],
  })
}

/** A task that this task needs did not succeed. */
export function skip(task: AgentTask, because: string, now: number): Transition {
  return next(task, now, {
    type: 'Warning',
    reason: taskReasons.Skipped,
    message: `the task was skipped, since ${because} did not succeed`,
    act: { action: taskReasons.Skipped, message: `${because} did not succeed` },
    conditions: [
      [Ready, 'False', taskReasons.Skipped],
      [Succeeded, 'False', taskReasons.Skipped],
      [Finished, 'True', taskReasons.Skipped],
    ],
    fields: {
      failure: {
        reason: 'DependencyFailed',
        message: `${because} did not succeed`,
        remedy: remedyIn('DependencyFailed', task.metadata.namespace),
      },
      completionTime: rfc3339(now),
    },
    remove: ['queue'],
  })
}

/**
 * The task waits in the queue. Its position is written only when the reason changes, to save API
 * writes.
 */
export function queued(task: AgentTask, position: number, reason: string, now: number): Transition {
  const known = isTrue(task, Ready)
  return next(task, now, {
    type: 'Normal',
    reason: taskReasons.Queued,
    message: reason,
    act: known ? undefined : { action: taskReasons.Queued, message: 'the task waits for an agent' },
    conditions: known
      ? []
      : [
          [Ready, 'True', taskReasons.Queued],
          [Assigned, 'False', taskReasons.Queued],
          [Succeeded, 'Unknown', taskReasons.Queued],
          [Finished, 'False', taskReasons.Queued],
        ],
    fields: { queue: { position, reason: cut(reason, 200) } },
  })
}

/** The end of a task whose work stands. For unchecked work `Succeeded` is False. */
function complete(task: AgentTask, result: TaskResult, now: number): Transition {
  const unchecked = result.verdict === 'Unchecked'
  const reason = unchecked ? taskReasons.Unchecked : taskReasons.Succeeded
  const verdict = verdictWords[result.verdict] ?? result.verdict
  return next(task, now, {
    type: unchecked ? 'Warning' : 'Normal',
    reason,
    message: result.summary || verdict,
    act: {
      action: reason,
      message:
        result.merged === undefined
          ? `${verdict}, ${whoseAttempt(task)}`
          : `${verdict}, merged as ${result.merged}`,
    },
    conditions: [
      [Assigned, 'False', reason],
      [Succeeded, unchecked ? 'False' : 'True', reason],
      [Finished, 'True', reason],
    ],
    fields: { result, completionTime: rfc3339(now) },
    remove: ['queue', 'notBefore', 'failure'],
  })
}

function resultOf(
  report: Report,
  counted: { readonly tokens: number; readonly model: string },
): TaskResult {
  return {
    verdict: report.verdict,
    summary: report.summary,
    ...(report.commit === undefined ? {} : { commit: report.commit }),
    files: report.files.filter((file) => pathPattern.test(file)),
    evidence: report.evidence,
    tries: report.tries,
    tokens: counted.tokens,
    durationSeconds: Math.round(report.durationSeconds),
    notes: report.notes,
    model: counted.model,
  }
}

interface Step {
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly message: string
  readonly act: Act | undefined
  readonly conditions: readonly (readonly [string, Condition['status'], string])[]
  readonly fields?: Partial<AgentTaskStatus>
  readonly remove?: readonly (keyof AgentTaskStatus)[]
}

function next(task: AgentTask, now: number, step: Step): Transition {
  // A second leader could read this condition, so its removal is written too.
  const before = withoutCondition(task.status?.conditions ?? [], Stalled)
  const cleared =
    conditionOf(task, DeadLettered) !== undefined &&
    !step.conditions.some(([type]) => type === DeadLettered)
      ? withoutCondition(before, DeadLettered)
      : before
  const conditions = withConditions(
    cleared,
    step.conditions.map(([type, status, reason]) => ({
      type,
      status,
      reason,
      message: step.message,
    })),
    rfc3339(now),
    task.metadata.generation,
  )
  const kept = Object.fromEntries(
    Object.entries({ ...task.status, ...step.fields }).filter(
      ([key]) => step.remove?.includes(key as keyof AgentTaskStatus) !== true,
    ),
  ) as AgentTaskStatus
  return {
    status: { ...kept, observedGeneration: task.metadata.generation, conditions: [...conditions] },
    type: step.type,
    reason: step.reason,
    message: step.message,
    act: step.act,
  }
}

function whoseAttempt(task: AgentTask): string {
  const { agent = 'nobody', attempt = 0 } = task.status?.assignment ?? {}
  return `attempt ${attempt} of ${task.spec.maxAttempts} on ${agent}`
}

function cut(text: string, max: number): string {
  return text.length > max ? `${text.slice(0, max - 3)}...` : text
}

/** Whether a task may start, by the tasks that it waits for. */
export type Readiness =
  | { readonly state: 'ready' }
  | { readonly state: 'waiting' }
  /** The task `by` did not succeed, and this task cannot do without it. */
  | { readonly state: 'broken'; readonly by: string }

/**
 * `find` gives a task of the same request by name. A task that is not there (yet) is waited for.
 */
export function readinessOf(
  task: AgentTask,
  find: (name: string) => AgentTask | undefined,
): Readiness {
  const needed = task.spec.after.map(find)
  const broken = needed.find((other) => other !== undefined && hasFailed(other) && !maySpare(other))
  if (broken !== undefined) return { state: 'broken', by: broken.metadata.name }
  const met = needed.every(
    (other) => other !== undefined && (isComplete(other) || (isFinished(other) && maySpare(other))),
  )
  return { state: met ? 'ready' : 'waiting' }
}

/**
 * True when the request goes on without the task. Not when the task was skipped itself: then the
 * tasks behind it lack what it waited for, too.
 */
function maySpare(task: AgentTask): boolean {
  return task.spec.onFailure === 'Continue' && task.status?.failure?.reason !== 'DependencyFailed'
}
