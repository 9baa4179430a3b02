import { isDeepStrictEqual } from 'node:util'
import { isTrue } from '../../../core/api/condition-list.ts'
import { requestConditions } from '../../../core/api/conditions.ts'
import type { DevRequestStatus, PlannedTask } from '../../../core/api/devrequest.ts'
import { inPlan, isFinished } from '../../../core/api/task-state.ts'
import { failedPart, type FailedPart } from './failed-part.ts'
import type { Decision } from '../write-status.ts'
import { changeOf } from './change.ts'
import type { RequestObservation } from './observation.ts'
import { stallPauseMs } from './stalls.ts'
import { currentPlan, statusOf } from './status.ts'

/** The steps of a request, in the order in which it takes them. */
type RequestStep =
  /** Ask the forge for the repository and the request's branch. */
  | { readonly kind: 'prepare' }
  /** Ask the planner. It works beside the reconciles. */
  | { readonly kind: 'plan' }
  | { readonly kind: 'create-tasks'; readonly tasks: readonly PlannedTask[] }
  /** Ask the planner to plan a failed part again. */
  | { readonly kind: 'replan'; readonly failed: FailedPart }
  /** Read the branch's head a last time, then write the end. The branch stays in the forge. */
  | { readonly kind: 'finish' }
  /** Delete the DevRequest: its time to live after the end is over. */
  | { readonly kind: 'remove' }

type RequestDecision = Decision<DevRequestStatus, RequestStep>

const { Authorized, Finished, Stalled } = requestConditions

/** A request that nothing stalls is looked at again after this time. */
const lookAgainMs = 10 * 60_000
/**
 * A request that is to be removed is looked at again after this time while the audit log is behind.
 */
const recordMs = 1_000

/**
 * Decides about one request: a new state is written first, so that people see it; then comes the
 * next step; figures are written when there is no step to take.
 */
export function decideRequest(seen: RequestObservation): RequestDecision {
  const { request, stall } = seen
  if (request.metadata.deletionTimestamp !== undefined) return rest(seen)
  if (isTrue(request, Finished)) return afterTheEnd(seen)

  const status = statusOf(seen)
  const nextMs = stall === undefined ? undefined : stallPauseMs
  if (!isDeepStrictEqual(stateOf(request.status ?? {}), stateOf(status)))
    return { change: changeOf(request, status), nextMs }
  const step = nextStep(seen, status)
  if (step !== undefined) return { step }
  if (isDeepStrictEqual(request.status, status)) return rest(seen)
  return { change: { ...changeOf(request, status), mayWait: true }, nextMs }
}

/**
 * Nothing to do. A stall may end at any time without an event, so a stalled request is looked at
 * sooner.
 */
function rest({ stall }: RequestObservation, ms = lookAgainMs): RequestDecision {
  return { nextMs: stall === undefined ? ms : stallPauseMs }
}

/**
 * The part of a status that is written at once: all but its figures and the words that go with
 * them.
 */
function stateOf(status: DevRequestStatus): unknown {
  const {
    progress: _,
    waitingFor: _w,
    waitingReason: _r,
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

function nextStep(seen: RequestObservation, status: DevRequestStatus): RequestStep | undefined {
  const { request } = seen
  const tasks = inPlan(seen.tasks, status.plan)
  if (seen.invalid !== undefined) return undefined
  if (status.repository === undefined) return { kind: 'prepare' }
  const plan = currentPlan(request, status.plan)
  if (plan === undefined) return seen.planning.state === 'idle' ? { kind: 'plan' } : undefined
  if (request.spec.planOnly === true) return { kind: 'finish' }
  if (!isTrue({ status }, Authorized)) return undefined

  const missing = plan.tasks.filter(
    (planned) => !tasks.some((task) => task.metadata.name === planned.name),
  )
  if (missing.length > 0) return { kind: 'create-tasks', tasks: missing }
  if (!tasks.every(isFinished)) return undefined
  const failed = failedPart(plan, tasks)
  if (failed === undefined) return { kind: 'finish' }
  return seen.planning.state === 'idle' ? { kind: 'replan', failed } : undefined
}

function afterTheEnd(seen: RequestObservation): RequestDecision {
  const { spec, status } = seen.request
  const seconds = spec.ttlSecondsAfterFinished
  const ended = status?.completionTime
  if (seconds === undefined || ended === undefined) return rest(seen)
  const leftMs = Date.parse(ended) + seconds * 1000 - seen.now
  if (leftMs > 0) return rest(seen, Math.max(100, leftMs))
  // The audit log takes the records from the outboxes in the statuses, so the objects are deleted
  // only after that.
  return seen.recorded ? { step: { kind: 'remove' } } : { nextMs: recordMs }
}
