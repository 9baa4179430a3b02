import type { Agent } from '../../core/api/agent.ts'
import type { AgentTask } from '../../core/api/agent-task.ts'
import { conditionOf, isTrue } from '../../core/api/condition-list.ts'
import { agentConditions, agentReasons, requestConditions } from '../../core/api/conditions.ts'
import type { DevRequestSpec } from '../../core/api/devrequest.ts'
import { heldBy, requestUidOf } from '../../core/api/task-state.ts'
import type { AgentSettings } from '../settings/config.ts'
import type { Lines } from '../presence/lines.ts'
import { isConflict, isNotFound } from '../../core/kube/errors.ts'
import { keyOf } from '../../core/kube/resource.ts'
import type { Reconcile } from '../../core/kube/runtime/controller.ts'
import { done, requeueAfter, WaitError, type Result } from '../../core/kube/runtime/outcome.ts'
import type { SchedulableAgent, Serves } from './agents.ts'
import {
  schedule,
  type Line,
  type SchedulableRequest,
  type Schedule,
  type ScheduleInput,
} from './schedule.ts'
import { draining } from '../controllers/agent/decide.ts'
import type { Outcomes } from '../controllers/agent/controller.ts'
import type { StartFailures } from '../controllers/agent/start-failures.ts'
import { Stopwatch } from '../controllers/stopwatch.ts'
import { lostAfterMs, returnMs } from '../controllers/agenttask/controller.ts'
import { queued } from '../../core/tasks/transitions.ts'
import { byHeld, claimOf, writeStatus, type Change, type World } from '../controllers/world.ts'
import { Assignments } from './assignments.ts'
import { Backlog } from './backlog.ts'
import { NewAgents } from './new-agents.ts'
import { Waits } from './waits.ts'

/** The only key of the scheduler: it looks at everything at once, one run at a time. */
export const schedulerKey = 'all'

/** Writes under way at the same time; the client bounds them together with everybody else's. */
const atOnce = 16
/** How soon everything is looked at again after a write met a newer version. */
const movedPauseMs = 1_000

/** A task has to wait this long for one reason before that is written: most get their agent sooner. */
const dwellMs = 2_000

/** How long the Pod of an agent gets to find the room that another agent left; it is asked for every 15 s. */
const roomMs = 20_000
/** Troubles of a Pod that end when another one goes. */
const lacksRoom: ReadonlySet<string> = new Set([
  agentReasons.QuotaExceeded,
  agentReasons.PodUnschedulable,
])

/** Carries out what `schedule` decides: assignments first, then new agents, then retirements, then queue places. */
export function schedulerReconciler(
  world: World,
  parts: {
    readonly lines: Lines
    readonly settings: AgentSettings
    readonly starts: Pick<StartFailures, 'troubles'>
    readonly outcomes: Pick<Outcomes, 'of'>
    /** Sends the assignment to the Pod that holds it now. */
    readonly dispatch: (task: AgentTask) => void
  },
): Reconcile {
  const backlog = new Backlog(world.tasks)
  const waits = new Waits(dwellMs)
  const newAgents = new NewAgents(world, parts.settings)
  const assignments = new Assignments(world, parts.settings, parts.dispatch)
  const watch = new Stopwatch(world.agents, world.clock)
  let roomFrom = 0
  return async function reconcileSchedule(_key, { signal }): Promise<Result> {
    const now = world.clock.now()
    const decided = schedule({
      ...observe(world, { ...parts, newAgents, assignments, watch }, backlog, now),
      roomFrom,
    })
    if (decided.retire.some(({ forCluster }) => forCluster === true)) roomFrom = now + roomMs
    const failures: unknown[] = []
    /**
     * Does the first few and says whether some are left: what becomes ready meanwhile must not wait until everything
     * decided now has been carried out. Goes on past writes that fail, so that they do not keep the others from being made.
     */
    const some = async <T>(items: readonly T[], act: (item: T) => Promise<void>) => {
      for (let from = 0; from < items.length; from += atOnce) {
        const before = failures.length
        const outcomes = await Promise.allSettled(items.slice(from, from + atOnce).map(act))
        for (const outcome of outcomes) {
          if (outcome.status === 'fulfilled') continue
          const error: unknown = outcome.reason
          // Somebody else moved or deleted it; that change brings us back here. A conflict may come without one, too.
          if (isConflict(error)) failures.push(new WaitError(movedPauseMs, error.message))
          else if (!isNotFound(error)) failures.unshift(error)
        }
        signal.throwIfAborted()
        if (failures.length === before) return from + atOnce < items.length
      }
      return false
    }
    const waiting = waits.of(decided.queue, world.clock.monotonic())
    const isMore = [
      await some(assignments.of(decided.assign), async (assignment) =>
        assignments.give(assignment, signal),
      ),
      await some(newAgents.of(decided.create), async (agent) => newAgents.make(agent, signal)),
      await some(decided.retire, async ({ agent, reason }) =>
        retire(world, parts.lines, agent.name, reason, signal),
      ),
      await some(waiting.long, async (place) => noteQueue(world, place, signal)),
    ]
    if (failures.length > 0) throw failures[0]
    if (isMore.includes(true)) return requeueAfter(0, 'more is decided than was carried out')
    const pauses = [
      ...(decided.nextAt === undefined ? [] : [decided.nextAt - now]),
      ...(waiting.nextMs === undefined ? [] : [waiting.nextMs]),
    ]
    return pauses.length === 0
      ? done
      : requeueAfter(Math.max(100, Math.min(...pauses)), 'an idle time or a pause ends')
  }
}

function observe(
  world: World,
  parts: {
    readonly lines: Lines
    readonly settings: AgentSettings
    readonly starts: Pick<StartFailures, 'troubles'>
    readonly outcomes: Pick<Outcomes, 'of'>
    readonly newAgents: NewAgents
    readonly assignments: Assignments
    /** How long each agent has been idle, by its uid. */
    readonly watch: Stopwatch<Agent>
  },
  backlog: Backlog,
  now: number,
): ScheduleInput {
  const held = world.tasks.byIndex(byHeld, byHeld)
  const unclear = parts.assignments.underWay()
  const unclearTasks = new Set(unclear.map(({ task }) => keyOf(task.metadata)))
  const running = new Map<string, number>()
  for (const task of [...held, ...unclear.map((given) => given.task)]) {
    const { name } = task.spec.requestRef
    const owner = requestUidOf(task)
    // What still runs for a deleted request of the same name does not count against the new one.
    const uid = world.requests.get(world.namespace, name)?.metadata.uid
    if (owner === undefined || owner === uid) running.set(name, (running.get(name) ?? 0) + 1)
  }
  const requests = new Map<string, SchedulableRequest>()
  const lines: Line[] = []
  for (const line of backlog.lines()) {
    const request = world.requests.get(world.namespace, line.request)
    const alive = request !== undefined && request.metadata.deletionTimestamp === undefined
    // Its request is gone, perhaps replaced by another of its name: the tasks are about to go and are nobody's work.
    if (line.owner !== undefined && !(alive && request.metadata.uid === line.owner)) continue
    const tasks =
      unclear.length === 0
        ? line.tasks
        : line.tasks.filter(({ metadata }) => !unclearTasks.has(keyOf(metadata)))
    if (tasks.length > 0) lines.push({ ...line, tasks })
    // Objects stored before a schema change may lack what the schema fills in today.
    const limits: Partial<DevRequestSpec['limits']> | undefined = request?.spec.limits
    if (alive)
      requests.set(line.request, {
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
    lines,
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
  { lines, settings, outcomes, watch }: Parameters<typeof observe>[1],
  busy: ReadonlySet<string>,
  now: number,
): SchedulableAgent {
  const { status, spec, metadata } = agent
  const stalled = conditionOf(agent, agentConditions.Stalled)
  // Its record is written now and then; what is not in it yet counts all the same.
  const unwritten = outcomes.of(metadata.name).length
  const completed =
    (status?.performance?.completed ?? 0) + (status?.performance?.failed ?? 0) + unwritten
  // Its first task is written into its status; before its own registration is, the two writes would meet.
  const isRegistered =
    status?.podUid !== undefined && (settings.reuse === 'any' || status.state !== 'starting')
  const working = busy.has(status?.podUid ?? '') ? 'busy' : 'idle'
  const already = status?.idleSince === undefined ? 0 : now - Date.parse(status.idleSince)
  // The record says late since when it is idle; what we saw ourselves is newer.
  const idleMs = isRegistered ? watch.msIn(agent, working, already) : 0
  return {
    name: metadata.name,
    type: spec.type,
    podUid: status?.podUid,
    serves: servesOf(world, settings, status, completed > 0),
    trouble: stalled?.message,
    lacksRoom: stalled !== undefined && lacksRoom.has(stalled.reason),
    connected: isRegistered && lines.of(status?.podUid).open,
    leaving:
      isSilent(agent, lines) ||
      metadata.deletionTimestamp !== undefined ||
      status?.state === 'draining' ||
      status?.state === 'terminated',
    completed,
    maxTasks: spec.maxTasks,
    idleSince: isRegistered ? now - idleMs : undefined,
  }
}

/** Whose tasks an agent may be given, by what was written down before its first one. */
function servesOf(
  { requests, namespace }: World,
  { reuse }: Pick<AgentSettings, 'reuse'>,
  status: Agent['status'],
  worked: boolean,
): Serves {
  const served = status?.servedRequest
  if (served === undefined)
    // The settings were others then, or the operator an older one: nobody knows for how many requests it worked.
    return reuse === 'request' && (worked || status?.currentTask !== undefined)
      ? { kind: 'nobody', why: 'may have worked for several requests, and now serves none' }
      : { kind: 'anyone' }
  // It stays so when the settings change: they may change back.
  const request = requests.get(namespace, served.name)
  if (request === undefined || request.metadata.uid !== served.uid)
    return { kind: 'nobody', why: `belongs to request ${served.name}, which is gone` }
  const isOver =
    isTrue(request, requestConditions.Finished) || request.metadata.deletionTimestamp !== undefined
  return isOver
    ? { kind: 'nobody', why: `belongs to request ${served.name}, which is over` }
    : { kind: 'request', uid: served.uid }
}

/** It worked once and has not been heard for so long that it loses its tasks: nobody should wait for it. */
function isSilent({ status }: Agent, lines: Lines): boolean {
  if (status?.state !== 'idle' && status?.state !== 'busy') return false
  const { known } = lines.of(status.podUid)
  return lines.silentMs(status.podUid) > (known ? lostAfterMs : returnMs)
}

async function retire(
  world: World,
  lines: Lines,
  name: string,
  reason: string,
  signal: AbortSignal,
): Promise<void> {
  const agent = world.agents.get(world.namespace, name)
  if (agent === undefined) return
  // The cache is current (own writes were waited for), but a task may have been given by a leader before us.
  if (claimOf(world, agent.status?.podUid) !== undefined) return
  const message = `${name} ${reason}`
  const change: Change<NonNullable<Agent['status']>> = {
    status: draining(agent, message, world.clock.now()),
    act: { action: agentReasons.Draining, message },
    notices: [{ type: 'Normal', reason: agentReasons.Draining, action: 'Scale', message }],
  }
  await writeStatus(world, world.agents, agent, change, { signal })
  if (agent.status?.podUid !== undefined) lines.send(agent.status.podUid, { kind: 'drain' })
}

/** Writes a place in the queue only when its reason is new: positions move all the time. */
async function noteQueue(
  world: World,
  place: Schedule['queue'][number],
  signal: AbortSignal,
): Promise<void> {
  if (place.task.status?.queue?.reason === place.reason) return
  const change = queued(place.task, place.position, place.reason, world.clock.now())
  await writeStatus(world, world.tasks, place.task, change, { signal })
}
