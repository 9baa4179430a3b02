import type { AgentTask } from '../../core/api/agent-task.ts'
import { type Kind, type KindName, kindNames, type kinds } from '../../core/api/kinds.ts'
import { firstClaim, heldBy } from '../../core/api/task-state.ts'
import type { AuditLog } from '../audit/log.ts'
import type { KubeClient } from '../../core/kube/client.ts'
import type { Pod } from '../../core/kube/built-in-kinds.ts'
import type { Informer } from '../../core/kube/informer.ts'
import type { Clock } from '../../core/base/clock.ts'
import type { Notice } from './write-status.ts'
import { type KubeObject, keyOf } from '../../core/kube/resource.ts'

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
