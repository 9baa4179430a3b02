import type { AgentTask } from '../../../core/api/agent-task.ts'
import { heldBy, requestUidOf } from '../../../core/api/task-state.ts'
import type { Forge } from '../../forge/client.ts'
import type { AgentStreams } from '../../presence/agent-streams.ts'
import { isNotFound } from '../../../core/kube/errors.ts'
import { refOf } from '../../../core/kube/resource.ts'
import type { Reconcile } from '../../../core/kube/runtime/controller.ts'
import { done, requeueAfter, type Result } from '../../../core/kube/runtime/outcome.ts'
import { readinessOf } from '../../../core/tasks/readiness.ts'
import { Stopwatch } from '../stopwatch.ts'
import { byHolder, byUid, writeStatus, type World } from '../world.ts'
import { decideTask, type Holder, type TaskObservation } from './decide.ts'
import { mergeResult } from './merge.ts'
import { newsForRequest } from './news.ts'
import type { Transition } from '../../../core/tasks/transitions.ts'

/** A holder whose stream was closed for this long has lost its task. */
export const lostAfterMs = 10_000
/** After a start of the operator agents get longer to come back: they may have to wait for the Service to follow. */
export const returnMs = 30_000
/** A stream is this old before its agent can be expected to have said all it had to say. */
const settleMs = 5_000
/** How often a holder is looked at; its silence is no event. */
const watchMs = 2_000

/** Brings each AgentTask along its life: skips, takes away from lost agents, merges, ends. */
export function taskReconciler(
  world: World,
  parts: { readonly forge: Forge; readonly streams: AgentStreams },
): Reconcile {
  const watch = new Stopwatch(world.tasks, world.clock, {
    until: (task) => heldBy(task) === undefined,
  })
  return async function reconcileTask(key, { signal }): Promise<Result> {
    const { namespace, name } = refOf(key)
    const task = world.tasks.get(namespace, name)
    if (task === undefined || task.metadata.deletionTimestamp !== undefined) return done
    const decision = decideTask(observe(world, parts.streams, watch, task))
    const write = async (transition: Transition): Promise<Result> => {
      try {
        await writeTransition(world, parts.streams, task, transition, signal)
      } catch (error) {
        // Deleted in this moment; there is nothing left to bring along.
        if (!isNotFound(error)) throw error
      }
      return done
    }
    switch (decision.kind) {
      case 'rest':
        return decision.nextAt === undefined
          ? done
          : requeueAfter(
              Math.min(Math.max(decision.nextAt - world.clock.now(), 0), watchMs),
              'watches its holder',
            )
      case 'write':
        return write(decision.transition)
      case 'integrate':
        return write(await mergeResult(world.clock, parts.forge, task, { signal }))
    }
  }
}

function observe(
  world: World,
  streams: AgentStreams,
  watch: Stopwatch<AgentTask>,
  task: AgentTask,
): TaskObservation {
  const held = heldBy(task)
  const now = world.clock.now()
  const isOverdue = held !== undefined && Date.parse(held.deadline) <= now
  return {
    task,
    readiness: readinessOf(task, (name) => siblingOf(world, task, name)),
    holder: holderOf(world, streams, task),
    claims: held === undefined ? [] : world.tasks.byIndex(byHolder, held.podUid),
    overdueMs: isOverdue ? watch.msIn(task, `attempt ${held.attempt}`, 0) : 0,
    now,
  }
}

/** Another task of the same request. */
export function siblingOf(
  world: Pick<World, 'tasks'>,
  task: AgentTask,
  name: string,
): AgentTask | undefined {
  const other = world.tasks.get(task.metadata.namespace, name)
  return other?.spec.requestRef.name === task.spec.requestRef.name ? other : undefined
}

/** The index key of a task's request. */
export function requestKey(task: AgentTask): string {
  return `${task.metadata.namespace}/${task.spec.requestRef.name}`
}

function holderOf(world: World, streams: AgentStreams, task: AgentTask): Holder {
  const held = heldBy(task)
  if (held === undefined) return { state: 'unknown' }
  const lost = (why: string, blameless = false): Holder => ({ state: 'lost', why, blameless })
  const pod = world.pods.byIndex(byUid, held.podUid)[0]
  const phase = pod?.status?.phase
  const agent = world.agents.get(task.metadata.namespace, held.agent)
  const isSame = agent?.status?.podUid === held.podUid
  // It was told to go while it had nothing to do, and left in peace: nobody knew when it was given this.
  if (phase === 'Succeeded' && isSame && agent.status?.state === 'draining')
    return lost(`${held.agent} had been told to go before`, true)
  // A task may well be what ends its agent, by its hunger for memory say; that must count, or it would loop for ever.
  if (phase === 'Failed' || phase === 'Succeeded') return lost(`the Pod of ${held.agent} ended`)
  if (pod === undefined) return lost(`the Pod of ${held.agent} is gone`)
  // Somebody deleted the Agent, and another may have its name by now. The Pod goes on for its grace period, unheard.
  if (!isSame) return lost(`the Agent ${held.agent} was deleted`, true)
  if (agent.status?.state === 'terminated') return lost(`the Agent ${held.agent} is being removed`)
  const heard = streams.of(held.podUid)
  if (streams.isReporting(held.podUid, `${task.metadata.uid}/${held.attempt}`))
    return { state: 'reporting' }
  // An agent that just came back tells first what it finished meanwhile.
  if (heard.open) return { state: world.clock.now() - heard.since < settleMs ? 'unknown' : 'alive' }
  // It never spoke to this process, which began a moment ago: that says more about us than about the task.
  const patienceMs = heard.known ? lostAfterMs : returnMs
  return world.clock.now() - heard.since > patienceMs
    ? lost(`${held.agent} was silent for ${patienceMs / 1000} s`, !heard.known)
    : { state: 'unknown' }
}

/** Writes a transition, then tells people; an agent that lost its task is told to stop. */
export async function writeTransition(
  world: World,
  streams: AgentStreams,
  task: AgentTask,
  transition: Transition,
  signal: AbortSignal,
  actor = 'operator',
): Promise<AgentTask> {
  const held = heldBy(task)
  const { status, act, type, reason, message } = transition
  const change = {
    status,
    act: act === undefined ? undefined : { ...act, actor },
    // What goes well stands in the status and in the audit; an Event for each step would cost as much as the step.
    notices: type === 'Warning' ? [{ type, reason, action: 'Progress', message }] : [],
  }
  const written = await writeStatus(world, world.tasks, task, change, { signal })
  if (held !== undefined && heldBy(written) === undefined && written.status?.result === undefined)
    streams.send(held.podUid, {
      kind: 'cancel',
      task: task.metadata.name,
      uid: task.metadata.uid,
      attempt: held.attempt,
    })
  const request = world.requests.get(task.metadata.namespace, task.spec.requestRef.name)
  const news = newsForRequest(written, transition)
  if (request !== undefined && request.metadata.uid === requestUidOf(written) && news !== undefined)
    world.events.record(request, news)
  return written
}
