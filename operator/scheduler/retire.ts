// Which idle agent is retired when a task needs an agent and `maxAgents` are there, or the cluster has no room. Pure.
import type { AgentType } from '../../core/api/agent-types.ts'
import { type SchedulableAgent, mayTake } from './agents.ts'

/**
 * An agent of a request has to be idle for this long before it is retired for another request. Between two tasks of one
 * request lies a merge, and a new Pod for each task would cost more than the wait. A request that needs another type of
 * agent may retire its own agent without a wait.
 */
export const graceMs = 5_000

/** What one task queue still needs: an agent that has to be created, or one that is idle. */
export interface Demand {
  readonly requestUid: string
  readonly type: AgentType
  /** Priority with ageing; less is more urgent. */
  readonly rank: number
  /** Tasks that the request has running or agents on the way for. */
  readonly load: number
  /** How many of its tasks could be given out now. */
  readonly tasks: number
}

interface RetirementInput {
  /** Milliseconds since 1970. */
  readonly now: number
  /** The queue that asks. No free agent can take its tasks. */
  readonly asker: Demand
  /** The demands of the other queues. */
  readonly others: readonly Demand[]
  /** Idle agents that have been given no task in this run. */
  readonly free: readonly SchedulableAgent[]
  /** How many agents each request has, by its uid. */
  readonly agentsOf: ReadonlyMap<string, number>
}

interface Retirement {
  /** The agent that can be spared most easily. */
  readonly agent: SchedulableAgent | undefined
  /** When an agent could be spared, in milliseconds since 1970; undefined when time alone changes nothing. */
  readonly nextAt: number | undefined
}

/**
 * Chooses the agent that is retired. Agents that never had a task come first, since no request loses one; then an agent of
 * the request that has the most agents; then the agent that has been idle for longest.
 * Guarantees: an agent whose own tasks wait is retired only for a more urgent queue, or for a request that still has fewer
 * agents afterwards. So two requests of equal rank do not take agents from each other in turn.
 */
export function agentToRetire(input: RetirementInput): Retirement {
  const { now, asker, others, free, agentsOf } = input
  let nextAt: number | undefined
  let best: SchedulableAgent | undefined
  const countOf = ({ serves }: SchedulableAgent): number =>
    serves.kind === 'request' ? (agentsOf.get(serves.uid) ?? 0) : Infinity
  const isEasier = (a: SchedulableAgent, b: SchedulableAgent): boolean => {
    const [mine, theirs] = [countOf(a), countOf(b)]
    return mine === theirs ? (a.idleSince ?? Infinity) < (b.idleSince ?? Infinity) : mine > theirs
  }
  for (const agent of free) {
    const demands = others.filter(
      ({ type, requestUid, tasks }) => tasks > 0 && mayTake(agent, type, requestUid),
    )
    const wanted = demands.reduce((sum, { tasks }) => sum + tasks, 0)
    if (wanted >= free.filter((other) => isLike(other, agent)).length) {
      if (!demands.every((demand) => yieldsTo(demand, asker))) continue
    } else if (agent.serves.kind === 'request' && agent.serves.uid !== asker.requestUid) {
      const spareAt = Math.min(agent.idleSince ?? now, now) + graceMs
      if (spareAt > now) {
        nextAt = Math.min(nextAt ?? spareAt, spareAt)
        continue
      }
    }
    if (best === undefined || isEasier(agent, best)) best = agent
  }
  return { agent: best, nextAt }
}

function yieldsTo(demand: Demand, asker: Demand): boolean {
  return asker.rank === demand.rank ? asker.load < demand.load : asker.rank < demand.rank
}

/** They can take each other's tasks. */
function isLike(a: SchedulableAgent, b: SchedulableAgent): boolean {
  if (a.type !== b.type || a.serves.kind !== b.serves.kind) return false
  return (
    !(a.serves.kind === 'request' && b.serves.kind === 'request') || a.serves.uid === b.serves.uid
  )
}
