import type { AgentTask } from '../../../core/api/agent-task.ts'
import { heldBy } from '../../../core/api/task-state.ts'
import type { Forge } from '../../forge/client.ts'
import type { AgentStreams } from '../../presence/agent-streams.ts'
import { isNotFound } from '../../../core/kube/errors.ts'
import { refOf } from '../../../core/kube/resource.ts'
import {
  type Reconcile,
  type Result,
  done,
  requeueAfter,
} from '../../../core/kube/runtime/controller.ts'
import { type Transition, readinessOf } from '../../../core/tasks/transitions.ts'
import { Stopwatch } from '../time-in-state.ts'
import { type World, byHolder, siblingOf } from '../world.ts'
import { type TaskObservation, decideTask } from './decide.ts'
import { holderOf } from './holder.ts'
import { mergeResult } from './merge.ts'
import { writeTransition } from './write-transition.ts'

/** How often a holder is looked at: an agent that falls silent causes no event. */
const watchMs = 2_000

/**
 * Skips AgentTasks behind failed ones, ends attempts whose agent is lost or late, and merges results.
 */
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
    const write = async (transition: Transition): Promise<void> => {
      try {
        await writeTransition(world, parts.streams, task, transition, signal)
      } catch (error) {
        // Somebody deleted the task meanwhile, so there is no status left to write.
        if (!isNotFound(error)) throw error
      }
    }
    const { change, step, nextMs } = decideTask(observe(world, parts.streams, watch, task))
    if (change !== undefined) await write(change)
    if (step === 'merge') await write(await mergeResult(world.clock, parts.forge, task, { signal }))
    return nextMs === undefined
      ? done
      : requeueAfter(Math.min(nextMs, watchMs), 'watches its holder')
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
