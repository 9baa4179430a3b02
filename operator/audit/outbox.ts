// The audit's outbox: a status write that makes a transition carries the transition's record. The leader appends the records
// that the statuses hold and the chain does not, so a crash between the two writes neither loses nor repeats a record.
import {
  type Act,
  type AuditTrail,
  type PendingTransition,
  mostPending,
} from '../../core/api/audit-trail.ts'
import type { KubeObject } from '../../core/kube/resource.ts'
import { WaitError } from '../../core/kube/runtime/controller.ts'

/** Any object whose status keeps an outbox. */
export type Audited = KubeObject & {
  readonly status?: { readonly audit?: AuditTrail | undefined } | undefined
}

const empty: AuditTrail = { stored: 0, pending: [] }

/** The outbox of an object. It is empty before the first transition, and when the status holds a malformed one. */
export function trailOf(object: Audited): AuditTrail {
  const trail: Partial<AuditTrail> | undefined = object.status?.audit
  const { stored, pending } = trail ?? {}
  return typeof stored === 'number' && Array.isArray(pending) ? { stored, pending } : empty
}

/** The number of the object's latest transition. */
export function lastTransition(object: Audited): number {
  const { stored, pending } = trailOf(object)
  return stored + pending.length
}

/** The transitions after number `from`, with their numbers. */
export function transitionsAfter(
  object: Audited,
  from: number,
): readonly (readonly [number, PendingTransition])[] {
  const { stored, pending } = trailOf(object)
  return pending
    .map((transition, index) => [stored + index + 1, transition] as const)
    .filter(([number]) => number > from)
}

/**
 * The outbox of the next status: without the records that the log holds (up to number `stored`), with a new transition if
 * the write makes one. `version` is the newest resourceVersion known before the write. Throws `WaitError` when the log is
 * so far behind that a record would have to be dropped.
 */
export function nextTrail(
  object: Audited,
  stored: number,
  act: Act | undefined,
  at: { readonly now: number; readonly version: string },
): AuditTrail {
  const before = trailOf(object)
  const gone = Math.min(Math.max(0, stored - before.stored), before.pending.length)
  const pending = before.pending.slice(gone)
  if (act === undefined) return { stored: before.stored + gone, pending }
  if (pending.length >= mostPending)
    throw new WaitError(1_000, `the audit log lacks ${pending.length} records of this object`)
  const transition: PendingTransition = {
    time: new Date(at.now).toISOString(),
    actor: act.actor ?? 'operator',
    action: act.action,
    message: act.message.slice(0, 300),
    after: at.version,
  }
  return { stored: before.stored + gone, pending: [...pending, transition] }
}
