import { isDeepStrictEqual } from 'node:util'
import { agentTimes } from '../../../core/api/agent-protocol.ts'
import type { Agent, AgentState, AgentStatus } from '../../../core/api/agent.ts'
import type { AgentTask } from '../../../core/api/agent-task.ts'
import {
  conditionOf,
  withCondition,
  withConditions,
  withoutCondition,
} from '../../../core/api/condition-list.ts'
import { type AgentReason, agentConditions, agentReasons } from '../../../core/api/conditions.ts'
import { annotations } from '../../../core/api/names.ts'
import type { Act } from '../../../core/api/audit-trail.ts'
import type { Change, Decision, Notice } from '../write-status.ts'
import type { PodView } from './pod-view.ts'
import type { TaskEnding } from './outcomes.ts'

/** The agent stream as the hub knows it. */
type StreamState =
  | { readonly state: 'open'; readonly activity: string }
  /** `forMs` counts from the start of the operator for an agent that never spoke to it. */
  | { readonly state: 'closed'; readonly forMs: number }

export interface AgentObservation {
  readonly agent: Agent
  readonly pod: PodView
  readonly stream: StreamState
  readonly held: AgentTask | undefined
  readonly outcomes: readonly TaskEnding[]
  /** How long the agent has been in its `status.state`, in milliseconds. */
  readonly inStateMs: number
  /** How long the agent has held no task, in milliseconds. */
  readonly idleMs: number
  /** Whether the audit log holds every transition that the agent's status shows. */
  readonly recorded: boolean
  readonly now: number
}

/** What an agent needs besides its status. */
type AgentStep =
  | { readonly kind: 'create-pod' }
  /**
   * The agent ends without having reached the hub: the scheduler makes the next one of its type
   * only after a pause.
   */
  | { readonly kind: 'count-failed-start'; readonly message: string }
  /** Delete the Agent; its Pod goes with it. */
  | { readonly kind: 'remove' }

type AgentDecision = Decision<AgentStatus, AgentStep>

const { silentMs } = agentTimes
/** A Pod may take this long to start, image pull included. */
const startMs = 5 * 60_000
/** A draining agent may take this long to leave. */
const drainMs = 45_000
/** A Pod that was created or is pending is looked at again after this time. */
const lookMs = 15_000
/**
 * An agent that is to be removed is looked at again after this time while the audit log is behind.
 */
const recordMs = 1_000

/** Decides about one agent. The first guard that applies decides. */
export function decideAgent(seen: AgentObservation): AgentDecision {
  const { agent, pod, stream } = seen
  if (agent.metadata.deletionTimestamp !== undefined) return {}
  const state = agent.status?.state
  const known = agent.status?.podUid !== undefined

  // The audit log takes the records from the outbox in the status, so the Agent is deleted only
  // after that.
  if (state === 'terminated')
    return seen.recorded ? { step: { kind: 'remove' } } : { nextMs: recordMs }
  if (pod.state === 'missing')
    return known
      ? giveUp(seen, agentReasons.PodFailed, 'its Pod is gone')
      : { step: { kind: 'create-pod' }, nextMs: lookMs }
  if (pod.state === 'ended')
    return pod.failed
      ? giveUp(seen, agentReasons.PodFailed, 'its Pod failed', pod.message)
      : giveUp(seen, agentReasons.Draining, 'the agent left after its work was done')
  if (pod.state === 'pending') {
    const left = startMs - seen.inStateMs
    if (left <= 0)
      return giveUp(
        seen,
        pod.unschedulable ? agentReasons.PodUnschedulable : agentReasons.PodFailed,
        `the Pod of the agent did not start within ${startMs / 1000} s`,
        pod.trouble,
      )
    const reason: AgentReason = pod.unschedulable
      ? agentReasons.PodUnschedulable
      : pod.trouble === undefined
        ? agentReasons.Starting
        : agentReasons.PodFailed
    const message = pod.trouble ?? 'its Pod is starting'
    return write(seen, 'starting', reason, message, Math.min(left, lookMs))
  }
  if (state === 'draining') {
    const left = drainMs - seen.inStateMs
    return left > 0
      ? { nextMs: left }
      : giveUp(seen, agentReasons.Draining, 'the agent was told to leave and did not')
  }
  if (stream.state === 'closed') {
    if (!known || state === undefined || state === 'starting') {
      const left = startMs - seen.inStateMs
      if (left <= 0)
        return giveUp(seen, agentReasons.PodFailed, 'its Pod runs but never reached the hub')
      const message = 'its Pod runs and has not reached the hub yet'
      return write(seen, 'starting', agentReasons.Starting, message, left)
    }
    const left = silentMs - stream.forMs
    if (left <= 0)
      return giveUp(
        seen,
        agentReasons.Disconnected,
        `the agent was silent for ${silentMs / 1000} s`,
      )
    const message = 'the stream of the agent to the hub is closed'
    return write(seen, working(seen), agentReasons.Disconnected, message, left)
  }
  return write(
    seen,
    working(seen),
    agentReasons.Connected,
    'the stream of the agent to the hub is open',
    undefined,
  )
}

const working = ({ held }: AgentObservation): AgentState => (held === undefined ? 'idle' : 'busy')

/** Writes that the agent goes, and why; the next reconcile deletes it. */
function giveUp(
  seen: AgentObservation,
  reason: AgentReason,
  message: string,
  detail?: string,
): AgentDecision {
  const { agent, outcomes, now } = seen
  const said = detail === undefined || detail === '' ? message : `${message}: ${detail}`
  const performance = performanceAfter(agent.status?.performance, outcomes)
  const status: AgentStatus = {
    ...agent.status,
    observedGeneration: agent.metadata.generation,
    state: 'terminated',
    ...(performance === undefined ? {} : { performance }),
    conditions: [
      ...withCondition(
        agent.status?.conditions ?? [],
        { type: agentConditions.Ready, status: 'False', reason, message: said },
        new Date(now).toISOString(),
        agent.metadata.generation,
      ),
    ],
  }
  // The Pod's message stays out of the audit log: the project's code may have printed it.
  const act = { action: 'Removed', message: `${reason}: ${message}` }
  const notice: Notice = {
    type: reason === agentReasons.Draining ? 'Normal' : 'Warning',
    reason,
    action: 'Scale',
    message: `agent ${agent.metadata.name} is removed: ${said}`,
  }
  return {
    change: { status, act, notices: [notice] },
    ...(neverStarted(agent) ? { step: { kind: 'count-failed-start', message: said } } : {}),
  }
}

/** The status of an agent that is told to leave. */
export function draining(agent: Agent, message: string, now: number): AgentStatus {
  return {
    ...agent.status,
    state: 'draining',
    conditions: [
      ...withCondition(
        agent.status?.conditions ?? [],
        { type: agentConditions.Ready, status: 'False', reason: agentReasons.Draining, message },
        new Date(now).toISOString(),
        agent.metadata.generation,
      ),
    ],
  }
}

/**
 * The status of an agent that is about to be given its first task; from then on the agent belongs
 * to the task's request. It is written before the task is given: an operator that ends in between
 * must not leave an agent that worked for one request and looks free for another.
 */
export function engaged(
  agent: Agent,
  task: AgentTask,
  request: NonNullable<AgentStatus['servedRequest']>,
  now: number,
): AgentStatus {
  const { idleSince: _idleSince, ...kept } = agent.status ?? {}
  return {
    ...kept,
    state: 'busy',
    currentTask: task.metadata.name,
    currentRequest: request.name,
    servedRequest: request,
    heartbeatTime: new Date(now).toISOString(),
  }
}

/**
 * The change of an agent whose Pod the API server refuses; undefined when the status says so
 * already.
 */
export function refused(
  agent: Agent,
  reason: AgentReason,
  message: string,
  now: number,
): Change<AgentStatus> | undefined {
  const { Ready, Stalled } = agentConditions
  const conditions = withConditions(
    agent.status?.conditions ?? [],
    [
      { type: Ready, status: 'False', reason, message },
      { type: Stalled, status: 'True', reason, message },
    ],
    new Date(now).toISOString(),
    agent.metadata.generation,
  )
  if (isDeepStrictEqual(conditions, agent.status?.conditions)) return undefined
  const status: AgentStatus = {
    ...agent.status,
    observedGeneration: agent.metadata.generation,
    state: 'starting',
    conditions: [...conditions],
  }
  const isNews = conditionOf(agent, Stalled)?.reason !== reason
  return {
    status,
    act: isNews ? { action: reason, message: 'the Pod of the agent is refused' } : undefined,
    notices: isNews ? [{ type: 'Warning', reason, action: 'CreatePod', message }] : [],
  }
}

/** Whether the agent never reached the hub. */
function neverStarted(agent: Agent): boolean {
  const state = agent.status?.state
  return state === undefined || state === 'starting'
}

function write(
  seen: AgentObservation,
  state: AgentState,
  reason: AgentReason,
  message: string,
  nextMs: number | undefined,
): AgentDecision {
  const { agent, pod, stream, held, now } = seen
  const at = new Date(now).toISOString()
  const before = agent.status ?? {}
  const conditions = withCondition(
    before.conditions ?? [],
    {
      type: agentConditions.Ready,
      status: reason === agentReasons.Connected ? 'True' : 'False',
      reason,
      message,
    },
    at,
    agent.metadata.generation,
  )
  const worksFor = held?.spec.requestRef.name ?? before.servedRequest?.name
  const troubled = reason !== agentReasons.Connected && reason !== agentReasons.Starting
  const performance = performanceAfter(before.performance, seen.outcomes)
  const {
    currentTask: _task,
    currentRequest: _request,
    activity: _activity,
    idleSince: _idleSince,
    ...kept
  } = before
  const status: AgentStatus = {
    ...kept,
    observedGeneration: agent.metadata.generation,
    state,
    conditions: [
      ...(troubled
        ? withCondition(
            conditions,
            { type: agentConditions.Stalled, status: 'True', reason, message },
            at,
          )
        : withoutCondition(conditions, agentConditions.Stalled)),
    ],
    ...(pod.state === 'running' ? { podName: pod.name, podUid: pod.uid } : {}),
    ...(performance === undefined ? {} : { performance }),
    ...(held === undefined ? {} : { currentTask: held.metadata.name }),
    ...(worksFor === undefined ? {} : { currentRequest: worksFor }),
    ...(stream.state === 'open' && held !== undefined && stream.activity !== ''
      ? { activity: stream.activity.slice(0, 200) }
      : {}),
    ...(state === 'idle' ? { idleSince: idleSinceOf(seen) } : {}),
    heartbeatTime: at,
  }
  // A new heartbeat time alone is not worth a write.
  if (isDeepStrictEqual(withoutTime(before), withoutTime(status))) return { nextMs }
  const mayWait = isDeepStrictEqual(lifeOf(before), lifeOf(status))
  return { change: { status, act: actOf(agent, state, reason), mayWait }, nextMs }
}

/**
 * The audit action of a change in an agent's life. The records of the tasks tell which of them it
 * works on.
 */
function actOf(agent: Agent, state: AgentState, reason: AgentReason): Act | undefined {
  const before = conditionOf(agent, agentConditions.Ready)
  if (before === undefined)
    return {
      action: 'Created',
      message: agent.metadata.annotations?.[annotations.reason] ?? 'the Agent was made by a person',
    }
  return before.reason === reason ? undefined : { action: reason, message: `the agent is ${state}` }
}

/**
 * Since when the agent is idle. A date that is right to a second is kept, or each reconcile would
 * write another one.
 */
function idleSinceOf({ agent, idleMs, now }: AgentObservation): string {
  const at = now - idleMs
  const known = agent.status?.idleSince
  const same = known !== undefined && Math.abs(Date.parse(known) - at) <= 1_000
  return same ? known : new Date(at).toISOString()
}

function withoutTime({ heartbeatTime: _time, ...status }: AgentStatus): AgentStatus {
  return status
}

/**
 * The part of a status that is written at once: all but the agent's work, its performance and the
 * times.
 */
function lifeOf(status: AgentStatus): AgentStatus {
  const {
    currentTask: _task,
    currentRequest: _request,
    activity: _activity,
    performance: _performance,
    idleSince: _idleSince,
    heartbeatTime: _time,
    state,
    ...life
  } = status
  return { ...life, state: state === 'busy' ? 'idle' : state }
}

function performanceAfter(
  before: AgentStatus['performance'],
  outcomes: readonly TaskEnding[],
): AgentStatus['performance'] {
  return outcomes.reduce((record, outcome) => {
    const done = (record?.completed ?? 0) + (record?.failed ?? 0)
    return {
      completed: (record?.completed ?? 0) + (outcome.succeeded ? 1 : 0),
      failed: (record?.failed ?? 0) + (outcome.succeeded ? 0 : 1),
      meanSeconds: Math.round(((record?.meanSeconds ?? 0) * done + outcome.seconds) / (done + 1)),
      tokens: (record?.tokens ?? 0) + outcome.tokens,
    }
  }, before)
}
