import { conditionOf } from '../../../core/api/condition-list.ts'
import { requestConditions, requestReasons } from '../../../core/api/conditions.ts'
import { counted } from '../../../core/api/plain-text.ts'
import type { DevRequest, Plan } from '../../../core/api/devrequest.ts'
import type { Change, Notice } from '../write-status.ts'

type Status = NonNullable<DevRequest['status']>

/** Reasons that an Event tells even when nothing is wrong. The others stand in the status only. */
const tellable: ReadonlySet<string> = new Set([
  requestReasons.Running,
  requestReasons.Succeeded,
  requestReasons.PlanOnly,
])

/**
 * The change to a next status. It is a transition when Succeeded has another reason; Events tell of
 * trouble and of a new plan.
 */
export function changeOf(request: DevRequest, status: Status): Change<Status> {
  const before = conditionOf(request, requestConditions.Succeeded)
  const after = conditionOf({ status }, requestConditions.Succeeded)
  const moved = after !== undefined && after.reason !== before?.reason
  const wrong =
    after?.status === 'False' || conditionOf({ status }, requestConditions.Stalled) !== undefined
  const news = planNews(request.status?.plan, status.plan)
  const notices: readonly Notice[] = [
    ...(news === undefined ? [] : [news]),
    ...(moved && (wrong || tellable.has(after.reason))
      ? [
          {
            type: wrong ? ('Warning' as const) : ('Normal' as const),
            reason: after.reason,
            action: 'Progress',
            message: after.message,
          },
        ]
      : []),
  ]
  return {
    status,
    act: moved ? { action: after.reason, message: recordOf(status) } : undefined,
    notices,
  }
}

/**
 * The text of the audit record. It holds figures and names only, since messages may quote a model
 * or a server.
 */
function recordOf({ plan, progress, branch, model }: NonNullable<DevRequest['status']>): string {
  return [
    ...(model === undefined ? [] : [`model ${model}`]),
    ...(plan === undefined ? [] : [`plan ${plan.hash.slice(0, 12)} of ${plan.tasks.length} tasks`]),
    ...(progress === undefined ? [] : [`${progress} tasks done`]),
    ...(branch === undefined ? [] : [`branch ${branch}`]),
  ].join(', ')
}

/** The Event of a first plan, or of another plan than before. */
function planNews(before: Plan | undefined, plan: Plan | undefined): Notice | undefined {
  if (plan === undefined || plan.hash === before?.hash) return undefined
  const units = [...new Set(plan.tasks.flatMap(({ unit }) => unit ?? []))]
  const by = {
    model: `the model ${plan.model ?? ''}`.trim(),
    template: 'the template, without a model',
    person: 'a person',
  }[plan.source]
  const named = units.length === 0 ? '' : ` (${units.join(', ')})`
  return {
    type: 'Normal',
    reason: requestReasons.Planned,
    action: 'Plan',
    message: `${before === undefined ? 'planned' : 'planned again'} by ${by}: ${counted(units.length, 'unit')}${named}, ${counted(plan.tasks.length, 'task')}`,
  }
}
