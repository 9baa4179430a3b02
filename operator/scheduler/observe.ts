import type { Agent } from '../../core/api/agent.ts'
import { conditionOf, isTrue } from '../../core/api/condition-list.ts'
import { agentConditions, agentReasons, requestConditions } from '../../core/api/conditions.ts'
import type { DevRequestSpec } from '../../core/api/devrequest.ts'
import { heldBy, requestUidOf } from '../../core/api/task-state.ts'
import { keyOf } from '../../core/kube/resource.ts'
import type { Outcomes } from '../controllers/agent/outcomes.ts'
import type { StartFailures } from '../controllers/agent/start-failures.ts'
import { patienceMs } from '../controllers/agenttask/holder.ts'
import type { Stopwatch } from '../controllers/time-in-state.ts'
import { type World, byHeld } from '../controllers/world.ts'
import type { AgentStreams } from '../presence/agent-streams.ts'
import type { AgentSettings } from '../settings/config.ts'
import type { SchedulableAgent, Serves } from './agents.ts'
import type { Assignments } from './assignments.ts'
import type { Backlog } from './backlog.ts'
import type { NewAgents } from './new-agents.ts'
import type { SchedulableRequest, ScheduleInput, TaskQueue } from './schedule.ts'

/** Reasons of a Pod's trouble that end when another Pod goes. */
const lacksRoom: ReadonlySet<string> = new Set([
  agentReasons.QuotaExceeded,
  agentReasons.PodUnschedulable,
])

/** Reads the caches and what this process knows besides them into the input of `schedule`. */
export function observe(
  world: World,
  parts: {
    readonly streams: AgentStreams
    readonly settings: AgentSettings
    readonly starts: Pick<StartFailures, 'troubles'>
    readonly outcomes: Pick<Outcomes, 'of'>
    readonly backlog: Backlog
    readonly newAgents: NewAgents
    readonly assignments: Assignments
    /** How long each agent has been idle. */
    readonly idleTimes: Stopwatch<Agent>
  },
  now: number,
): ScheduleInput {
  const held = world.tasks.byIndex(byHeld, byHeld)
  const unclear = parts.assignments.underWay()
  const unclearTasks = new Set(unclear.map(({ task }) => keyOf(task.metadata)))
  const running = new Map<string, number>()
  for (const task of [...held, ...unclear.map((given) => given.task)]) {
    const { name } = task.spec.requestRef
    const owner = requestUidOf(task)
    // A task of a deleted request of the same name does not count against the new request.
    const uid = world.requests.get(world.namespace, name)?.metadata.uid
    if (owner === undefined || owner === uid) running.set(name, (running.get(name) ?? 0) + 1)
  }
  const requests = new Map<string, SchedulableRequest>()
  const queues: TaskQueue[] = []
  for (const queue of parts.backlog.queues()) {
    const request = world.requests.get(world.namespace, queue.request)
    const alive = request !== undefined && request.metadata.deletionTimestamp === undefined
    // The request of these tasks was deleted, and another may have its name: the garbage collector will delete the tasks.
    if (queue.owner !== undefined && !(alive && request.metadata.uid === queue.owner)) continue
    const tasks =
      unclear.length === 0
        ? queue.tasks
        : queue.tasks.filter(({ metadata }) => !unclearTasks.has(keyOf(metadata)))
    if (tasks.length > 0) queues.push({ ...queue, tasks })
    // Objects stored before a schema change may lack what the schema fills in today.
    const limits: Partial<DevRequestSpec['limits']> | undefined = request?.spec.limits
    if (alive)
      requests.set(queue.request, {
        uid: request.metadata.uid,
        suspended: request.spec.suspend === true,
        maxParallel: limits?.maxParallel ?? 10,
      })
  }
  const busy = new Set([
    ...held.flatMap((task) => heldBy(task)?.podUid ?? []),
    ...unclear.flatMap(({ agent }) => agent.podUid ?? []),
  ])
  return {
    now,
    queues,
    running,
    busy,
    agents: [
      ...world.agents.list().map((agent) => viewOf(world, agent, parts, busy, now)),
      ...parts.newAgents.underWay(),
    ],
    requests,
    maxAgents: parts.settings.maxAgents,
    idleSeconds: parts.settings.idleSeconds,
    failing: parts.starts.troubles,
  }
}

function viewOf(
  world: World,
  agent: Agent,
  { streams, settings, outcomes, idleTimes }: Parameters<typeof observe>[1],
  busy: ReadonlySet<string>,
  now: number,
): SchedulableAgent {
  const { status, spec, metadata } = agent
  const stalled = conditionOf(agent, agentConditions.Stalled)
  // The status is written now and then; outcomes that are not in it yet count, too.
  const unwritten = outcomes.of(metadata.name).length
  const completed =
    (status?.performance?.completed ?? 0) + (status?.performance?.failed ?? 0) + unwritten
  // Giving an agent its first task writes its status. Before its registration is written the two writes would conflict.
  const isRegistered =
    status?.podUid !== undefined && (settings.reuse === 'any' || status.state !== 'starting')
  const working = busy.has(status?.podUid ?? '') ? 'busy' : 'idle'
  const already = status?.idleSince === undefined ? 0 : now - Date.parse(status.idleSince)
  // `status.idleSince` is written late; the time that this process measured is newer.
  const idleMs = isRegistered ? idleTimes.msIn(agent, working, already) : 0
  return {
    name: metadata.name,
    type: spec.type,
    podUid: status?.podUid,
    serves: servesOf(world, settings, status, completed > 0),
    trouble: stalled?.message,
    lacksRoom: stalled !== undefined && lacksRoom.has(stalled.reason),
    connected: isRegistered && streams.of(status?.podUid).open,
    leaving:
      isSilent(agent, streams) ||
      metadata.deletionTimestamp !== undefined ||
      status?.state === 'draining' ||
      status?.state === 'terminated',
    completed,
    maxTasks: spec.maxTasks,
    idleSince: isRegistered ? now - idleMs : undefined,
  }
}

/** Whose tasks an agent may take: the request that was written into its status before its first task. */
function servesOf(
  { requests, namespace }: World,
  { reuse }: Pick<AgentSettings, 'reuse'>,
  status: Agent['status'],
  worked: boolean,
): Serves {
  const served = status?.servedRequest
  if (served === undefined)
    // The agent worked under other settings or an older operator, so the requests that it worked for are not known.
    return reuse === 'request' && (worked || status?.currentTask !== undefined)
      ? { kind: 'nobody', why: 'may have worked for several requests, and now serves none' }
      : { kind: 'anyone' }
  // This holds under every setting of `reuse`: the setting may change back.
  const request = requests.get(namespace, served.name)
  if (request === undefined || request.metadata.uid !== served.uid)
    return { kind: 'nobody', why: `belongs to request ${served.name}, which is gone` }
  const isOver =
    isTrue(request, requestConditions.Finished) || request.metadata.deletionTimestamp !== undefined
  return isOver
    ? { kind: 'nobody', why: `belongs to request ${served.name}, which is over` }
    : { kind: 'request', uid: served.uid }
}

/** An agent that worked and has been silent for so long that it loses its tasks: no task should wait for it. */
function isSilent({ status }: Agent, streams: AgentStreams): boolean {
  if (status?.state !== 'idle' && status?.state !== 'busy') return false
  return streams.silentMs(status.podUid) > patienceMs(streams.of(status.podUid))
}
