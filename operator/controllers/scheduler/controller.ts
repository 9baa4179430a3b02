import type { Agent } from '../../api/agent.ts'
import type { AgentTask } from '../../api/agent-task.ts'
import { conditionOf } from '../../api/condition-list.ts'
import { agentConditions } from '../../api/conditions.ts'
import { agents as agentKind, devRequests } from '../../api/kinds.ts'
import { labels } from '../../api/names.ts'
import { heldBy } from '../../api/task-state.ts'
import type { AgentSettings } from '../../config.ts'
import type { Lines } from '../../hub/lines.ts'
import { isAlreadyExists, isConflict, isNotFound } from '../../kube/errors.ts'
import type { Reconcile } from '../../runtime/controller.ts'
import { done, requeueAfter, WaitError, type Result } from '../../runtime/outcome.ts'
import {
  schedule,
  type SchedulableAgent,
  type SchedulableRequest,
  type Schedule,
} from '../../scheduler/schedule.ts'
import { draining } from '../agent/decide.ts'
import type { StartFailures } from '../agent/start-failures.ts'
import { lostAfterMs, returnMs } from '../agenttask/controller.ts'
import { assign, queued } from '../agenttask/transitions.ts'
import { tell, writeStatus, type World } from '../world.ts'

/** The only key of the scheduler: it looks at everything at once, one run at a time. */
export const schedulerKey = 'all'

/** How soon everything is looked at again after a write met a newer version. */
const movedPauseMs = 1_000

/** Carries out what `schedule` decides: assignments first, then new agents, then retirements, then queue places. */
export function schedulerReconciler(
  world: World,
  parts: {
    readonly lines: Lines
    readonly settings: AgentSettings
    readonly starts: Pick<StartFailures, 'troubles'>
    /** Sends the assignment to the Pod that holds it now. */
    readonly dispatch: (task: AgentTask) => void
  },
): Reconcile {
  return async function reconcileSchedule(_key, { signal }): Promise<Result> {
    const decided = schedule(observe(world, parts))
    // One write that is refused must not keep the others from being made.
    const failures: unknown[] = []
    const step = async (work: Promise<void>): Promise<void> => {
      await work.catch((error: unknown) => {
        // Somebody else moved or deleted it; that change brings us back here. A conflict may come without one, too.
        if (isConflict(error)) failures.push(new WaitError(movedPauseMs, error.message))
        else if (!isNotFound(error)) failures.unshift(error)
      })
      signal.throwIfAborted()
    }
    for (const { task, agent } of decided.assign)
      await step(give(world, parts, task, agent, signal))
    await step(create(world, parts.settings, decided.create, signal))
    for (const { agent, reason } of decided.retire)
      await step(retire(world, parts.lines, agent.name, reason, signal))
    for (const place of decided.queue) await step(noteQueue(world, place, signal))
    if (failures.length > 0) throw failures[0]
    return decided.nextAt === undefined
      ? done
      : requeueAfter(
          Math.max(100, decided.nextAt - world.clock.now()),
          'an idle time or a pause ends',
        )
  }
}

function observe(
  world: World,
  parts: {
    readonly lines: Lines
    readonly settings: AgentSettings
    readonly starts: Pick<StartFailures, 'troubles'>
  },
): Parameters<typeof schedule>[0] {
  const requests = new Map<string, SchedulableRequest>()
  const alive = new Set<string>()
  for (const { metadata, spec } of world.requests.list()) {
    if (metadata.deletionTimestamp !== undefined) continue
    alive.add(metadata.uid)
    // Objects stored before a schema change may lack what the schema fills in today.
    const limits: Partial<typeof spec.limits> | undefined = spec.limits
    requests.set(metadata.name, {
      suspended: spec.suspend === true,
      maxParallel: limits?.maxParallel ?? 10,
    })
  }
  return {
    now: world.clock.now(),
    // A task that is held counts as long as it is there: its agent is not free. One that waits and whose request is gone,
    // perhaps replaced by another of its name, is about to go and is nobody's work.
    tasks: world.tasks.list().filter((task) => heldBy(task) !== undefined || isWanted(task, alive)),
    agents: world.agents.list().map((agent) => viewOf(agent, parts.lines)),
    requests,
    maxAgents: parts.settings.maxAgents,
    idleSeconds: parts.settings.idleSeconds,
    failing: parts.starts.troubles,
  }
}

function isWanted({ metadata }: AgentTask, alive: ReadonlySet<string>): boolean {
  if (metadata.deletionTimestamp !== undefined) return false
  const owner = metadata.ownerReferences?.find(({ kind }) => kind === devRequests.kind)
  return owner === undefined || alive.has(owner.uid)
}

function viewOf(agent: Agent, lines: Lines): SchedulableAgent {
  const { status, spec, metadata } = agent
  return {
    name: metadata.name,
    type: spec.type,
    podUid: status?.podUid,
    trouble: conditionOf(agent, agentConditions.Stalled)?.message,
    connected: status?.podUid !== undefined && lines.of(status.podUid).open,
    leaving:
      isSilent(agent, lines) ||
      metadata.deletionTimestamp !== undefined ||
      status?.state === 'draining' ||
      status?.state === 'terminated',
    completed: (status?.performance?.completed ?? 0) + (status?.performance?.failed ?? 0),
    maxTasks: spec.maxTasks,
    idleSince: status?.idleSince === undefined ? undefined : Date.parse(status.idleSince),
  }
}

/** It worked once and has not been heard for so long that it loses its tasks: nobody should wait for it. */
function isSilent({ status }: Agent, lines: Lines): boolean {
  if (status?.state !== 'idle' && status?.state !== 'busy') return false
  const { known } = lines.of(status.podUid)
  return lines.silentMs(status.podUid) > (known ? lostAfterMs : returnMs)
}

async function give(
  world: World,
  parts: { readonly dispatch: (task: AgentTask) => void },
  task: AgentTask,
  agent: SchedulableAgent,
  signal: AbortSignal,
): Promise<void> {
  if (agent.podUid === undefined) return
  const transition = assign(task, { name: agent.name, podUid: agent.podUid }, world.clock.now())
  const given = await writeStatus(world, world.tasks, task, transition.status, {
    signal,
    priority: 'assign',
  })
  parts.dispatch(given)
  tell(
    world,
    task,
    { type: 'Normal', reason: 'Assigned', action: 'Assign', message: transition.message },
    { detail: { agent: agent.name, request: task.spec.requestRef.name } },
  )
}

async function create(
  world: World,
  settings: AgentSettings,
  wanted: Schedule['create'],
  signal: AbortSignal,
): Promise<void> {
  const taken = new Set(world.agents.list().map((agent) => agent.metadata.name))
  for (const { type, model, reason } of wanted) {
    const name = freeName(type, taken)
    taken.add(name)
    try {
      const agent = await world.client.create(
        agentKind,
        {
          metadata: { name, namespace: world.namespace, labels: { [labels.agentType]: type } },
          spec: { type, model, skills: [], maxTasks: settings.maxTasks },
        },
        { signal },
      )
      world.agents.noteWrite(agent)
      tell(
        world,
        { ...agent, kind: 'Agent' },
        { type: 'Normal', reason: 'Created', action: 'Scale', message: reason },
      )
    } catch (error) {
      if (!isAlreadyExists(error)) throw error
    }
  }
}

/** `coding-1`, `coding-2`, …: the lowest number that is free. */
function freeName(type: string, taken: ReadonlySet<string>): string {
  let number = 1
  while (taken.has(`${type}-${number}`)) number += 1
  return `${type}-${number}`
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
  if (world.tasks.list().some((task) => heldBy(task)?.podUid === agent.status?.podUid)) return
  await writeStatus(world, world.agents, agent, draining(agent, reason, world.clock.now()), {
    signal,
  })
  if (agent.status?.podUid !== undefined) lines.send(agent.status.podUid, { kind: 'drain' })
  tell(world, agent, {
    type: 'Normal',
    reason: 'Draining',
    action: 'Scale',
    message: `${name} ${reason}`,
  })
}

/** Writes a place in the queue only when its reason is new: positions move all the time. */
async function noteQueue(
  world: World,
  place: Schedule['queue'][number],
  signal: AbortSignal,
): Promise<void> {
  if (place.task.status?.queue?.reason === place.reason) return
  const transition = queued(place.task, place.position, place.reason, world.clock.now())
  await writeStatus(world, world.tasks, place.task, transition.status, { signal })
}
