import type { AgentTask } from '../../api/agent-task.ts'
import { isConflict, isInvalid, isNotFound, isRefusal } from '../../kube/errors.ts'
import { isNewer, keyOf } from '../../kube/resource.ts'
import type { SchedulableAgent, Schedule } from '../../scheduler/schedule.ts'
import { assign } from '../agenttask/transitions.ts'
import { writeStatus, type World } from '../world.ts'

type Assignment = Schedule['assign'][number]

/**
 * Gives tasks to agents.
 * Guarantees: one that got no clear answer holds its task and its agent until it is known what came of it, so that no agent
 * is given two. It is written again, for the same agent and on the same version: only one of two such writes can be done.
 */
export class Assignments {
  readonly #world: World
  readonly #dispatch: (task: AgentTask) => void
  /** By the task's key: begun, and the cache does not show what came of it. */
  readonly #unclear = new Map<string, Assignment>()

  /** `dispatch` sends the assignment to the Pod that holds it now. */
  constructor(world: World, dispatch: (task: AgentTask) => void) {
    this.#world = world
    this.#dispatch = dispatch
  }

  /** What may have been given although the cache does not show it. */
  underWay(): readonly Assignment[] {
    for (const [key, { task }] of this.#unclear) {
      const { namespace, name, resourceVersion } = task.metadata
      const seen = this.#world.tasks.get(namespace, name)?.metadata.resourceVersion
      if (seen === undefined || isNewer(seen, resourceVersion)) this.#unclear.delete(key)
    }
    return [...this.#unclear.values()]
  }

  /** What is to be written now: what is unclear, and what was decided anew. */
  of(decided: Schedule['assign']): readonly Assignment[] {
    return [...this.#unclear.values(), ...decided]
  }

  async give(assignment: Assignment, signal: AbortSignal): Promise<void> {
    const { task, agent } = assignment
    const key = keyOf(task.metadata)
    const again = this.#unclear.has(key)
    try {
      const written = await this.#write(task, agent, signal)
      this.#unclear.delete(key)
      if (written !== undefined) this.#dispatch(written)
    } catch (error) {
      // A conflict with what may be our own write tells nothing yet; the cache will.
      const isClear = again
        ? isNotFound(error) || isInvalid(error)
        : isRefusal(error) || isConflict(error)
      if (isClear) this.#unclear.delete(key)
      else this.#unclear.set(key, assignment)
      throw error
    }
  }

  async #write(
    task: AgentTask,
    agent: SchedulableAgent,
    signal: AbortSignal,
  ): Promise<AgentTask | undefined> {
    const world = this.#world
    if (agent.podUid === undefined) return undefined
    const { status, act } = assign(
      task,
      { name: agent.name, podUid: agent.podUid },
      world.clock.now(),
    )
    return writeStatus(world, world.tasks, task, status, { signal, priority: 'assign', act })
  }
}
