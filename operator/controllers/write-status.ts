// What a reconcile decides about its object, and the one place where statuses are written.
import type { Act } from '../../core/api/audit-trail.ts'
import type { Informer } from '../../core/kube/informer.ts'
import { isNotFound } from '../../core/kube/errors.ts'
import type { Audited } from '../audit/outbox.ts'
import type { World } from './world.ts'

/** An Event that a person who describes the object should read. */
export interface Notice {
  readonly type: 'Normal' | 'Warning'
  /** The same word as the condition's reason. */
  readonly reason: string
  /** The verb of the operator's work at that moment, in CamelCase. */
  readonly action: string
  readonly message: string
  /**
   * One of many about the object: it leaves room for those that come once, since Events are
   * limited.
   */
  readonly minor?: boolean
}

/** A next status with its audit action and its Events; `writeStatus` writes all of it. */
export interface Change<Status> {
  readonly status: Status
  /**
   * The audit action of a transition; without one the status only tells more about the same state.
   */
  readonly act?: Act | undefined
  /** Events about the object itself, recorded once the status is written. */
  readonly notices?: readonly Notice[] | undefined
  /** Whether the write waits for its turn (see `Pace`): it only tells more about the same state. */
  readonly mayWait?: boolean | undefined
}

/**
 * What one reconcile does about its object. The functions that decide are pure; the controller
 * writes `change`, takes `step` and comes back after `nextMs`. A field that is undefined asks for
 * nothing.
 */
export interface Decision<Status, Step = never> {
  /** Undefined when the stored status says all of it already. */
  readonly change?: Change<Status> | undefined
  /** What reaches outside the status: create a Pod, merge a commit, plan, delete the object. */
  readonly step?: Step | undefined
  /** When to look again although nothing changed, in milliseconds from now. */
  readonly nextMs?: number | undefined
}

/**
 * Writes a status; only the condition on an invalid object is written elsewhere. It writes on the version that the decision rests on, so two writers
 * cannot both win. It makes later reads wait for the write, gives the record to the audit log and
 * records the Events.
 * Errors: a conflict when somebody wrote in between, not found when the object was deleted; the
 * caller decides again.
 */
export async function writeStatus<T extends Audited>(
  world: Pick<World, 'client' | 'audit' | 'events'>,
  informer: Informer<T>,
  object: T,
  { status, act, notices = [] }: Change<NonNullable<T['status']>>,
  options: { readonly signal: AbortSignal; readonly priority?: 'assign' | 'status' },
): Promise<T> {
  const audit = world.audit.trail(object, act)
  const next = { ...object, status: { ...status, audit } }
  const written = await world.client.updateStatus(informer.resource, next, options)
  informer.noteWrite(written)
  world.audit.take(written, informer.resource.kind)
  for (const notice of notices) world.events.record(object, notice)
  return written
}

/**
 * The same for an object that somebody may have deleted: then nothing is written, and no Event is
 * recorded.
 */
export async function writeStatusIfThere<T extends Audited>(
  ...args: Parameters<typeof writeStatus<T>>
): Promise<T | undefined> {
  try {
    return await writeStatus(...args)
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}
