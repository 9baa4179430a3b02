import type { AgentTask } from '../../core/api/agent-task.ts'
import { isComplete, isFinished, isOpen, requestUidOf } from '../../core/api/task-state.ts'
import { keyOf } from '../../core/kube/resource.ts'
import { readinessOf } from '../../core/tasks/readiness.ts'
import { byAge, type Line } from './schedule.ts'
import { siblingOf } from '../controllers/agenttask/controller.ts'
import { byDependency, type World } from '../controllers/world.ts'

/** A line of the backlog, with the request's uid: another request may have its name by now. */
export interface OwnedLine extends Line {
  /** Undefined for tasks that a person made. */
  readonly owner: string | undefined
}

type Mutable = Omit<OwnedLine, 'tasks'> & { readonly tasks: AgentTask[] }

/**
 * The tasks that are ready and held by nobody, sorted into lines, kept with every change of a task: the scheduler must not
 * look at ten thousand tasks to place one.
 * Guarantees: the same as filtering all tasks, at the cost of the changed task and those that wait for it.
 */
export class Backlog {
  readonly #tasks: World['tasks']
  readonly #lines = new Map<string, Mutable>()
  /** Where each task stands, and the version that stands there. */
  readonly #places = new Map<string, { readonly line: string; readonly task: AgentTask }>()

  constructor(tasks: World['tasks']) {
    this.#tasks = tasks
    tasks.onChange((ref, task, previous) => {
      const key = keyOf(ref)
      this.#settle(key, task)
      if (outcomeOf(task) === outcomeOf(previous)) return
      for (const other of tasks.byIndex(byDependency, key))
        this.#settle(keyOf(other.metadata), other)
    })
  }

  /** The lines, each with at least one task. */
  lines(): Iterable<OwnedLine> {
    return this.#lines.values()
  }

  #settle(key: string, task: AgentTask | undefined): void {
    const before = this.#places.get(key)
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
    const line = this.#lines.get(id) ?? { request, owner, type, tasks: [] }
    this.#lines.set(id, line)
    line.tasks.splice(placeOf(line.tasks, task), 0, task)
    this.#places.set(key, { line: id, task })
  }

  #remove(
    key: string,
    { line: id, task }: { readonly line: string; readonly task: AgentTask },
  ): void {
    this.#places.delete(key)
    const line = this.#lines.get(id)
    if (line === undefined) return
    line.tasks.splice(placeOf(line.tasks, task), 1)
    if (line.tasks.length === 0) this.#lines.delete(id)
  }
}

/** What those that wait for a task see of it. */
function outcomeOf(task: AgentTask | undefined): string {
  if (task === undefined || !isFinished(task)) return ''
  return isComplete(task) ? 'complete' : `failed: ${task.status?.failure?.reason}`
}

/** Where a task stands in a line, or would. */
function placeOf(tasks: readonly AgentTask[], task: AgentTask): number {
  let [low, high] = [0, tasks.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    const other = tasks[middle]
    if (other !== undefined && byAge(other, task) < 0) low = middle + 1
    else high = middle
  }
  return low
}
