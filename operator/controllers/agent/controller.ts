import { isDeepStrictEqual } from 'node:util'
import type { Agent, AgentStatus } from '../../../core/api/agent.ts'
import { agentReasons } from '../../../core/api/conditions.ts'
import type { AgentSettings } from '../../settings/config.ts'
import type { AgentStreams } from '../../presence/agent-streams.ts'
import { pods as podKind, type Pod } from '../../../core/kube/core.ts'
import type { Informer } from '../../../core/kube/informer.ts'
import { isAlreadyExists, isForbidden, isInvalid, isNotFound } from '../../../core/kube/errors.ts'
import { refOf } from '../../../core/kube/resource.ts'
import type { Reconcile } from '../../../core/kube/runtime/controller.ts'
import { done, requeueAfter, WaitError, type Result } from '../../../core/kube/runtime/outcome.ts'
import { Pace } from '../pace.ts'
import { Stopwatch } from '../stopwatch.ts'
import { claimOf, writeStatus, type World } from '../world.ts'
import {
  decideAgent,
  neverStarted,
  refused,
  type AgentObservation,
  type TaskOutcome,
  type PodView,
} from './decide.ts'
import { agentPod, podNameOf } from './pod.ts'
import type { StartFailures } from './start-failures.ts'

/** Tasks that ended on each agent since its last status write, by agent name. */
export class Outcomes {
  readonly #waiting = new Map<string, TaskOutcome[]>()
  readonly #writing = new Map<
    string,
    { readonly count: number; readonly record: AgentStatus['performance'] }
  >()
  readonly #listeners: ((agent: string) => void)[] = []

  constructor(agents: Pick<Informer<Agent>, 'onChange'>) {
    // The name of an agent that is gone may be given to another.
    agents.onChange(({ name }, agent) => {
      if (agent !== undefined) return
      this.#waiting.delete(name)
      this.#writing.delete(name)
    })
  }

  /** Told the name of an agent with a new outcome: its status may have been written a moment before. */
  onChange(listener: (agent: string) => void): void {
    this.#listeners.push(listener)
  }

  add(agent: string, outcome: TaskOutcome): void {
    this.#waiting.set(agent, [...(this.#waiting.get(agent) ?? []), outcome])
    for (const listener of this.#listeners) listener(agent)
  }

  /** The first `count` are about to be written as this record. */
  writing(agent: string, count: number, record: AgentStatus['performance']): void {
    if (count > 0) this.#writing.set(agent, { count, record })
  }

  /** Lets go of what a write stored whose answer was lost: the record that is seen is the one it would have made. */
  settle(agent: string, seen: AgentStatus['performance']): void {
    const last = this.#writing.get(agent)
    if (last !== undefined && isDeepStrictEqual(last.record, seen)) this.written(agent, last.count)
  }

  of(agent: string): readonly TaskOutcome[] {
    return this.#waiting.get(agent) ?? []
  }

  /** Lets go of the first `count`: they are in the status now. */
  written(agent: string, count: number): void {
    this.#writing.delete(agent)
    const rest = this.of(agent).slice(count)
    if (rest.length === 0) this.#waiting.delete(agent)
    else this.#waiting.set(agent, [...rest])
  }
}

/** Keeps each Agent's Pod, status and end. */
export function agentReconciler(
  world: World,
  parts: {
    readonly streams: AgentStreams
    readonly settings: AgentSettings
    readonly outcomes: Outcomes
    readonly starts: StartFailures
  },
): Reconcile {
  const watches = {
    state: new Stopwatch(world.agents, world.clock),
    work: new Stopwatch(world.agents, world.clock),
  }
  const pace = new Pace(world.agents, { clock: world.clock, everyMs: 5_000, perSecond: 10 })
  return async function reconcileAgent(key, { signal }): Promise<Result> {
    const { namespace, name } = refOf(key)
    const agent = world.agents.get(namespace, name)
    if (agent === undefined) return done
    parts.outcomes.settle(name, agent.status?.performance)
    const seen = observe(world, parts, watches, agent)
    if (seen.stream.state === 'open') parts.starts.succeeded(agent.spec.type)
    const decision = decideAgent(seen)
    switch (decision.kind) {
      case 'rest':
        return later(decision.nextMs)
      case 'create-pod':
        await createPod(world, agent, parts.settings, signal)
        return requeueAfter(podPauseMs, 'looks whether its Pod starts')
      case 'write': {
        const waitMs = decision.urgent ? 0 : pace.take(agent)
        if (waitMs > 0) return later(Math.min(waitMs, decision.nextMs ?? waitMs))
        pace.written(agent)
        parts.outcomes.writing(name, seen.outcomes.length, decision.status.performance)
        await writeStatus(world, world.agents, agent, decision, { signal })
        parts.outcomes.written(name, seen.outcomes.length)
        return later(decision.nextMs)
      }
      case 'give-up':
        await writeStatus(world, world.agents, agent, decision, { signal })
        if (neverStarted(agent)) parts.starts.failed(agent.spec.type, decision.message)
        return done
      case 'remove':
        await remove(world, agent, signal)
        return done
    }
  }
}

function later(ms: number | undefined): Result {
  return ms === undefined ? done : requeueAfter(Math.max(100, ms), 'a time limit ends')
}

function observe(
  world: World,
  parts: { readonly streams: AgentStreams; readonly outcomes: Outcomes },
  watches: Readonly<Record<'state' | 'work', Stopwatch<Agent>>>,
  agent: Agent,
): AgentObservation {
  const { namespace, name } = agent.metadata
  const now = world.clock.now()
  const pod = world.pods.get(namespace, podNameOf(agent))
  const heard = parts.streams.of(pod?.metadata.uid)
  const held = claimOf(world, pod?.metadata.uid)
  const { state = 'starting', idleSince } = agent.status ?? {}
  const working = held === undefined ? 'idle' : 'busy'
  const already = held === undefined && idleSince !== undefined ? now - Date.parse(idleSince) : 0
  const workMs = watches.work.msIn(agent, working, already)
  return {
    agent,
    pod: podView(pod),
    stream: heard.open
      ? { state: 'open', activity: heard.activity }
      : { state: 'closed', forMs: now - heard.since },
    held,
    outcomes: parts.outcomes.of(name),
    inStateMs: watches.state.msIn(agent, state, 0),
    idleMs: held === undefined ? workMs : 0,
    recorded: world.audit.holds(agent),
    now,
  }
}

/** What a Pod's status means for its agent. */
export function podView(pod: Pod | undefined): PodView {
  if (pod === undefined) return { state: 'missing' }
  const { phase, conditions = [], containerStatuses = [], message } = pod.status ?? {}
  if (phase === 'Failed' || phase === 'Succeeded') {
    const why = containerStatuses
      .map((status) => status.state?.terminated)
      .filter((ended) => ended !== undefined && ended.exitCode !== 0)
      .map((ended) =>
        `${ended?.reason ?? 'exit'} ${ended?.exitCode ?? ''} ${ended?.message ?? ''}`.trim(),
      )
    return { state: 'ended', failed: phase === 'Failed', message: message ?? why.join('; ') }
  }
  // One container ended and the other still runs: with restartPolicy Never the agent is over.
  const ended = containerStatuses.find((status) => status.state?.terminated !== undefined)?.state
    ?.terminated
  if (ended !== undefined)
    return {
      state: 'ended',
      failed: ended.exitCode !== 0,
      message: `${ended.reason ?? 'exit'} ${ended.exitCode}`,
    }
  if (phase === 'Running' && pod.metadata.uid !== undefined)
    return { state: 'running', uid: pod.metadata.uid, name: pod.metadata.name }
  const scheduled = conditions.find((condition) => condition.type === 'PodScheduled')
  const unschedulable = scheduled?.status === 'False'
  const waiting = containerStatuses
    .map((status) => status.state?.waiting)
    .find((state) => state?.reason !== undefined && !calm.has(state.reason))
  return {
    state: 'pending',
    trouble: unschedulable
      ? scheduled.message
      : waiting === undefined
        ? undefined
        : `${waiting.reason ?? ''}: ${waiting.message ?? ''}`,
    unschedulable,
  }
}

/** Reasons that every starting Pod shows. */
const calm: ReadonlySet<string> = new Set(['ContainerCreating', 'PodInitializing'])

async function createPod(
  world: World,
  agent: Agent,
  settings: AgentSettings,
  signal: AbortSignal,
): Promise<void> {
  try {
    world.pods.noteWrite(await world.client.create(podKind, agentPod(agent, settings), { signal }))
  } catch (error) {
    if (isAlreadyExists(error)) return
    if (!isForbidden(error) && !isInvalid(error)) throw error
    const reason = /exceeded quota/i.test(error.message)
      ? agentReasons.QuotaExceeded
      : agentReasons.PodFailed
    const change = refused(agent, reason, error.message, world.clock.now())
    if (change !== undefined) await writeStatus(world, world.agents, agent, change, { signal })
    throw new WaitError(podPauseMs, error.message, { cause: error })
  }
}

/** How soon a Pod that was asked for is looked at again. */
const podPauseMs = 15_000

async function remove(world: World, agent: Agent, signal: AbortSignal): Promise<void> {
  const { agents, client } = world
  const { namespace, name, uid } = agent.metadata
  try {
    const kept = await client.delete(agents.resource, { namespace, name, uid }, { signal })
    agents.noteWrite(kept)
    if (kept !== undefined) return
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
  // A deletion that is complete has no version to note, and nothing is to be decided on a view from before it.
  if (!(await agents.waitUntilGone(agent, { signal, timeoutMs: 5_000 })))
    throw new WaitError(1_000, 'its deletion has not come back yet')
}
