import type { AgentTask } from '../../../core/api/agent-task.ts'
import { agentTimes } from '../../../core/api/agent-protocol.ts'
import { heldBy } from '../../../core/api/task-state.ts'
import type { AgentStreams } from '../../presence/agent-streams.ts'
import { type World, byUid } from '../world.ts'

/** The state of the agent that holds a task, as far as the operator hears it. */
export type Holder =
  /**
   * `unknown`: its stream closed or opened too recently to judge.
   * `reporting`: the hub has its report and could not store it yet.
   */
  | { readonly state: 'alive' | 'unknown' | 'reporting' }
  /** `blameless`: the task cannot be the cause, so the attempt does not count against the task. */
  | { readonly state: 'lost'; readonly why: string; readonly blameless: boolean }

const { lostMs, returnMs, settleMs } = agentTimes

/**
 * How long a holder may be silent. An agent that never spoke to this process, which may have started
 * a moment ago, gets longer to connect: its silence is not the task's fault.
 */
export function patienceMs(heard: { readonly known: boolean }): number {
  return heard.known ? lostMs : returnMs
}

/** Judges the agent that holds a task by its Pod, its Agent and its stream. */
export function holderOf(world: World, streams: AgentStreams, task: AgentTask): Holder {
  const held = heldBy(task)
  if (held === undefined) return { state: 'unknown' }
  const lost = (why: string, blameless = false): Holder => ({ state: 'lost', why, blameless })
  const pod = world.pods.byIndex(byUid, held.podUid)[0]
  const phase = pod?.status?.phase
  const agent = world.agents.get(task.metadata.namespace, held.agent)
  const isSame = agent?.status?.podUid === held.podUid
  // The agent was told to go while it was idle, and left. It was given this task in the same
  // moment.
  if (phase === 'Succeeded' && isSame && agent.status?.state === 'draining')
    return lost(`${held.agent} had been told to go before`, true)
  // The task may have ended its agent, for instance by using all memory. The attempt counts, or it
  // would repeat for ever.
  if (phase === 'Failed' || phase === 'Succeeded') return lost(`the Pod of ${held.agent} ended`)
  if (pod === undefined) return lost(`the Pod of ${held.agent} is gone`)
  // Somebody deleted the Agent. Its Pod runs on for its grace period, and another Agent may have
  // its name already.
  if (!isSame) return lost(`the Agent ${held.agent} was deleted`, true)
  if (agent.status?.state === 'terminated') return lost(`the Agent ${held.agent} is being removed`)
  const heard = streams.of(held.podUid)
  if (streams.isReporting(held.podUid, `${task.metadata.uid}/${held.attempt}`))
    return { state: 'reporting' }
  // An agent that just came back first reports the work that it finished meanwhile.
  if (heard.open) return { state: world.clock.now() - heard.since < settleMs ? 'unknown' : 'alive' }
  const mostMs = patienceMs(heard)
  return world.clock.now() - heard.since > mostMs
    ? lost(`${held.agent} was silent for ${mostMs / 1000} s`, !heard.known)
    : { state: 'unknown' }
}
