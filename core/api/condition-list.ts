import type { Condition } from './schema.ts'

/**
 * `lastTransitionTime` of conditions that a schema's default set: no controller has looked at the
 * object yet.
 */
export const neverSet = '1970-01-01T00:00:00Z'

/** What a controller says about one aspect; the rest is filled in by `withCondition`. */
export interface ConditionUpdate {
  readonly type: string
  readonly status: Condition['status']
  readonly reason: string
  readonly message: string
}

/** Anything with conditions in its status. */
interface Conditioned {
  readonly status?: { readonly conditions?: readonly Condition[] | undefined } | undefined
}

/**
 * The list with one condition set. `lastTransitionTime` moves only when `status` flips, so that
 * ages tell the truth; the time of a schema's default says nothing and is replaced.
 * Guarantees: the order of the list is kept; the input is not changed; messages are cut to what the
 * schema allows.
 */
export function withCondition(
  list: readonly Condition[],
  update: ConditionUpdate,
  at: string,
  generation?: number,
): readonly Condition[] {
  const previous = list.find((condition) => condition.type === update.type)
  const next: Condition = {
    type: update.type,
    status: update.status,
    reason: update.reason,
    message: update.message.length > 1024 ? `${update.message.slice(0, 1021)}...` : update.message,
    lastTransitionTime:
      previous?.status === update.status && previous.lastTransitionTime !== neverSet
        ? previous.lastTransitionTime
        : at,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
  }
  return previous === undefined
    ? [...list, next]
    : list.map((condition) => (condition === previous ? next : condition))
}

/** The list with several conditions set, in order. */
export function withConditions(
  list: readonly Condition[],
  updates: readonly ConditionUpdate[],
  at: string,
  generation?: number,
): readonly Condition[] {
  return updates.reduce<readonly Condition[]>(
    (result, update) => withCondition(result, update, at, generation),
    list,
  )
}

/** The list without one type: how an abnormal-true condition ends. */
export function withoutCondition(list: readonly Condition[], type: string): readonly Condition[] {
  return list.filter((condition) => condition.type !== type)
}

export function conditionOf(object: Conditioned, type: string): Condition | undefined {
  return object.status?.conditions?.find((condition) => condition.type === type)
}

export function isTrue(object: Conditioned, type: string): boolean {
  return conditionOf(object, type)?.status === 'True'
}
