import type { AgentTask } from '../../../core/api/agent-task.ts'
import { hasSucceeded, heldBy, isFinished } from '../../../core/api/task-state.ts'

/** Where a task is, as far as the bench cares. */
export type Stage = 'waiting' | 'running' | 'finished'

/** What the observer can read: the floor's tasks, AgentTasks, or anything, which is finished as soon as it is there. */
export type Shape = 'floor' | 'agenttask' | 'any'

/** Reads the stage of each kind that is measured. */
export const stageOf: Readonly<Record<Shape, (object: unknown) => Stage>> = {
  any: () => 'finished',
  floor: (object) => {
    const { status } = object as { readonly status?: { readonly phase?: string } }
    if (status?.phase === 'Succeeded') return 'finished'
    return status?.phase === 'Running' ? 'running' : 'waiting'
  },
  agenttask: (object) => {
    const task = object as AgentTask
    // What only waits for its merge frees nobody who depends on it.
    if (isFinished(task) && hasSucceeded(task)) return 'finished'
    return heldBy(task) === undefined ? 'waiting' : 'running'
  },
}
