// Who works on what, and how many agents there are. Pure: the same input gives the same decisions.
import type { AgentTask } from '../api/agent-task.ts'
import { priorities, type AgentType, type Priority } from '../api/agent-types.ts'
import { heldBy, isFinished, isQueued } from '../api/task-state.ts'

/** An agent as the scheduler sees it. */
export interface SchedulableAgent {
  readonly name: string
  readonly type: AgentType
  readonly podUid: string | undefined
  /** Its stream to the hub is open. */
  readonly connected: boolean
  /** Why its Pod cannot start, if something stops it. */
  readonly trouble?: string | undefined
  /** It will take no further task. */
  readonly leaving: boolean
  readonly completed: number
  readonly maxTasks: number
  /** Milliseconds since 1970; undefined while it never was idle. */
  readonly idleSince: number | undefined
}

/** A request as the scheduler sees it. */
export interface SchedulableRequest {
  readonly suspended: boolean
  readonly maxParallel: number
}

export interface ScheduleInput {
  /** Milliseconds since 1970. */
  readonly now: number
  readonly tasks: readonly AgentTask[]
  readonly agents: readonly SchedulableAgent[]
  readonly requests: ReadonlyMap<string, SchedulableRequest>
  readonly maxAgents: number
  readonly idleSeconds: number
  /** Types whose agents failed to start lately: none is made before `until`. */
  readonly failing?: ReadonlyMap<AgentType, StartTrouble>
}

/** Agents of one type do not start: until when none is tried, in milliseconds since 1970, and what was wrong last. */
export interface StartTrouble {
  readonly until: number
  readonly message: string
}

export interface Schedule {
  readonly assign: readonly { readonly task: AgentTask; readonly agent: SchedulableAgent }[]
  readonly create: readonly {
    readonly type: AgentType
    readonly model: string
    readonly reason: string
  }[]
  readonly retire: readonly { readonly agent: SchedulableAgent; readonly reason: string }[]
  /** Where every task that stays in the queue stands, and why. */
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
 * agent of its type; an agent that could be used is not retired.
 */
export function schedule(input: ScheduleInput): Schedule {
  const { now, maxAgents } = input
  const running = runningByRequest(input.tasks)
  const busy = new Set(input.tasks.flatMap((task) => heldBy(task)?.podUid ?? []))
  const usable = input.agents.filter((agent) => !agent.leaving)
  const idle = usable.filter(
    (agent) => agent.connected && agent.podUid !== undefined && !busy.has(agent.podUid),
  )
  const starting = usable.filter(
    (agent) => !agent.connected && (agent.podUid === undefined || !busy.has(agent.podUid)),
  )
  const free = new Set(idle.filter((agent) => agent.completed < agent.maxTasks))
  const coming = new Set(starting)
  let total = input.agents.length
  // Those that leave make room by themselves; without counting them every run would send one more away.
  let room = total - usable.length

  const assign: Schedule['assign'][number][] = []
  const create: Schedule['create'][number][] = []
  const retire: Schedule['retire'][number][] = []
  const queue: Schedule['queue'][number][] = []
  let nextAt: number | undefined
  const wakeAt = (at: number): void => {
    nextAt = nextAt === undefined ? at : Math.min(nextAt, at)
  }
  const wait = (task: AgentTask, reason: string): void => {
    queue.push({ task, position: queue.length, reason })
  }

  for (const task of inOrder(input.tasks.filter(isQueued), running, now)) {
    const request = input.requests.get(task.spec.requestRef.name)
    const notBefore = task.status?.notBefore === undefined ? 0 : Date.parse(task.status.notBefore)
    const inFlight = running.get(task.spec.requestRef.name) ?? 0
    if (request === undefined) wait(task, 'its request is gone')
    else if (request.suspended) wait(task, 'the request is suspended')
    else if (notBefore > now) {
      wakeAt(notBefore)
      wait(task, 'waits before the next attempt')
    } else if (inFlight >= request.maxParallel)
      wait(task, `the request already runs ${inFlight} tasks, its limit`)
    else {
      const agent = best(free, task.spec.type)
      if (agent !== undefined) {
        free.delete(agent)
        assign.push({ task, agent })
        running.set(task.spec.requestRef.name, inFlight + 1)
        continue
      }
      const soon = best(coming, task.spec.type)
      const failing = input.failing?.get(task.spec.type)
      if (soon !== undefined) {
        coming.delete(soon)
        wait(
          task,
          soon.trouble === undefined
            ? `agent ${soon.name} is starting`
            : `agent ${soon.name} cannot start: ${soon.trouble}`,
        )
      } else if ((failing?.until ?? 0) > now) {
        wakeAt(failing?.until ?? now)
        wait(task, `${task.spec.type} agents do not start: ${failing?.message ?? ''}`)
      } else if (total < maxAgents) {
        total += 1
        create.push({
          type: task.spec.type,
          model: task.spec.model,
          reason: `task ${task.metadata.name} waits for a ${task.spec.type} agent`,
        })
        wait(task, `a ${task.spec.type} agent is being started`)
      } else {
        const spare =
          room > 0
            ? undefined
            : longestIdle([...free].filter((agent) => agent.type !== task.spec.type))
        room -= 1
        if (spare !== undefined && retire.length < 1) {
          free.delete(spare)
          retire.push({ agent: spare, reason: `makes room for a ${task.spec.type} agent` })
        }
        wait(task, `all ${maxAgents} agents are in use`)
      }
    }
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

function runningByRequest(tasks: readonly AgentTask[]): Map<string, number> {
  const running = new Map<string, number>()
  for (const task of tasks) {
    if (isFinished(task) || heldBy(task) === undefined) continue
    const name = task.spec.requestRef.name
    running.set(name, (running.get(name) ?? 0) + 1)
  }
  return running
}

/** Priority with ageing, then the request that runs least, then the order of creation. */
function inOrder(
  tasks: readonly AgentTask[],
  running: ReadonlyMap<string, number>,
  now: number,
): readonly AgentTask[] {
  const rank = (task: AgentTask): number => {
    const waited = Math.max(0, now - Date.parse(task.metadata.creationTimestamp))
    return priorities.indexOf(task.spec.priority satisfies Priority) - Math.floor(waited / ageingMs)
  }
  const load = (task: AgentTask): number => running.get(task.spec.requestRef.name) ?? 0
  return tasks.toSorted(
    (a, b) =>
      rank(a) - rank(b) ||
      load(a) - load(b) ||
      a.metadata.creationTimestamp.localeCompare(b.metadata.creationTimestamp) ||
      a.metadata.name.localeCompare(b.metadata.name),
  )
}

/** The agent of the type that did most so far: its Pod is warm, and a record is made where one is. */
function best(
  agents: ReadonlySet<SchedulableAgent>,
  type: AgentType,
): SchedulableAgent | undefined {
  let found: SchedulableAgent | undefined
  for (const agent of agents) {
    if (agent.type !== type) continue
    if (found === undefined || agent.completed > found.completed) found = agent
  }
  return found
}

function longestIdle(agents: readonly SchedulableAgent[]): SchedulableAgent | undefined {
  return agents.toSorted((a, b) => (a.idleSince ?? Infinity) - (b.idleSince ?? Infinity))[0]
}
