import { z } from 'zod'
import { count, list, note, object, text, time } from './schema.ts'

/**
 * The most records that one status holds; an object with more has to wait until the audit log has
 * caught up.
 */
export const mostPending = 8

/** One transition, carried by the very write that made it until the audit log holds it. */
const transition = object(
  {
    time: time('The time of the decision.'),
    actor: text(80, 'The actor: operator, or agent/<name>.'),
    action: text(64, 'The action, in one CamelCase word.'),
    message: note(300, 'One sentence; never the words of a model, an agent or a prompt.'),
    after: note(32, 'The newest resourceVersion that was known before the transition.'),
  },
  'One transition that the audit log may not hold yet.',
)
export type PendingTransition = z.infer<typeof transition>

/**
 * The outbox of a status: its audit records. The number of a transition is its place among all
 * transitions of the object.
 */
export const auditTrail = object(
  {
    stored: count(0, 1000000, 'Transitions of this object that the audit log is known to hold.'),
    pending: list(transition, mostPending, 'The transitions after those, oldest first.'),
  },
  'The latest transitions of the object, until the audit log holds them.',
)
export type AuditTrail = z.infer<typeof auditTrail>

/**
 * An audit action in the operator's own words, because the words of agents and models may contain
 * anything.
 */
export interface Act {
  /** `operator` by default. */
  readonly actor?: string
  /** One CamelCase word. */
  readonly action: string
  readonly message: string
}
