import type { AgentTask } from '../../../core/api/agent-task.ts'
import { findingsInShort, heldBy, isFinished, requestUidOf } from '../../../core/api/task-state.ts'
import type { AgentStreams } from '../../presence/agent-streams.ts'
import type { World } from '../world.ts'
import { type Notice, writeStatus } from '../write-status.ts'
import type { Transition } from '../../../core/tasks/transitions.ts'
import { taskReasons } from '../../../core/api/conditions.ts'

/**
 * Writes a transition and records its Events. An agent that lost its task gets the message to stop.
 */
export async function writeTransition(
  world: World,
  streams: AgentStreams,
  task: AgentTask,
  transition: Transition,
  signal: AbortSignal,
  actor = 'operator',
): Promise<AgentTask> {
  const held = heldBy(task)
  const { status, act, type, reason, message } = transition
  const change = {
    status,
    act: act === undefined ? undefined : { ...act, actor },
    // A transition that goes well stands in the status and in the audit log. An Event would cost as
    // much as the write.
    notices: type === 'Warning' ? [{ type, reason, action: 'Progress', message }] : [],
  }
  const written = await writeStatus(world, world.tasks, task, change, { signal })
  if (held !== undefined && heldBy(written) === undefined && written.status?.result === undefined)
    streams.send(held.podUid, {
      kind: 'cancel',
      task: task.metadata.name,
      uid: task.metadata.uid,
      attempt: held.attempt,
    })
  const request = world.requests.get(task.metadata.namespace, task.spec.requestRef.name)
  const news = newsForRequest(written, transition)
  if (request !== undefined && request.metadata.uid === requestUidOf(written) && news !== undefined)
    world.events.record(request, news)
  return written
}

/**
 * The Event of a request about one of its tasks: that it failed, that it is tried again, or what
 * its review found. `kubectl describe` of a request does not show the Events of its tasks. `task`
 * is as the transition left it.
 */
export function newsForRequest(
  task: AgentTask,
  { reason, message }: Pick<Transition, 'reason' | 'message'>,
): Notice | undefined {
  const about = { action: 'Progress', minor: true } as const
  const { name } = task.metadata
  if (reason === taskReasons.Retrying)
    return { ...about, type: 'Warning', reason: 'TaskRetrying', message: `${name}: ${message}` }
  if (reason === taskReasons.DeadLettered)
    return { ...about, type: 'Warning', reason: 'TaskFailed', message: `${name}: ${message}` }
  const findings = isFinished(task) ? findingsInShort(task) : ''
  if (findings === '') return undefined
  return { ...about, type: 'Normal', reason: 'Reviewed', message: `${name}: ${findings}` }
}
