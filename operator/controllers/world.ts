import type { AgentTask } from '../../core/api/agent-task.ts'
import { type Kind, type KindName, kindNames, type kinds } from '../../core/api/kinds.ts'
import { firstClaim, heldBy } from '../../core/api/task-state.ts'
import type { AuditLog } from '../audit/log.ts'
import type { Act } from '../../core/api/audit-trail.ts'
import type { Audited } from '../audit/outbox.ts'
import type { KubeClient } from '../../core/kube/client.ts'
import { isNotFound } from '../../core/kube/errors.ts'
import type { Pod } from '../../core/kube/builtin-kinds.ts'
import type { Informer } from '../../core/kube/informer.ts'
import type { Clock } from '../../core/base/clock.ts'
import { type KubeObject, keyOf } from '../../core/kube/resource.ts'

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

/** Publishes Events. An Event that cannot be published fails no reconcile. */
interface Recorder {
  record(regarding: KubeObject, notice: Notice): void
}

/** One cache for each kind of ours, by its name in the table of kinds. */
export type KindCaches = {
  readonly [Name in KindName]: Informer<ObjectOf<(typeof kinds)[Name]>>
}
type ObjectOf<K> = K extends Kind<infer T> ? T : never

/** The means that all controllers share: one client, one set of caches, one recorder of Events. */
export interface World extends KindCaches {
  readonly namespace: string
  readonly client: KubeClient
  readonly clock: Clock
  readonly pods: Informer<Pod>
  readonly events: Recorder
  readonly audit: Pick<AuditLog, 'trail' | 'take' | 'holds' | 'append'>
}

/** Name of the index of tasks by their request; its values are keys. */
export const byRequest = 'request'
/** Name of the index of tasks by the Pod that holds them; its values are uids. */
export const byHolder = 'holder'
/** Name of the index of tasks by the tasks that they wait for; its values are keys. */
export const byDependency = 'dependency'
/** Name of the index of the tasks that any Pod holds, all of them under one value. */
export const byHeld = 'held'
/** Name of the index of Pods by uid. */
export const byUid = 'uid'

/** The caches of our own kinds, in the order of the table. */
export function cachesOf(world: KindCaches): readonly KindCaches[KindName][] {
  return kindNames.map((name) => world[name])
}

/**
 * The indexes of AgentTasks. Each value follows from the task alone, or a cache would hold old
 * ones.
 */
export const taskIndexes = {
  [byRequest]: (task: AgentTask) => [`${task.metadata.namespace}/${task.spec.requestRef.name}`],
  [byHolder]: (task: AgentTask) => {
    const held = heldBy(task)
    return held === undefined ? [] : [held.podUid]
  },
  [byDependency]: ({ metadata: { namespace }, spec }: AgentTask) =>
    spec.after.map((name) => keyOf({ namespace, name })),
  [byHeld]: (task: AgentTask) => (heldBy(task) === undefined ? [] : [byHeld]),
}

/** Another task of the same request. */
export function siblingOf(
  world: Pick<World, 'tasks'>,
  task: AgentTask,
  name: string,
): AgentTask | undefined {
  const other = world.tasks.get(task.metadata.namespace, name)
  return other?.spec.requestRef.name === task.spec.requestRef.name ? other : undefined
}

/** The index key of a task's request. */
export function requestKey(task: AgentTask): string {
  return `${task.metadata.namespace}/${task.spec.requestRef.name}`
}

/** The one task that a Pod may work on; see `firstClaim`. */
export function claimOf(
  world: Pick<World, 'tasks'>,
  podUid: string | undefined,
): AgentTask | undefined {
  return podUid === undefined ? undefined : firstClaim(world.tasks.byIndex(byHolder, podUid))
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
