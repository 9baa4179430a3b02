import type { Agent } from '../../../core/api/agent.ts'
import { agentReasons } from '../../../core/api/conditions.ts'
import type { AgentSettings } from '../../settings/config.ts'
import type { AgentStreams } from '../../presence/agent-streams.ts'
import { pods as podKind } from '../../../core/kube/built-in-kinds.ts'
import { isAlreadyExists, isForbidden, isInvalid, isNotFound } from '../../../core/kube/errors.ts'
import { refOf } from '../../../core/kube/resource.ts'
import {
  type Reconcile,
  type Result,
  WaitError,
  done,
  requeueAfter,
} from '../../../core/kube/runtime/controller.ts'
import { Pace } from '../pace.ts'
import { Stopwatch } from '../time-in-state.ts'
import { type World, claimOf } from '../world.ts'
import { writeStatus } from '../write-status.ts'
import { type AgentObservation, decideAgent, refused } from './decide.ts'
import type { Outcomes } from './outcomes.ts'
import { podView } from './pod-view.ts'
import { agentPod, podNameOf } from './pod.ts'
import type { StartFailures } from './start-failures.ts'

/** Keeps each Agent's Pod, status and end. */
export function agentReconciler(
  world: World,
  parts: {
    readonly streams: AgentStreams
    readonly settings: Pick<AgentSettings, 'template' | 'hubUrl'>
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
    const { change, step, nextMs } = decideAgent(seen)
    if (change !== undefined) {
      const waitMs = change.mayWait === true ? pace.take(agent) : 0
      if (waitMs > 0) return later(Math.min(waitMs, nextMs ?? waitMs))
      pace.written(agent)
      parts.outcomes.writing(name, seen.outcomes.length, change.status.performance)
      await writeStatus(world, world.agents, agent, change, { signal })
      parts.outcomes.written(name, seen.outcomes.length)
    }
    if (step?.kind === 'create-pod') await createPod(world, agent, parts.settings, signal)
    if (step?.kind === 'count-failed-start') parts.starts.failed(agent.spec.type, step.message)
    if (step?.kind === 'remove') await remove(world, agent, signal)
    return later(nextMs)
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

async function createPod(
  world: World,
  agent: Agent,
  settings: Pick<AgentSettings, 'template' | 'hubUrl'>,
  signal: AbortSignal,
): Promise<void> {
  try {
    world.pods.noteWrite(
      await world.client.create(podKind, agentPod(agent, settings.template, settings.hubUrl), {
        signal,
      }),
    )
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

/** The API server is asked again after this time when it refused the Pod. */
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
  // A complete deletion gives no version that reads could wait for, and no decision may rest on an
  // older view.
  if (!(await agents.waitUntilGone(agent, { signal, timeoutMs: 5_000 })))
    throw new WaitError(1_000, `the deletion of Agent ${name} has not come back yet`)
}
