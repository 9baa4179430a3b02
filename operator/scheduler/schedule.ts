// Who works on what, and how many agents there are. Pure: the same input gives the same decisions.
import type { StartTrouble } from '../controllers/agent/start-failures.ts'
import { longestPauseMs } from '../../core/tasks/transitions.ts'
import type { AgentTask } from '../../core/api/agent-task.ts'
import { type AgentType, priorities } from '../../core/api/agent-types.ts'
import { counted } from '../../core/api/plain-text.ts'
import { type SchedulableAgent, bestAgent } from './agents.ts'
import { type Demand, agentToRetire } from './retire.ts'

/** A request as the scheduler sees it. */
export interface SchedulableRequest {
  /** A request that was deleted and created again under the same name has another uid. */
  readonly uid: string
  readonly suspended: boolean
  readonly maxParallel: number
}

/** Tasks that are ready: of one request and one agent type, so that the scheduler need not tell them apart. */
export interface TaskQueue {
  readonly request: string
  readonly type: AgentType
  /** The oldest first. */
  readonly tasks: readonly AgentTask[]
}

export interface ScheduleInput {
  /** Milliseconds since 1970. */
  readonly now: number
  readonly queues: readonly TaskQueue[]
  /** How many tasks of each request are held. */
  readonly running: ReadonlyMap<string, number>
  /** Uids of the Pods that hold a task. */
  readonly busy: ReadonlySet<string>
  readonly agents: readonly SchedulableAgent[]
  /** The requests of the queues; one that is missing is gone. */
  readonly requests: ReadonlyMap<string, SchedulableRequest>
  readonly maxAgents: number
  readonly idleSeconds: number
  /** No agent is retired before this time to make room in the cluster: the last retirement may have been enough. */
  readonly roomFrom?: number
  /** Agent types whose agents failed to start lately: no agent of the type is created before `until`. */
  readonly failing?: ReadonlyMap<AgentType, StartTrouble>
}

export interface Schedule {
  readonly assign: readonly { readonly task: AgentTask; readonly agent: SchedulableAgent }[]
  readonly create: readonly {
    readonly type: AgentType
    readonly model: string
    readonly reason: string
  }[]
  readonly retire: readonly {
    readonly agent: SchedulableAgent
    readonly reason: string
    /** It is retired because the cluster has no room for another agent's Pod. */
    readonly forCluster?: boolean
  }[]
  /** Tasks that have to wait, with position and reason: those whose agent is starting, and the first task of each queue. */
  readonly waiting: readonly {
    readonly task: AgentTask
    readonly position: number
    readonly reason: string
  }[]
  /** When time alone changes the decision: an idle agent has to go, a task may be tried again. */
  readonly nextAt: number | undefined
}

/** Waiting this long lifts a task by one priority, so that nothing starves. */
const ageingMs = 5 * 60_000

/**
 * Decides assignments, new agents and retirements for one moment.
 * Guarantees: no agent gets two tasks, no task two agents; agents never exceed `maxAgents`; a task is only given to an
 * agent of its type that serves its request; an agent that has work waiting is retired only for somebody more urgent, or
 * for a request that has less (see `agentToRetire`). The work grows with the queues and the agents, not with the tasks behind the
 * first of each queue.
 */
export function schedule(input: ScheduleInput): Schedule {
  const { now, maxAgents, roomFrom = now } = input
  const running = new Map(input.running)
  /** Tasks of each request that are held, or that an agent is on the way for. */
  const load = new Map(input.running)
  const usable = input.agents.filter((agent) => !agent.leaving)
  const isBusy = ({ podUid }: SchedulableAgent): boolean =>
    podUid !== undefined && input.busy.has(podUid)
  const idle = usable.filter(
    (agent) => agent.connected && agent.podUid !== undefined && !isBusy(agent),
  )
  const free = new Set(
    idle.filter((agent) => agent.completed < agent.maxTasks && agent.serves.kind !== 'nobody'),
  )
  const coming = new Set(usable.filter((agent) => !agent.connected && !isBusy(agent)))
  let total = input.agents.length

  const assign: Schedule['assign'][number][] = []
  const create: Schedule['create'][number][] = []
  const retire: Schedule['retire'][number][] = []
  // An agent that can serve no request any more counts against `maxAgents`, so it is retired at once, connected or not.
  for (const agent of usable)
    if (agent.serves.kind === 'nobody' && !isBusy(agent))
      retire.push({ agent, reason: agent.serves.why })
  // Leaving agents make room by themselves; without counting them every run would retire one more agent.
  let room = total - usable.length + retire.length
  let asksForRoom = true
  const waiting: Schedule['waiting'][number][] = []
  let ahead = 0
  let nextAt: number | undefined
  const wakeAt = (at: number): void => {
    nextAt = nextAt === undefined ? at : Math.min(nextAt, at)
  }
  const wait = (task: AgentTask, reason: string): void => {
    waiting.push({ task, position: ahead, reason })
    ahead += 1
  }
  /** Places the head of a queue. `blocked`: the tasks behind it in that queue have to wait, too. */
  const place = (head: OpenHead): 'placed' | 'blocked' => {
    const {
      queue: { request: name, type },
      task,
    } = head
    const request = input.requests.get(name)
    const inFlight = running.get(name) ?? 0
    const refuse = (reason: string): 'blocked' => {
      wait(task, reason)
      return 'blocked'
    }
    if (request === undefined) return refuse('the request of the task is gone')
    if (request.suspended) return refuse('the request is suspended')
    if (inFlight >= request.maxParallel)
      return refuse(`the request already runs ${counted(inFlight, 'task')}, its limit`)
    const agent = bestAgent(free, type, request.uid)
    if (agent !== undefined) {
      free.delete(agent)
      assign.push({ task, agent })
      running.set(name, inFlight + 1)
      return 'placed'
    }
    const soon = bestAgent(coming, type, request.uid)
    if (soon !== undefined) {
      coming.delete(soon)
      wait(
        task,
        soon.trouble === undefined
          ? `agent ${soon.name} is starting`
          : `agent ${soon.name} cannot start: ${soon.trouble}`,
      )
      // The cluster has room for fewer Pods than `maxAgents`, and idle agents of other requests fill it.
      if (soon.lacksRoom === true && room === 0) {
        if (roomFrom <= now) makeRoom(head, { forCluster: true })
        else wakeAt(roomFrom)
      }
      return 'placed'
    }
    const failing = input.failing?.get(type)
    if (failing !== undefined && failing.until > now) {
      wakeAt(failing.until)
      return refuse(`${type} agents do not start: ${failing.message}`)
    }
    if (total < maxAgents) {
      total += 1
      create.push({
        type,
        model: task.spec.model,
        reason: `task ${task.metadata.name} waits for a ${type} agent`,
      })
      wait(task, `a ${type} agent is being started`)
      return 'placed'
    }
    const reason = `all ${maxAgents} agents are in use`
    if (room > 0) {
      room -= 1
      wait(task, reason)
      return 'placed'
    }
    makeRoom(head, {})
    return refuse(reason)
  }
  /** Retires an idle agent for the head that asks first; heads that come later are less urgent, so they do not ask. */
  const makeRoom = (head: OpenHead, why: { readonly forCluster?: boolean }): void => {
    if (!asksForRoom || free.size === 0) return
    asksForRoom = false
    const found = agentToRetire({
      now,
      asker: demandOf(head),
      others: [...open].map(demandOf),
      free: [...free],
      agentsOf,
    })
    if (found.nextAt !== undefined) wakeAt(found.nextAt)
    if (found.agent === undefined) return
    free.delete(found.agent)
    const reason = `makes room for a ${head.queue.type} agent`
    retire.push({ agent: found.agent, reason, ...why })
  }

  const demandOf = ({ queue, at, rank }: OpenHead): Demand => {
    const request = input.requests.get(queue.request)
    const mayRun =
      request === undefined || request.suspended
        ? 0
        : request.maxParallel - (running.get(queue.request) ?? 0)
    return {
      requestUid: request?.uid ?? '',
      type: queue.type,
      rank,
      load: load.get(queue.request) ?? 0,
      tasks: Math.max(0, Math.min(mayRun, queue.tasks.length - at)),
    }
  }

  const agentsOf = agentCounts(usable)
  const heads = input.queues.map((queue) => headOf(queue, 0, now, wakeAt))
  for (const { paused } of heads)
    if (paused !== undefined) wait(paused, 'the pause before the next attempt is not over')
  const open = new Set(heads.filter(isOpen))
  while (open.size > 0) {
    let head: OpenHead | undefined
    for (const other of open) if (head === undefined || comesBefore(other, head, load)) head = other
    if (head === undefined) break
    open.delete(head)
    if (place(head) === 'blocked') {
      ahead += head.queue.tasks.length - head.at - 1
      continue
    }
    const { request } = head.queue
    load.set(request, (load.get(request) ?? 0) + 1)
    const behind = headOf(head.queue, head.at + 1, now, wakeAt)
    if (isOpen(behind)) open.add(behind)
  }

  for (const agent of idle) {
    if (assign.some((given) => given.agent === agent)) continue
    if (retire.some((gone) => gone.agent === agent)) continue
    if (agent.completed >= agent.maxTasks) {
      retire.push({ agent, reason: `did its ${agent.maxTasks} tasks` })
      continue
    }
    if (agent.idleSince === undefined) continue
    const end = agent.idleSince + input.idleSeconds * 1000
    if (end <= now) retire.push({ agent, reason: `was idle for ${input.idleSeconds} s` })
    else wakeAt(end)
  }
  return { assign, create, retire, waiting, nextAt }
}

/** The first task of a queue that may be given out, if there is one. */
interface Head {
  readonly queue: TaskQueue
  readonly at: number
  readonly task: AgentTask | undefined
  /** Its rank: priority with ageing; less is more urgent. */
  readonly rank: number
  /** A task passed over because of its pause. */
  readonly paused: AgentTask | undefined
}
type OpenHead = Head & { readonly task: AgentTask }

function isOpen(head: Head): head is OpenHead {
  return head.task !== undefined
}

/** How many agents each request has, by its uid. */
function agentCounts(agents: readonly SchedulableAgent[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const { serves } of agents)
    if (serves.kind === 'request') counts.set(serves.uid, (counts.get(serves.uid) ?? 0) + 1)
  return counts
}

function headOf(queue: TaskQueue, from: number, now: number, wakeAt: (at: number) => void): Head {
  let at = from
  let task = queue.tasks[at]
  let paused: AgentTask | undefined
  while (task !== undefined && pauseOf(task, now) > 0) {
    wakeAt(now + pauseOf(task, now))
    paused ??= task
    at += 1
    task = queue.tasks[at]
  }
  return { queue, at, task, rank: task === undefined ? 0 : rankOf(task, now), paused }
}

/** How long a task has to wait before its next attempt. */
function pauseOf({ status }: AgentTask, now: number): number {
  const left = status?.notBefore === undefined ? 0 : Date.parse(status.notBefore) - now
  // A longer pause than the longest possible one means that the clock was set back.
  return left > longestPauseMs ? 0 : left
}

function rankOf({ metadata, spec }: AgentTask, now: number): number {
  const waited = Math.max(0, now - Date.parse(metadata.creationTimestamp))
  return priorities.indexOf(spec.priority) - Math.floor(waited / ageingMs)
}

/** Priority with ageing, then the request that runs least, counting what agents are on the way for, then the order of creation. */
function comesBefore(a: OpenHead, b: OpenHead, load: ReadonlyMap<string, number>): boolean {
  const loadOf = ({ queue }: Head): number => load.get(queue.request) ?? 0
  const order = a.rank - b.rank || loadOf(a) - loadOf(b)
  if (order !== 0) return order < 0
  return byAge(a.task, b.task) < 0
}

/** The order of a queue: the older task first, then by name. */
export function byAge(a: AgentTask, b: AgentTask): number {
  return (
    compare(a.metadata.creationTimestamp, b.metadata.creationTimestamp) ||
    compare(a.metadata.name, b.metadata.name)
  )
}

const compare = (a: string, b: string): number => (a === b ? 0 : a < b ? -1 : 1)
