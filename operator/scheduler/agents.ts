// An agent as the scheduler sees it, and the tasks that it may take. Pure.
import type { AgentType } from '../../core/api/agent-types.ts'

/**
 * Whose tasks an agent may take. Code of one request can leave processes, files or a changed sandbox server in a Pod, which
 * could read or forge the work of another request. So an agent that had a task belongs to the request of that task.
 */
export type Serves =
  /** The agent never had a task, or the setting `reuse` lets agents serve every request. */
  | { readonly kind: 'anyone' }
  | { readonly kind: 'request'; readonly uid: string }
  /** The agent had a task of a request that is over. `why` continues a sentence that begins with the agent's name. */
  | { readonly kind: 'nobody'; readonly why: string }

/** An agent as the scheduler sees it. */
export interface SchedulableAgent {
  readonly name: string
  readonly type: AgentType
  readonly podUid: string | undefined
  readonly serves: Serves
  /** Its stream to the hub is open. */
  readonly connected: boolean
  /** Why its Pod cannot start, if something stops it. */
  readonly trouble?: string | undefined
  /** The trouble is that the cluster or a quota has no room for its Pod. */
  readonly lacksRoom?: boolean | undefined
  /** It will take no further task. */
  readonly leaving: boolean
  readonly completed: number
  readonly maxTasks: number
  /** Milliseconds since 1970; undefined while it never was idle. */
  readonly idleSince: number | undefined
}

/** Whether an agent may be given a task of this type of this request. */
export function mayTake(
  { type, serves }: SchedulableAgent,
  wanted: AgentType,
  requestUid: string,
): boolean {
  if (type !== wanted) return false
  return serves.kind === 'anyone' || (serves.kind === 'request' && serves.uid === requestUid)
}

/**
 * The agent for a task: one that belongs to the request already, so that unused agents stay free for other requests; of
 * several the one with the most completed tasks, because its Pod is warm.
 */
export function bestAgent(
  agents: ReadonlySet<SchedulableAgent>,
  type: AgentType,
  requestUid: string,
): SchedulableAgent | undefined {
  let found: SchedulableAgent | undefined
  const isOwn = ({ serves }: SchedulableAgent): boolean => serves.kind === 'request'
  for (const agent of agents) {
    if (!mayTake(agent, type, requestUid)) continue
    if (
      found === undefined ||
      (isOwn(agent) === isOwn(found) ? agent.completed > found.completed : isOwn(agent))
    )
      found = agent
  }
  return found
}
