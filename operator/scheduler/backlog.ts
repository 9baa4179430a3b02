import type { AgentTask } from '../../core/api/agent-task.ts'
import { isComplete, isFinished, isOpen, requestUidOf } from '../../core/api/task-state.ts'
import { keyOf } from '../../core/kube/resource.ts'
import { readinessOf } from '../../core/tasks/transitions.ts'
import { type TaskQueue, byAge } from './schedule.ts'
import { type World, byDependency, siblingOf } from '../controllers/world.ts'

/** A task queue with the uid of its request: the name may belong to another request by now. */
interface OwnedQueue extends TaskQueue {
  /** Undefined for tasks that a person created. */
  readonly owner: string | undefined
}

type MutableQueue = Omit<OwnedQueue, 'tasks'> & { readonly tasks: AgentTask[] }

/**
 * The task queues: tasks that are ready and that no agent holds. They are kept up to date with every change of a task,
 * because the scheduler must not read ten thousand tasks to assign one.
 * Guarantees: the same queues as filtering all tasks would give; a change costs the changed task and those that depend on it.
 */
export class Backlog {
  readonly #tasks: World['tasks']
  readonly #queues = new Map<string, MutableQueue>()
  /** The queue that each task stands in, and the version of the task that stands there. */
  readonly #positions = new Map<string, { readonly queue: string; readonly task: AgentTask }>()

  constructor(tasks: World['tasks']) {
    this.#tasks = tasks
    tasks.onChange((ref, task, previous) => {
      const key = keyOf(ref)
      this.#update(key, task)
      if (outcomeOf(task) === outcomeOf(previous)) return
      for (const other of tasks.byIndex(byDependency, key))
        this.#update(keyOf(other.metadata), other)
    })
  }

  /** All task queues; each holds at least one task. */
  queues(): Iterable<OwnedQueue> {
    return this.#queues.values()
  }

  #update(key: string, task: AgentTask | undefined): void {
    const before = this.#positions.get(key)
    if (before !== undefined) this.#remove(key, before)
    if (task === undefined || task.metadata.deletionTimestamp !== undefined || !isOpen(task)) return
    const find = (name: string): AgentTask | undefined =>
      siblingOf({ tasks: this.#tasks }, task, name)
    if (readinessOf(task, find).state === 'ready') this.#add(key, task)
  }

  #add(key: string, task: AgentTask): void {
    const request = task.spec.requestRef.name
    const { type, priority } = task.spec
    const owner = requestUidOf(task)
    const id = [request, owner, type, priority].join(' ')
    const queue = this.#queues.get(id) ?? { request, owner, type, tasks: [] }
    this.#queues.set(id, queue)
    queue.tasks.splice(positionOf(queue.tasks, task), 0, task)
    this.#positions.set(key, { queue: id, task })
  }

  #remove(
    key: string,
    { queue: id, task }: { readonly queue: string; readonly task: AgentTask },
  ): void {
    this.#positions.delete(key)
    const queue = this.#queues.get(id)
    if (queue === undefined) return
    queue.tasks.splice(positionOf(queue.tasks, task), 1)
    if (queue.tasks.length === 0) this.#queues.delete(id)
  }
}

/** The part of a task that decides whether the tasks that depend on it are ready. */
function outcomeOf(task: AgentTask | undefined): string {
  if (task === undefined || !isFinished(task)) return ''
  return isComplete(task) ? 'complete' : `failed: ${task.status?.failure?.reason}`
}

/** The index of a task in a queue, or the index at which it would be inserted. */
function positionOf(tasks: readonly AgentTask[], task: AgentTask): number {
  let [low, high] = [0, tasks.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    const other = tasks[middle]
    if (other !== undefined && byAge(other, task) < 0) low = middle + 1
    else high = middle
  }
  return low
}
