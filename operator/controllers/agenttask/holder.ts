import type { AgentTask } from '../../../core/api/agent-task.ts'
import { agentTimes } from '../../../core/api/agent-protocol.ts'
import { heldBy } from '../../../core/api/task-state.ts'
import type { AgentStreams } from '../../presence/agent-streams.ts'
import { type World, byUid } from '../world.ts'

/** Whether the agent that holds a task can still be heard. */
export type Holder =
  /** `unknown`: it was not heard long enough, or for too short a time, to say anything. */
  /** `reporting`: its result is being told, and could not be stored yet. */
  | { readonly state: 'alive' | 'unknown' | 'reporting' }
  /** `blameless`: the task cannot have had to do with it, so the attempt is not held against it. */
  | { readonly state: 'lost'; readonly why: string; readonly blameless: boolean }

const { lostMs, returnMs, settleMs } = agentTimes

/**
 * How long a holder may be silent. One that never spoke to this process, which may have begun a moment ago, gets the time
 * to come back: its silence says more about the hub than about the task.
 */
export function patienceMs(heard: { readonly known: boolean }): number {
  return heard.known ? lostMs : returnMs
}

export function holderOf(world: World, streams: AgentStreams, task: AgentTask): Holder {
  const held = heldBy(task)
  if (held === undefined) return { state: 'unknown' }
  const lost = (why: string, blameless = false): Holder => ({ state: 'lost', why, blameless })
  const pod = world.pods.byIndex(byUid, held.podUid)[0]
  const phase = pod?.status?.phase
  const agent = world.agents.get(task.metadata.namespace, held.agent)
  const isSame = agent?.status?.podUid === held.podUid
  // It was told to go while it had nothing to do, and left in peace: nobody knew when it was given this.
  if (phase === 'Succeeded' && isSame && agent.status?.state === 'draining')
    return lost(`${held.agent} had been told to go before`, true)
  // A task may well be what ends its agent, by its hunger for memory say; that must count, or it would loop for ever.
  if (phase === 'Failed' || phase === 'Succeeded') return lost(`the Pod of ${held.agent} ended`)
  if (pod === undefined) return lost(`the Pod of ${held.agent} is gone`)
  // Somebody deleted the Agent, and another may have its name by now. The Pod goes on for its grace period, unheard.
  if (!isSame) return lost(`the Agent ${held.agent} was deleted`, true)
  if (agent.status?.state === 'terminated') return lost(`the Agent ${held.agent} is being removed`)
  const heard = streams.of(held.podUid)
  if (streams.isReporting(held.podUid, `${task.metadata.uid}/${held.attempt}`))
    return { state: 'reporting' }
  // An agent that just came back tells first what it finished meanwhile.
  if (heard.open) return { state: world.clock.now() - heard.since < settleMs ? 'unknown' : 'alive' }
  const mostMs = patienceMs(heard)
  return world.clock.now() - heard.since > mostMs
    ? lost(`${held.agent} was silent for ${mostMs / 1000} s`, !heard.known)
    : { state: 'unknown' }
}
