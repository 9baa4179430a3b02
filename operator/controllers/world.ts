import type { Agent } from '../api/agent.ts'
import type { AgentTask } from '../api/agent-task.ts'
import type { DevRequest } from '../api/devrequest.ts'
import type { AuditLog } from '../audit/log.ts'
import type { KubeClient } from '../kube/client.ts'
import type { Pod } from '../kube/core.ts'
import type { Informer } from '../kube/informer.ts'
import type { Clock } from '../kube/ports.ts'
import type { KubeObject } from '../kube/resource.ts'

/** Something a person who describes the object should read. */
export interface Notice {
  readonly type: 'Normal' | 'Warning'
  /** The same word as the condition's reason. */
  readonly reason: string
  /** What the operator was doing, one CamelCase verb. */
  readonly action: string
  readonly message: string
}

/** Publishes Events; a failing one fails nothing. */
export interface Recorder {
  record(regarding: KubeObject, notice: Notice): void
}

/** What every controller works with: one client, one set of caches, one way to tell people. */
export interface World {
  readonly namespace: string
  readonly client: KubeClient
  readonly clock: Clock
  readonly requests: Informer<DevRequest>
  readonly tasks: Informer<AgentTask>
  readonly agents: Informer<Agent>
  readonly pods: Informer<Pod>
  readonly events: Recorder
  readonly audit: AuditLog
}

/** Name of the task index by the request they belong to. */
export const byRequest = 'request'
/** Name of the Pod index by uid. */
export const byUid = 'uid'

/**
 * Writes one object's status on the version it was decided on, and makes later reads wait for it.
 * Throws a conflict when somebody wrote in between; the caller decides anew.
 */
export async function writeStatus<T extends KubeObject & { readonly status?: unknown }>(
  world: Pick<World, 'client'>,
  informer: Informer<T>,
  object: T,
  status: NonNullable<T['status']>,
  options: { readonly signal: AbortSignal; readonly priority?: 'assign' | 'status' },
): Promise<T> {
  const written = await world.client.updateStatus(informer.resource, { ...object, status }, options)
  informer.noteWrite(written)
  return written
}

/** Tells people: an Event on the object, and a record in the audit. */
export function tell(
  world: Pick<World, 'events' | 'audit'>,
  object: KubeObject & { readonly kind?: string | undefined },
  notice: Notice,
  options: {
    readonly actor?: string
    readonly detail?: Readonly<Record<string, string | number>>
  } = {},
): void {
  world.events.record(object, notice)
  world.audit.append({
    actor: options.actor ?? 'operator',
    action: notice.reason,
    kind: object.kind ?? '',
    name: object.metadata.name,
    uid: object.metadata.uid ?? '',
    message: notice.message,
    ...(options.detail === undefined ? {} : { detail: options.detail }),
  })
}
