// Who works on what, and how many agents there are. Pure: the same input gives the same decisions.
import type { StartTrouble } from '../controllers/agent/start-failures.ts'
import { longestPauseMs } from '../../core/tasks/transitions.ts'
import type { AgentTask } from '../../core/api/agent-task.ts'
import { priorities, type AgentType } from '../../core/api/agent-types.ts'
import { counted } from '../../core/api/counted.ts'
import { bestAgent, type SchedulableAgent } from './agents.ts'
import { roomFor, type Wish } from './room.ts'

/** A request as the scheduler sees it. */
export interface SchedulableRequest {
  /** A request that is made anew under the same name is another one. */
  readonly uid: string
  readonly suspended: boolean
  readonly maxParallel: number
}

/** Tasks that are ready and that nothing but an agent can tell apart: of one request and one type. */
export interface Line {
  readonly request: string
  readonly type: AgentType
  /** The oldest first. */
  readonly tasks: readonly AgentTask[]
}

export interface ScheduleInput {
  /** Milliseconds since 1970. */
  readonly now: number
  readonly lines: readonly Line[]
  /** How many tasks of each request are held. */
  readonly running: ReadonlyMap<string, number>
  /** Uids of the Pods that hold a task. */
  readonly busy: ReadonlySet<string>
  readonly agents: readonly SchedulableAgent[]
  /** The requests of the lines; one that is missing is gone. */
  readonly requests: ReadonlyMap<string, SchedulableRequest>
  readonly maxAgents: number
  readonly idleSeconds: number
  /** No further agent goes before this for one that lacks room in the cluster: the last may have been enough. */
  readonly roomFrom?: number
  /** Types whose agents failed to start lately: none is made before `until`. */
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
    /** It goes because the cluster has no room for the Pod of another. */
    readonly forCluster?: boolean
  }[]
  /** Where tasks stand that have to wait, and why: those that agents are on the way for, and the first of each line. */
  readonly queue: readonly {
    readonly task: AgentTask
    readonly position: number
    readonly reason: string
  }[]
  /** When something changes by time alone: an idle agent's end, a task's earliest next try. */
  readonly nextAt: number | undefined
}

/** Waiting this long lifts a task by one priority, so that nothing starves. */
const ageingMs = 5 * 60_000

/**
 * Decides assignments, new agents and retirements for one moment.
 * Guarantees: no agent gets two tasks, no task two agents; agents never exceed `maxAgents`; a task is only given to an
 * agent of its type that serves its request; an agent that has work waiting is retired only for somebody more urgent, or
 * for a request that has less (see `roomFor`). The work grows with the lines and the agents, not with the tasks behind the
 * first of each line.
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
  // Whoever serves nobody goes at once, whether it is heard at the moment or not: it holds a place.
  for (const agent of usable)
    if (agent.serves.kind === 'nobody' && !isBusy(agent))
      retire.push({ agent, reason: agent.serves.why })
  // Those that leave make room by themselves; without counting them every run would send one more away.
  let room = total - usable.length + retire.length
  let asksForRoom = true
  const queue: Schedule['queue'][number][] = []
  let ahead = 0
  let nextAt: number | undefined
  const wakeAt = (at: number): void => {
    nextAt = nextAt === undefined ? at : Math.min(nextAt, at)
  }
  const wait = (task: AgentTask, reason: string): void => {
    queue.push({ task, position: ahead, reason })
    ahead += 1
  }
  /** What becomes of the first task of a line. `blocked`: nothing can be done for those behind it either. */
  const place = (front: OpenFront): 'placed' | 'blocked' => {
    const {
      line: { request: name, type },
      task,
    } = front
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
      // Fewer agents fit into the cluster than `maxAgents`, and idle ones of others hold the places.
      if (soon.lacksRoom === true && room === 0) {
        if (roomFrom <= now) makeRoom(front, { forCluster: true })
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
    makeRoom(front, {})
    return refuse(reason)
  }
  /** Nobody who comes later has a better claim to the agents that are left than the first who asks. */
  const makeRoom = (front: OpenFront, why: { readonly forCluster?: boolean }): void => {
    if (!asksForRoom || free.size === 0) return
    asksForRoom = false
    const found = roomFor({
      now,
      asker: wishOf(front),
      others: [...open].map(wishOf),
      free: [...free],
      places,
    })
    if (found.nextAt !== undefined) wakeAt(found.nextAt)
    if (found.agent === undefined) return
    free.delete(found.agent)
    const reason = `makes room for a ${front.line.type} agent`
    retire.push({ agent: found.agent, reason, ...why })
  }

  const wishOf = ({ line, at, rank }: OpenFront): Wish => {
    const request = input.requests.get(line.request)
    const mayRun =
      request === undefined || request.suspended
        ? 0
        : request.maxParallel - (running.get(line.request) ?? 0)
    return {
      requestUid: request?.uid ?? '',
      type: line.type,
      rank,
      load: load.get(line.request) ?? 0,
      tasks: Math.max(0, Math.min(mayRun, line.tasks.length - at)),
    }
  }

  const places = placesOf(usable)
  const fronts = input.lines.map((line) => frontOf(line, 0, now, wakeAt))
  for (const { paused } of fronts)
    if (paused !== undefined) wait(paused, 'the pause before the next attempt is not over')
  const open = new Set(fronts.filter(isOpen))
  while (open.size > 0) {
    let front: OpenFront | undefined
    for (const other of open)
      if (front === undefined || comesBefore(other, front, load)) front = other
    if (front === undefined) break
    open.delete(front)
    if (place(front) === 'blocked') {
      ahead += front.line.tasks.length - front.at - 1
      continue
    }
    const { request } = front.line
    load.set(request, (load.get(request) ?? 0) + 1)
    const behind = frontOf(front.line, front.at + 1, now, wakeAt)
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
  return { assign, create, retire, queue, nextAt }
}

/** The first task of a line that may be given out, if there is one. */
interface Front {
  readonly line: Line
  readonly at: number
  readonly task: AgentTask | undefined
  /** Its rank: priority with ageing; less is more urgent. */
  readonly rank: number
  /** A task passed over because of its pause. */
  readonly paused: AgentTask | undefined
}
type OpenFront = Front & { readonly task: AgentTask }

function isOpen(front: Front): front is OpenFront {
  return front.task !== undefined
}

/** How many agents each request has, by its uid. */
function placesOf(agents: readonly SchedulableAgent[]): ReadonlyMap<string, number> {
  const places = new Map<string, number>()
  for (const { serves } of agents)
    if (serves.kind === 'request') places.set(serves.uid, (places.get(serves.uid) ?? 0) + 1)
  return places
}

function frontOf(line: Line, from: number, now: number, wakeAt: (at: number) => void): Front {
  let at = from
  let task = line.tasks[at]
  let paused: AgentTask | undefined
  while (task !== undefined && pauseOf(task, now) > 0) {
    wakeAt(now + pauseOf(task, now))
    paused ??= task
    at += 1
    task = line.tasks[at]
  }
  return { line, at, task, rank: task === undefined ? 0 : rankOf(task, now), paused }
}

/** How long a task has to wait before its next attempt. */
function pauseOf({ status }: AgentTask, now: number): number {
  const left = status?.notBefore === undefined ? 0 : Date.parse(status.notBefore) - now
  // No pause is longer; the clock was put back.
  return left > longestPauseMs ? 0 : left
}

function rankOf({ metadata, spec }: AgentTask, now: number): number {
  const waited = Math.max(0, now - Date.parse(metadata.creationTimestamp))
  return priorities.indexOf(spec.priority) - Math.floor(waited / ageingMs)
}

/** Priority with ageing, then the request that runs least, counting what agents are on the way for, then the order of creation. */
function comesBefore(a: OpenFront, b: OpenFront, load: ReadonlyMap<string, number>): boolean {
  const loadOf = ({ line }: Front): number => load.get(line.request) ?? 0
  const order = a.rank - b.rank || loadOf(a) - loadOf(b)
  if (order !== 0) return order < 0
  return byAge(a.task, b.task) < 0
}

/** The order of a line: the older task first, then by name. */
export function byAge(a: AgentTask, b: AgentTask): number {
  return (
    compare(a.metadata.creationTimestamp, b.metadata.creationTimestamp) ||
    compare(a.metadata.name, b.metadata.name)
  )
}

const compare = (a: string, b: string): number => (a === b ? 0 : a < b ? -1 : 1)
