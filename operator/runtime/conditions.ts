import { formatTime } from '../kube/time.ts'
import type { Condition } from '../kube/resource.ts'

/** The condition of that type, if it is set. */
export function findCondition(
  conditions: readonly Condition[] | undefined,
  type: string,
): Condition | undefined {
  return conditions?.find((condition) => condition.type === type)
}

/** True only if the condition is set and `True`. */
export function isTrue(conditions: readonly Condition[] | undefined, type: string): boolean {
  return findCondition(conditions, type)?.status === 'True'
}

/**
 * The list with one condition set, in its old place.
 * Guarantees: `lastTransitionTime` moves only when `status` flips; the very same list comes back if nothing changed, so
 * that an unchanged status is not written.
 */
export function withCondition(
  conditions: readonly Condition[] | undefined,
  next: Omit<Condition, 'lastTransitionTime'>,
  nowMs: number,
): readonly Condition[] {
  const list = conditions ?? []
  const old = findCondition(list, next.type)
  const lastTransitionTime = old?.status === next.status ? old.lastTransitionTime : undefined
  const fresh = { ...next, lastTransitionTime: lastTransitionTime ?? formatTime(nowMs) }
  if (old === undefined) return [...list, fresh]
  const same =
    old.status === fresh.status &&
    old.reason === fresh.reason &&
    old.message === fresh.message &&
    old.observedGeneration === fresh.observedGeneration
  return same ? list : list.map((condition) => (condition === old ? fresh : condition))
}

/** The list without a condition: abnormal-true ones are removed when they no longer hold. */
export function withoutCondition(
  conditions: readonly Condition[] | undefined,
  type: string,
): readonly Condition[] {
  const list = conditions ?? []
  return findCondition(list, type) === undefined
    ? list
    : list.filter((condition) => condition.type !== type)
}
