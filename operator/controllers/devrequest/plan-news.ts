import { requestReasons } from '../../api/conditions.ts'
import { counted } from '../../api/counted.ts'
import type { Plan } from '../../api/devrequest.ts'
import type { Notice } from '../world.ts'

/** What the Events of a request tell about its plan: a first one, or another than before. */
export function planNews(before: Plan | undefined, plan: Plan | undefined): Notice | undefined {
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
    message: `${before === undefined ? 'planned' : 'planned anew'} by ${by}: ${counted(units.length, 'unit')}${named}, ${counted(plan.tasks.length, 'task')}`,
  }
}
