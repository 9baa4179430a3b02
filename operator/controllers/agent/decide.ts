import { isDeepStrictEqual } from 'node:util'
import type { Agent, AgentState, AgentStatus } from '../../api/agent.ts'
import type { AgentTask } from '../../api/agent-task.ts'
import { withCondition, withConditions, withoutCondition } from '../../api/condition-list.ts'
import { agentConditions, agentReasons, type AgentReason } from '../../api/conditions.ts'

/** What the hub knows of an agent's stream. */
export type Line =
  | { readonly state: 'open'; readonly activity: string }
  /** `since`: milliseconds since 1970; when the operator started, for one that never spoke to it. */
  | { readonly state: 'closed'; readonly since: number }

/** Where the agent's Pod is. */
export type PodView =
  | { readonly state: 'missing' }
  | {
      readonly state: 'pending'
      readonly since: number
      readonly trouble: string | undefined
      readonly unschedulable: boolean
    }
  | { readonly state: 'running'; readonly uid: string; readonly name: string }
  | { readonly state: 'ended'; readonly failed: boolean; readonly message: string }

/** Tasks that ended since the last status write. */
export interface Outcome {
  readonly succeeded: boolean
  readonly seconds: number
  readonly tokens: number
}

export interface AgentObservation {
  readonly agent: Agent
  readonly pod: PodView
  readonly line: Line
  readonly held: AgentTask | undefined
  readonly outcomes: readonly Outcome[]
  readonly now: number
}

export type AgentDecision =
  | { readonly kind: 'rest'; readonly nextAt: number | undefined }
  | { readonly kind: 'create-pod' }
  | { readonly kind: 'write'; readonly status: AgentStatus; readonly nextAt: number | undefined }
  /** Delete the Agent; its Pod goes with it. */
  | { readonly kind: 'remove'; readonly reason: AgentReason; readonly message: string }

/** An open Pod whose stream stays closed this long is given up. */
const silentMs = 60_000
/** A Pod may take this long to start, image pull included. */
const startMs = 5 * 60_000
/** A draining agent may take this long to leave. */
const drainMs = 45_000

/** What to do about one agent now. */
export function decideAgent(seen: AgentObservation): AgentDecision {
  const { agent, pod, line, now } = seen
  if (agent.metadata.deletionTimestamp !== undefined) return rest()
  const state = agent.status?.state
  const known = agent.status?.podUid !== undefined

  if (pod.state === 'missing')
    return known ? remove(agentReasons.PodFailed, 'its Pod is gone') : { kind: 'create-pod' }
  if (pod.state === 'ended')
    return remove(
      pod.failed ? agentReasons.PodFailed : agentReasons.Draining,
      pod.failed ? `its Pod failed: ${pod.message}` : 'it left after its work was done',
    )
  if (pod.state === 'pending') {
    const end = Date.parse(agent.metadata.creationTimestamp) + startMs
    if (end <= now)
      return remove(
        pod.unschedulable ? agentReasons.PodUnschedulable : agentReasons.PodFailed,
        `its Pod did not start within ${startMs / 1000} s: ${pod.trouble ?? 'no reason given'}`,
      )
    const reason: AgentReason = pod.unschedulable
      ? agentReasons.PodUnschedulable
      : pod.trouble === undefined
        ? agentReasons.Starting
        : agentReasons.PodFailed
    return write(
      seen,
      'starting',
      reason,
      pod.trouble ?? 'its Pod is starting',
      Math.min(end, now + 15_000),
    )
  }
  if (state === 'draining') {
    const since = transitionTime(agent) ?? now
    if (since + drainMs <= now)
      return remove(agentReasons.Draining, 'it was told to leave and did not')
    return rest(since + drainMs)
  }
  if (line.state === 'closed') {
    if (!known || state === undefined || state === 'starting') {
      const end = Date.parse(agent.metadata.creationTimestamp) + startMs
      if (end <= now)
        return remove(agentReasons.PodFailed, 'its Pod runs but never reached the hub')
      return write(
        seen,
        'starting',
        agentReasons.Starting,
        'its Pod runs and has not reached the hub yet',
        end,
      )
    }
    if (line.since + silentMs <= now)
      return remove(agentReasons.Disconnected, `it was silent for ${silentMs / 1000} s`)
    return write(
      seen,
      seen.held === undefined ? 'idle' : 'busy',
      agentReasons.Disconnected,
      'its stream to the hub is closed',
      line.since + silentMs,
    )
  }
  return write(
    seen,
    seen.held === undefined ? 'idle' : 'busy',
    agentReasons.Connected,
    'its stream to the hub is open',
    undefined,
  )
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

/** The status of an agent whose Pod the API server refuses; undefined when it says so already. */
export function refused(
  agent: Agent,
  reason: AgentReason,
  message: string,
  now: number,
): AgentStatus | undefined {
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
  return isDeepStrictEqual(conditions, agent.status?.conditions)
    ? undefined
    : {
        ...agent.status,
        observedGeneration: agent.metadata.generation,
        state: 'starting',
        conditions: [...conditions],
      }
}

/** It ends without ever having reached the hub. */
export function neverStarted(agent: Agent): boolean {
  const state = agent.status?.state
  return state === undefined || state === 'starting'
}

function write(
  seen: AgentObservation,
  state: AgentState,
  reason: AgentReason,
  message: string,
  nextAt: number | undefined,
): AgentDecision {
  const { agent, pod, line, held, now } = seen
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
  const troubled = reason !== agentReasons.Connected && reason !== agentReasons.Starting
  const performance = performanceAfter(before.performance, seen.outcomes)
  const {
    currentTask: _task,
    currentRequest: _request,
    activity: _activity,
    idleSince,
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
    ...(held === undefined
      ? {}
      : { currentTask: held.metadata.name, currentRequest: held.spec.requestRef.name }),
    ...(line.state === 'open' && held !== undefined && line.activity !== ''
      ? { activity: line.activity.slice(0, 200) }
      : {}),
    ...(state === 'idle'
      ? { idleSince: (before.state === 'idle' ? idleSince : undefined) ?? at }
      : {}),
    heartbeatTime: at,
  }
  return sameButTime(before, status) ? rest(nextAt) : { kind: 'write', status, nextAt }
}

function performanceAfter(
  before: AgentStatus['performance'],
  outcomes: readonly Outcome[],
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

/** The heartbeat alone is not worth a write. */
function sameButTime(before: AgentStatus, after: AgentStatus): boolean {
  const { heartbeatTime: _before, ...old } = before
  const { heartbeatTime: _after, ...fresh } = after
  return isDeepStrictEqual(old, fresh)
}

function transitionTime(agent: Agent): number | undefined {
  const ready = agent.status?.conditions?.find(
    (condition) => condition.type === agentConditions.Ready,
  )
  return ready === undefined ? undefined : Date.parse(ready.lastTransitionTime)
}

function rest(nextAt?: number): AgentDecision {
  return { kind: 'rest', nextAt }
}

function remove(reason: AgentReason, message: string): AgentDecision {
  return { kind: 'remove', reason, message }
}
