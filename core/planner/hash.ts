import { createHash } from 'node:crypto'
import type { GivenPlan, PlannedTask } from '../api/devrequest.ts'

/** SHA-256 of the tasks as canonical JSON (keys sorted): the same work has the same hash, any edit changes it. */
export function planHash(tasks: readonly PlannedTask[]): string {
  return hashOf(tasks)
}

/** SHA-256 of the plan that a person gives, as canonical JSON; undefined when the planner is to make one. */
export function givenHash(plan: GivenPlan | undefined): string | undefined {
  return plan === undefined ? undefined : hashOf(plan)
}

function hashOf(value: unknown): string {
  return createHash('sha256').update(canonical(value)).digest('hex')
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([key, field]) => `${JSON.stringify(key)}:${canonical(field)}`)
  return `{${fields.join(',')}}`
}
