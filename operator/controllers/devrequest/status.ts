// The status of a DevRequest, computed from the observation alone in each reconcile.
import type { Agent } from '../../../core/api/agent.ts'
import type { AgentTask } from '../../../core/api/agent-task.ts'
import {
  type ConditionUpdate,
  isTrue,
  withConditions,
  withoutCondition,
} from '../../../core/api/condition-list.ts'
import {
  type RequestReason,
  requestConditions,
  requestReasons,
} from '../../../core/api/conditions.ts'
import { counted } from '../../../core/api/plain-text.ts'
import type { DevRequest, DevRequestStatus, Plan } from '../../../core/api/devrequest.ts'
import {
  hasFailed,
  heldBy,
  inPlan,
  isComplete,
  isFinished,
  isUnchecked,
} from '../../../core/api/task-state.ts'
import { givenHash } from '../../../core/planner/tasks.ts'
import { isForPerson, waitingReasonOfStall } from '../../../core/api/waiting-reasons.ts'
import { failedPart } from './failed-part.ts'
import type { RequestObservation, Stall } from './observation.ts'

const { Accepted, Planned, Authorized, Integrated, Delivered, Succeeded, Finished, Stalled } =
  requestConditions

/**
 * The stored plan, unless a person gave another one since. Once work is authorized the stored plan
 * stands.
 */
export function currentPlan(request: DevRequest, plan: Plan | undefined): Plan | undefined {
  if (plan === undefined || isTrue(request, Authorized)) return plan
  return plan.given === givenHash(request.spec.plan) ? plan : undefined
}

/** The status of a request whose work goes on. */
export function statusOf(seen: RequestObservation): DevRequestStatus {
  const { request, tasks, planning, stall, branch } = seen
  const before = request.status ?? {}
  // The first stored plan wins, and the first stored revision of it.
  const plan =
    planning.state === 'done' && planning.plan.revision > (before.plan?.revision ?? 0)
      ? { ...planning.plan, tokens: planning.tokens }
      : before.plan
  const current = inPlan(tasks, plan)
  // Tasks that failed or were skipped are over too, but counted here they would make a failure look
  // like a success.
  const done = current.filter(isComplete).length
  const prepared = before.repository !== undefined
  const at = new Date(seen.now).toISOString()
  const planned = currentPlan(request, plan)
  const [reason, message] = summary(seen, prepared, planned)
  const updates: ConditionUpdate[] = [
    accepted(seen, prepared, stall),
    {
      type: Planned,
      status: planned === undefined ? 'Unknown' : 'True',
      reason: planned === undefined ? requestReasons.Pending : requestReasons.Planned,
      message:
        planned === undefined
          ? 'the request is not planned yet'
          : `${counted(planned.tasks.length, 'task is', 'tasks are')} planned, by a ${planned.source}`,
    },
    authorized(request, planned),
    {
      type: Integrated,
      status: 'Unknown',
      reason: requestReasons.Pending,
      message: `${done} of ${plan?.tasks.length ?? 0} tasks are on the branch`,
    },
    {
      type: Delivered,
      status: 'Unknown',
      reason: requestReasons.Pending,
      message: 'the branch is not delivered yet',
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
  const team = teamOf(seen.agents)
  const { waitingFor: _waitingFor, waitingReason: _waitingReason, team: _team, ...kept } = before
  return {
    ...kept,
    observedGeneration: request.metadata.generation,
    conditions: [
      ...(stall === undefined
        ? withoutCondition(conditions, Stalled)
        : withConditions(
            conditions,
            [{ type: Stalled, status: 'True', reason: stall.reason, message: stall.message }],
            at,
            request.metadata.generation,
          )),
    ],
    model: seen.model,
    startedAt: before.startedAt ?? at,
    ...(plan === undefined ? {} : { plan, progress: `${done}/${plan.tasks.length}` }),
    ...waiting(seen, planned),
    ...(team === '' ? {} : { team }),
    ...(branch === undefined ? {} : { head: branch.head, commits: branch.commits }),
    tokens: tokensOf(tasks, plan, before),
  }
}

/** The status at the end. `seen.branch` has to be the forge's last answer. */
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
  const complete = failed.length === 0
  const unchecked = tasks.filter(isUnchecked)
  const proven = complete && unchecked.length === 0
  const reason: RequestReason = planOnly
    ? requestReasons.PlanOnly
    : proven
      ? requestReasons.Succeeded
      : complete
        ? requestReasons.Unchecked
        : requestReasons.TasksFailed
  const message = planOnly
    ? 'the plan is in status.plan; nothing was run, as asked'
    : dead === undefined
      ? delivered(base, tasks, lost, unchecked)
      : `${dead.metadata.name} failed: ${dead.status?.failure?.reason ?? 'unknown'}: ${dead.status?.failure?.message ?? ''} ${dead.status?.failure?.remedy ?? ''}`
  const through = complete && !planOnly
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
      message: through ? `the branch ${base.branch ?? ''} is final` : message,
    },
    { type: Succeeded, status: planOnly || proven ? 'True' : 'False', reason, message },
    { type: Finished, status: 'True', reason, message },
  ]
  const { waitingFor: _waitingFor, waitingReason: _waitingReason, team: _team, ...kept } = base
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
  unchecked: readonly AgentTask[],
): string {
  const finish = tasks.find((task) => task.spec.action === 'finish')?.status?.result?.summary
  const without =
    lost.length === 0 ? '' : `, without ${lost.map((task) => task.metadata.name).join(', ')}`
  if (unchecked.length === 0)
    return `the branch ${status.branch ?? ''} is ready${without}. ${finish ?? ''}`.trim()
  // The task that wrote a file says best why nothing could check it; the closing task only repeats
  // that.
  const told = unchecked.filter(({ spec }) => spec.action === 'code' || spec.action === 'fix')
  const why = (told.length === 0 ? unchecked : told).map(
    ({ metadata, status: { result } = {} }) => `${metadata.name}: ${result?.summary ?? ''}`,
  )
  return `the branch ${status.branch ?? ''} holds the work${without}, and nothing could check all of it; look at it before you use it (guild diff). ${why.join(' ')}`.trim()
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
      message: 'the repository of the request is there',
    }
  return {
    type: Accepted,
    status: stall === undefined ? 'Unknown' : 'False',
    reason: stall?.reason ?? requestReasons.Preparing,
    message: stall?.message ?? 'the repository of the request is being made',
  }
}

/**
 * The condition that starts the work: from then on the plan stands. It is written before the first
 * task is made.
 */
function authorized(request: DevRequest, planned: Plan | undefined): ConditionUpdate {
  const type = Authorized
  if (planned === undefined)
    return {
      type,
      status: 'Unknown',
      reason: requestReasons.Pending,
      message: 'work waits for the plan',
    }
  if (request.spec.suspend === true && !isTrue(request, Authorized))
    return {
      type,
      status: 'Unknown',
      reason: requestReasons.Suspended,
      message: 'work waits for spec.suspend=false; until then spec.plan can be changed',
    }
  return {
    type,
    status: 'True',
    reason: requestReasons.Planned,
    message: 'no approval is required',
  }
}

function summary(
  seen: RequestObservation,
  prepared: boolean,
  plan: Plan | undefined,
): readonly [RequestReason, string] {
  if (seen.invalid !== undefined) return [requestReasons.InvalidSpec, seen.invalid]
  if (seen.stall !== undefined) return [seen.stall.reason, seen.stall.message]
  if (!prepared) return [requestReasons.Preparing, 'the repository of the request is being made']
  if (plan === undefined)
    return [
      requestReasons.Planning,
      seen.request.spec.plan === undefined
        ? `the model ${seen.model} is asked for a plan`
        : 'the plan of spec.plan is read',
    ]
  if (seen.request.spec.suspend === true)
    return [requestReasons.Suspended, 'spec.suspend is true; set it to false to go on']
  const current = inPlan(seen.tasks, plan)
  const failed = current.every(isFinished) ? failedPart(plan, current) : undefined
  if (failed !== undefined)
    return [requestReasons.Replanning, `the unit ${failed.unit} failed and is planned again`]
  const running = seen.tasks.filter((task) => heldBy(task) !== undefined).length
  return [requestReasons.Running, workWords(running, current.filter(isComplete).length, plan)]
}

function workWords(running: number, done: number, { tasks }: Plan): string {
  if (running > 0) return running === 1 ? '1 task is worked on' : `${running} tasks are worked on`
  return done === 0
    ? `work begins: of ${tasks.length} tasks those that need no other wait for an agent`
    : `${done} of ${tasks.length} tasks are done, and the next waits for an agent`
}

function waiting(
  seen: RequestObservation,
  planned: Plan | undefined,
): Pick<DevRequestStatus, 'waitingFor' | 'waitingReason'> {
  if (seen.stall !== undefined) {
    const { reason, waitsFor: waitingReason = waitingReasonOfStall(reason) } = seen.stall
    const isPerson = isForPerson(waitingReason)
    return { waitingFor: (isPerson ? undefined : stallWords[reason]) ?? 'a person', waitingReason }
  }
  if (seen.invalid !== undefined) return { waitingFor: 'a person', waitingReason: 'Correction' }
  if (planned === undefined) return {}
  if (seen.request.spec.suspend === true)
    return { waitingFor: 'spec.suspend=false', waitingReason: 'Resume' }
  if (seen.tasks.some((task) => heldBy(task) !== undefined)) return {}
  const next = seen.tasks.find((task) => task.status?.queue !== undefined && !isFinished(task))
  const { queue, notBefore } = next?.status ?? {}
  if (queue === undefined) return {}
  const isPause = notBefore !== undefined && Date.parse(notBefore) > seen.now
  return { waitingFor: queue.reason.slice(0, 120), waitingReason: isPause ? 'Retry' : 'Agent' }
}

const stallWords: Partial<Record<RequestReason, string>> = {
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

/**
 * The tokens of the planning and of each task's last result. The figure never falls, though tasks
 * may be replaced.
 */
function tokensOf(
  tasks: readonly AgentTask[],
  plan: Plan | undefined,
  before: DevRequestStatus,
): number {
  const planned = plan?.tokens ?? 0
  const used = tasks.reduce((sum, task) => sum + (task.status?.result?.tokens ?? 0), planned)
  return Math.max(before.tokens ?? 0, used)
}
