import { z } from 'zod'
import { count, list, note, object, text, time } from './schema.ts'

/** Records that one status holds back at most; with more, the object waits until the log has caught up. */
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

/** What every status keeps about its audit records. The number of a transition is its place in this list of all. */
export const auditTrail = object(
  {
    stored: count(0, 1000000, 'Transitions of this object that the audit log is known to hold.'),
    pending: list(transition, mostPending, 'The transitions after those, oldest first.'),
  },
  'The latest transitions of the object, until the audit log holds them.',
)
export type AuditTrail = z.infer<typeof auditTrail>

/** What happened, in the operator's own words: agents and models may have put anything into theirs. */
export interface Act {
  /** Default: `operator`. */
  readonly actor?: string
  /** One CamelCase word. */
  readonly action: string
  readonly message: string
}
