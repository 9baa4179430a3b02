import { isDeepStrictEqual } from 'node:util'
import { isTrue } from '../../../core/api/condition-list.ts'
import { requestConditions } from '../../../core/api/conditions.ts'
import type { DevRequest, DevRequestStatus, PlannedTask } from '../../../core/api/devrequest.ts'
import { inPlan, isFinished } from '../../../core/api/task-state.ts'
import { failedPart, type FailedPart } from './failed-part.ts'
import type { RequestObservation } from './observation.ts'
import { currentPlan, statusOf } from './status.ts'

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
  /** Read the branch's head a last time, then write the end. Nothing leaves the forge. */
  | { readonly kind: 'finish' }
  /** Its time after the end is over. */
  | { readonly kind: 'remove' }

const { Authorized, Finished, Stalled } = requestConditions

/**
 * What to do about one request now: a new state first, so that people see it, then the next step of
 * the way, then figures.
 */
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

function nextStep(seen: RequestObservation, status: DevRequestStatus): RequestDecision {
  const { request } = seen
  const tasks = inPlan(seen.tasks, status.plan)
  if (seen.invalid !== undefined) return { kind: 'rest', nextAt: undefined }
  if (status.repository === undefined) return { kind: 'prepare' }
  const plan = currentPlan(request, status.plan)
  if (plan === undefined)
    return seen.planning.state === 'idle' ? { kind: 'plan' } : { kind: 'rest', nextAt: undefined }
  if (request.spec.planOnly === true) return { kind: 'finish' }
  if (!isTrue({ status }, Authorized)) return { kind: 'rest', nextAt: undefined }

  const missing = plan.tasks.filter(
    (planned) => !tasks.some((task) => task.metadata.name === planned.name),
  )
  if (missing.length > 0) return { kind: 'create-tasks', tasks: missing }
  if (!tasks.every(isFinished)) return { kind: 'rest', nextAt: undefined }
  const failed = failedPart(plan, tasks)
  if (failed === undefined) return { kind: 'finish' }
  return seen.planning.state === 'idle'
    ? { kind: 'replan', failed }
    : { kind: 'rest', nextAt: undefined }
}

function afterTheEnd(request: DevRequest, now: number): RequestDecision {
  const seconds = request.spec.ttlSecondsAfterFinished
  const ended = request.status?.completionTime
  if (seconds === undefined || ended === undefined) return { kind: 'rest', nextAt: undefined }
  const end = Date.parse(ended) + seconds * 1000
  return end <= now ? { kind: 'remove' } : { kind: 'rest', nextAt: end }
}
