// Which idle agent goes when a task finds every place taken. Pure.
import type { AgentType } from '../../core/api/agent-types.ts'
import { mayTake, type SchedulableAgent } from './agents.ts'

/**
 * An agent that belongs to a request is idle for this long before another request may have its place: between two tasks of
 * one request lies a merge, and a new Pod for each of them would cost everybody more than the wait. A request that asks for
 * the place of its own agent does not wait.
 */
export const graceMs = 5_000

/** Ready tasks of one request and one type: those who ask for a place, and those who could use an idle agent. */
export interface Wish {
  readonly requestUid: string
  readonly type: AgentType
  /** Priority with ageing; less is more urgent. */
  readonly rank: number
  /** Tasks that the request has running or agents on the way for. */
  readonly load: number
  /** How many of its tasks could be given out now. */
  readonly tasks: number
}

export interface RoomInput {
  /** Milliseconds since 1970. */
  readonly now: number
  /** Who asks. None of the free agents is of use to it. */
  readonly asker: Wish
  /** The other wishes that are open. */
  readonly others: readonly Wish[]
  /** Idle agents that nobody was given so far. */
  readonly free: readonly SchedulableAgent[]
  /** How many agents each request has, by its uid. */
  readonly places: ReadonlyMap<string, number>
}

export interface Room {
  /** The agent whose place is the easiest to spare. */
  readonly agent: SchedulableAgent | undefined
  /** When another one could be spared, in milliseconds since 1970; undefined when the time alone changes nothing. */
  readonly nextAt: number | undefined
}

/**
 * Chooses the agent that makes room. Clean ones first, since nobody loses his; then those of the request that has the most
 * agents; then the one that is idle for longest.
 * Guarantees: an agent that has work waiting goes only to somebody more urgent, or to a request that still has less than
 * the other one afterwards. So two requests that are served alike do not take agents from each other in turn.
 */
export function roomFor(input: RoomInput): Room {
  const { now, asker, others, free, places } = input
  let nextAt: number | undefined
  let best: SchedulableAgent | undefined
  const placesOf = ({ serves }: SchedulableAgent): number =>
    serves.kind === 'request' ? (places.get(serves.uid) ?? 0) : Infinity
  const isEasier = (a: SchedulableAgent, b: SchedulableAgent): boolean => {
    const [mine, theirs] = [placesOf(a), placesOf(b)]
    return mine === theirs ? (a.idleSince ?? Infinity) < (b.idleSince ?? Infinity) : mine > theirs
  }
  for (const agent of free) {
    const wishes = others.filter(
      ({ type, requestUid, tasks }) => tasks > 0 && mayTake(agent, type, requestUid),
    )
    const wanted = wishes.reduce((sum, { tasks }) => sum + tasks, 0)
    if (wanted >= free.filter((other) => isLike(other, agent)).length) {
      if (!wishes.every((wish) => yieldsTo(wish, asker))) continue
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

function yieldsTo(wish: Wish, asker: Wish): boolean {
  return asker.rank === wish.rank ? asker.load < wish.load : asker.rank < wish.rank
}

/** They can take each other's tasks. */
function isLike(a: SchedulableAgent, b: SchedulableAgent): boolean {
  if (a.type !== b.type || a.serves.kind !== b.serves.kind) return false
  return (
    !(a.serves.kind === 'request' && b.serves.kind === 'request') || a.serves.uid === b.serves.uid
  )
}
