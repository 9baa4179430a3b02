import { isDeepStrictEqual } from 'node:util'
import type { Agent } from '../../api/agent.ts'
import type { AgentTask } from '../../api/agent-task.ts'
import {
  isTrue,
  withConditions,
  withoutCondition,
  type ConditionUpdate,
} from '../../api/condition-list.ts'
import { requestConditions, requestReasons, type RequestReason } from '../../api/conditions.ts'
import type { DevRequest, DevRequestStatus, Plan, PlannedTask } from '../../api/devrequest.ts'
import { hasFailed, hasSucceeded, heldBy, inPlan, isFinished } from '../../api/task-state.ts'
import { failedPart, type FailedPart } from './failed-part.ts'

/** Something outside that stops the work; it goes on by itself when the cause is gone. */
export interface Stall {
  readonly reason: RequestReason
  /** A sentence that says what is wrong and what to do. */
  readonly message: string
}

/** Where the planning of a request stands. It runs outside reconciles. */
export type PlanningState =
  | { readonly state: 'idle' }
  | { readonly state: 'running' }
  | { readonly state: 'done'; readonly plan: Plan; readonly tokens: number }

/** Everything a decision about one request rests on. */
export interface RequestObservation {
  readonly request: DevRequest
  /** Why the spec cannot be worked on, if so. */
  readonly invalid: string | undefined
  /** The model's name, the operator's default when the request names none. */
  readonly model: string
  /** Its own tasks. */
  readonly tasks: readonly AgentTask[]
  /** Agents that hold one of them. */
  readonly agents: readonly Agent[]
  readonly planning: PlanningState
  readonly stall: Stall | undefined
  /** The branch as the forge last told. */
  readonly branch: { readonly head: string; readonly commits: number } | undefined
  readonly now: number
}

export type RequestDecision =
  | { readonly kind: 'rest'; readonly nextAt: number | undefined }
  /** `urgent`: the request came into another state; else it only tells more about the same one. */
  | { readonly kind: 'write'; readonly status: DevRequestStatus; readonly urgent: boolean }
  /** Ask the forge for the repository and the request's branch. */
  | { readonly kind: 'prepare' }
  /** Ask the planner, in the background. */
  | { readonly kind: 'plan' }
  /** Plan a failed part anew, in the background. */
  | { readonly kind: 'replan'; readonly failed: FailedPart }
  | { readonly kind: 'create-tasks'; readonly tasks: readonly PlannedTask[] }
  /** Read the branch's head, then write the end. */
  | { readonly kind: 'deliver' }
  /** Its time after the end is over. */
  | { readonly kind: 'remove' }

const { Accepted, Planned, Authorized, Integrated, Delivered, Succeeded, Finished, Stalled } =
  requestConditions

/** What to do about one request now: a new state first, so that people see it, then the next step of the way, then figures. */
export function decideRequest(seen: RequestObservation): RequestDecision {
  const { request, now } = seen
  if (request.metadata.deletionTimestamp !== undefined) return { kind: 'rest', nextAt: undefined }
  if (isTrue(request, Finished)) return afterTheEnd(request, now)

  const status = statusOf(seen)
  if (!isDeepStrictEqual(stateOf(request.status ?? {}), stateOf(status)))
    return { kind: 'write', status, urgent: true }
  const step = nextStep(seen, status)
  if (step.kind !== 'rest' || isDeepStrictEqual(request.status, status)) return step
  return { kind: 'write', status, urgent: false }
}

/** What of a status is written at once: all but its figures and the words beside them. */
function stateOf(status: DevRequestStatus): unknown {
  const {
    progress: _,
    waitingFor: _w,
    team: _t,
    tokens: _k,
    head: _h,
    commits: _c,
    ...state
  } = status
  return {
    ...state,
    conditions: status.conditions?.map(({ message, ...condition }) =>
      condition.type === Stalled ? { message, ...condition } : condition,
    ),
  }
}

function nextStep(seen: RequestObservation, status: DevRequestStatus): RequestDecision {
  const { request } = seen
  const tasks = inPlan(seen.tasks, status.plan)
  if (seen.invalid !== undefined) return { kind: 'rest', nextAt: undefined }
  if (status.repository === undefined) return { kind: 'prepare' }
  if (status.plan === undefined)
    return seen.planning.state === 'idle' ? { kind: 'plan' } : { kind: 'rest', nextAt: undefined }
  if (request.spec.planOnly === true) return { kind: 'deliver' }

  const missing = status.plan.tasks.filter(
    (planned) => !tasks.some((task) => task.metadata.name === planned.name),
  )
  if (missing.length > 0) return { kind: 'create-tasks', tasks: missing }
  if (!tasks.every(isFinished)) return { kind: 'rest', nextAt: undefined }
  const failed = failedPart(status.plan, tasks)
  if (failed === undefined) return { kind: 'deliver' }
  return seen.planning.state === 'idle'
    ? { kind: 'replan', failed }
    : { kind: 'rest', nextAt: undefined }
}

/** The status while it goes on, computed anew from what is seen. */
export function statusOf(seen: RequestObservation): DevRequestStatus {
  const { request, tasks, planning, stall, branch } = seen
  const before = request.status ?? {}
  // The first stored plan wins, and the first stored revision of it.
  const plan =
    planning.state === 'done' && planning.plan.revision > (before.plan?.revision ?? 0)
      ? { ...planning.plan, tokens: planning.tokens }
      : before.plan
  const current = inPlan(tasks, plan)
  const prepared = before.repository !== undefined
  const at = new Date(seen.now).toISOString()
  const [reason, message] = summary(seen, prepared, plan)
  const updates: ConditionUpdate[] = [
    accepted(seen, prepared, stall),
    {
      type: Planned,
      status: plan === undefined ? 'Unknown' : 'True',
      reason: plan === undefined ? requestReasons.Pending : requestReasons.Planned,
      message:
        plan === undefined
          ? 'not planned yet'
          : `${plan.tasks.length} tasks, planned by a ${plan.source}`,
    },
    {
      type: Authorized,
      status: plan === undefined ? 'Unknown' : 'True',
      reason: plan === undefined ? requestReasons.Pending : requestReasons.Planned,
      message: plan === undefined ? 'waits for the plan' : 'no approval is required',
    },
    {
      type: Integrated,
      status: 'Unknown',
      reason: requestReasons.Pending,
      message: `${current.filter(hasSucceeded).length} of ${plan?.tasks.length ?? 0} tasks are on the branch`,
    },
    {
      type: Delivered,
      status: 'Unknown',
      reason: requestReasons.Pending,
      message: 'not delivered yet',
    },
    { type: Succeeded, status: 'Unknown', reason, message },
    { type: Finished, status: 'False', reason, message },
  ]
  const conditions = withConditions(
    before.conditions ?? [],
    updates,
    at,
    request.metadata.generation,
  )
  const finished = current.filter(isFinished).length
  const team = teamOf(seen.agents)
  const { waitingFor: _waitingFor, team: _team, ...kept } = before
  return {
    ...kept,
    observedGeneration: request.metadata.generation,
    conditions: [
      ...(stall === undefined
        ? withoutCondition(conditions, Stalled)
        : withConditions(
            conditions,
            [{ type: Stalled, status: 'True', ...stall }],
            at,
            request.metadata.generation,
          )),
    ],
    model: seen.model,
    startedAt: before.startedAt ?? at,
    ...(plan === undefined ? {} : { plan, progress: `${finished}/${plan.tasks.length}` }),
    ...waiting(seen),
    ...(team === '' ? {} : { team }),
    ...(branch === undefined ? {} : { head: branch.head, commits: branch.commits }),
    tokens: tokensOf(tasks, plan, before),
  }
}

/** The status at the end. `branch` is what the forge says last. */
export function finalStatus(seen: RequestObservation): DevRequestStatus {
  const { request, branch } = seen
  const at = new Date(seen.now).toISOString()
  const base = statusOf(seen)
  const tasks = inPlan(seen.tasks, base.plan)
  const failed = tasks.filter((task) => hasFailed(task) && task.spec.onFailure === 'FailRequest')
  const lost = tasks.filter((task) => hasFailed(task) && task.spec.onFailure === 'Continue')
  const dead =
    failed.find((task) => task.status?.failure?.reason !== 'DependencyFailed') ?? failed[0]
  const planOnly = request.spec.planOnly === true
  const good = failed.length === 0
  const reason: RequestReason = planOnly
    ? requestReasons.PlanOnly
    : good
      ? requestReasons.Succeeded
      : requestReasons.TasksFailed
  const message = planOnly
    ? 'the plan is in status.plan; nothing was run, as asked'
    : dead === undefined
      ? delivered(base, tasks, lost)
      : `${dead.metadata.name} failed: ${dead.status?.failure?.reason ?? 'unknown'}: ${dead.status?.failure?.message ?? ''} ${dead.status?.failure?.remedy ?? ''}`
  const through = good && !planOnly
  const updates: ConditionUpdate[] = [
    {
      type: Integrated,
      status: through ? 'True' : 'False',
      reason,
      message: through ? 'every task is on the branch' : message,
    },
    {
      type: Delivered,
      status: through ? 'True' : 'False',
      reason,
      message: through ? `branch ${base.branch ?? ''}` : message,
    },
    { type: Succeeded, status: good ? 'True' : 'False', reason, message },
    { type: Finished, status: 'True', reason, message },
  ]
  const { waitingFor: _waitingFor, team: _team, ...kept } = base
  return {
    ...kept,
    conditions: [
      ...withConditions(
        withoutCondition(base.conditions ?? [], Stalled),
        updates,
        at,
        request.metadata.generation,
      ),
    ],
    ...(branch === undefined ? {} : { head: branch.head, commits: branch.commits }),
    completionTime: at,
    summary: message.slice(0, 2000),
  }
}

function delivered(
  status: DevRequestStatus,
  tasks: readonly AgentTask[],
  lost: readonly AgentTask[],
): string {
  const finish = tasks.find((task) => task.spec.action === 'finish')?.status?.result?.summary
  const without =
    lost.length === 0 ? '' : `, without ${lost.map((task) => task.metadata.name).join(', ')}`
  return `branch ${status.branch ?? ''} is ready${without}. ${finish ?? ''}`.trim()
}

function afterTheEnd(request: DevRequest, now: number): RequestDecision {
  const seconds = request.spec.ttlSecondsAfterFinished
  const ended = request.status?.completionTime
  if (seconds === undefined || ended === undefined) return { kind: 'rest', nextAt: undefined }
  const end = Date.parse(ended) + seconds * 1000
  return end <= now ? { kind: 'remove' } : { kind: 'rest', nextAt: end }
}

function accepted(
  seen: RequestObservation,
  prepared: boolean,
  stall: Stall | undefined,
): ConditionUpdate {
  if (seen.invalid !== undefined)
    return {
      type: Accepted,
      status: 'False',
      reason: requestReasons.InvalidSpec,
      message: seen.invalid,
    }
  if (prepared)
    return {
      type: Accepted,
      status: 'True',
      reason: 'Accepted',
      message: 'its repository is there',
    }
  return {
    type: Accepted,
    status: stall === undefined ? 'Unknown' : 'False',
    reason: stall?.reason ?? requestReasons.Preparing,
    message: stall?.message ?? 'its repository is being made',
  }
}

function summary(
  seen: RequestObservation,
  prepared: boolean,
  plan: Plan | undefined,
): readonly [RequestReason, string] {
  if (seen.invalid !== undefined) return [requestReasons.InvalidSpec, seen.invalid]
  if (seen.stall !== undefined) return [seen.stall.reason, seen.stall.message]
  if (seen.request.spec.suspend === true)
    return [requestReasons.Suspended, 'spec.suspend is true; set it to false to go on']
  if (!prepared) return [requestReasons.Preparing, 'its repository is being made']
  if (plan === undefined)
    return [requestReasons.Planning, `model ${seen.model} is asked for a plan`]
  const current = inPlan(seen.tasks, plan)
  const failed = current.every(isFinished) ? failedPart(plan, current) : undefined
  if (failed !== undefined)
    return [requestReasons.Replanning, `unit ${failed.unit} failed; it is planned anew`]
  const running = seen.tasks.filter((task) => heldBy(task) !== undefined).length
  return [requestReasons.Running, `${running} tasks are being worked on`]
}

function waiting(seen: RequestObservation): { readonly waitingFor?: string } {
  if (seen.stall !== undefined) return { waitingFor: waitingWord[seen.stall.reason] ?? 'a person' }
  if (seen.request.spec.suspend === true) return { waitingFor: 'spec.suspend=false' }
  const queue = seen.tasks.filter((task) => task.status?.queue !== undefined && !isFinished(task))
  const working = seen.tasks.some((task) => heldBy(task) !== undefined)
  const reason = queue[0]?.status?.queue?.reason
  return !working && reason !== undefined ? { waitingFor: reason.slice(0, 120) } : {}
}

const waitingWord: Partial<Record<RequestReason, string>> = {
  ModelUnavailable: 'the model server',
  ModelMissing: 'the model',
  ForgeUnavailable: 'the forge',
  ForgeFull: 'room on the forge',
  SourceUnavailable: 'the source repository',
}

function teamOf(agents: readonly Agent[]): string {
  const counts = new Map<string, number>()
  for (const agent of agents) counts.set(agent.spec.type, (counts.get(agent.spec.type) ?? 0) + 1)
  return [...counts]
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([type, count]) => `${type} x${count}`)
    .join(', ')
    .slice(0, 120)
}

/** Tokens only grow: what planning used, plus what each task's accepted or last result used. */
function tokensOf(
  tasks: readonly AgentTask[],
  plan: Plan | undefined,
  before: DevRequestStatus,
): number {
  const planned = plan?.tokens ?? 0
  const used = tasks.reduce((sum, task) => sum + (task.status?.result?.tokens ?? 0), planned)
  return Math.max(before.tokens ?? 0, used)
}
