import type { AgentTask } from '../../core/api/agent-task.ts'
import { requestUidOf } from '../../core/api/task-state.ts'
import type { AgentSettings } from '../settings/config.ts'
import { isConflict, isInvalid, isNotFound, isRefusal } from '../../core/kube/errors.ts'
import { isNewer, keyOf } from '../../core/kube/resource.ts'
import type { SchedulableAgent } from './agents.ts'
import type { Schedule } from './schedule.ts'
import { engaged } from '../controllers/agent/decide.ts'
import { assign } from '../../core/tasks/transitions.ts'
import type { World } from '../controllers/world.ts'
import { writeStatus } from '../controllers/write-status.ts'

type Assignment = Schedule['assign'][number]

/**
 * Gives tasks to agents.
 * Guarantees: a write without a clear answer keeps its task and its agent reserved until its result is known, so that no
 * agent gets two tasks. It is sent again for the same agent and on the same version, so only one of the two writes can
 * succeed. Where an agent serves one request only, the request is written into the Agent before its first task is given and
 * never changes; so neither a crash in between nor an earlier leader can give an agent tasks of two requests.
 */
export class Assignments {
  readonly #world: World
  readonly #settings: Pick<AgentSettings, 'reuse'>
  readonly #dispatch: (task: AgentTask) => void
  /** By the task's key: assignments that were sent and whose result the cache does not show yet. */
  readonly #unclear = new Map<string, Assignment>()

  /** `dispatch` sends the assignment to the Pod that holds it now. */
  constructor(
    world: World,
    settings: Pick<AgentSettings, 'reuse'>,
    dispatch: (task: AgentTask) => void,
  ) {
    this.#world = world
    this.#settings = settings
    this.#dispatch = dispatch
  }

  /** Assignments that may have been stored although the cache does not show them. */
  underWay(): readonly Assignment[] {
    for (const [key, { task }] of this.#unclear) {
      const { namespace, name, resourceVersion } = task.metadata
      const seen = this.#world.tasks.get(namespace, name)?.metadata.resourceVersion
      if (seen === undefined || isNewer(seen, resourceVersion)) this.#unclear.delete(key)
    }
    return [...this.#unclear.values()]
  }

  /** The assignments to write now: the unclear ones again, then the new ones. */
  of(decided: Schedule['assign']): readonly Assignment[] {
    return [...this.#unclear.values(), ...decided]
  }

  async give(assignment: Assignment, signal: AbortSignal): Promise<void> {
    const { task, agent } = assignment
    const key = keyOf(task.metadata)
    const again = this.#unclear.has(key)
    // An assignment that is sent again had its agent engaged before.
    if (!again && !(await this.#engage(task, agent, signal))) return
    try {
      const written = await this.#write(task, agent, signal)
      this.#unclear.delete(key)
      if (written !== undefined) this.#dispatch(written)
    } catch (error) {
      // A conflict on the second write may come from the first one; only the cache can tell.
      const isClear = again
        ? isNotFound(error) || isInvalid(error)
        : isRefusal(error) || isConflict(error)
      if (isClear) this.#unclear.delete(key)
      else this.#unclear.set(key, assignment)
      throw error
    }
  }

  /** Makes sure that the agent belongs to the task's request. False when it belongs to another: the scheduler decides again. */
  async #engage(
    task: AgentTask,
    { name, podUid }: SchedulableAgent,
    signal: AbortSignal,
  ): Promise<boolean> {
    const world = this.#world
    const { namespace } = world
    const agent = world.agents.get(namespace, name)
    const request = task.spec.requestRef.name
    const uid = requestUidOf(task) ?? world.requests.get(namespace, request)?.metadata.uid
    if (agent === undefined || uid === undefined || podUid === undefined) return false
    const { podUid: its, state, servedRequest: served } = agent.status ?? {}
    // The decision was made on an older view; the agent may have been told to leave since.
    const leaves = state === 'draining' || state === 'terminated'
    if (its !== podUid || leaves || agent.metadata.deletionTimestamp !== undefined) return false
    if (served !== undefined) return served.uid === uid
    if (this.#settings.reuse === 'any') return true
    const status = engaged(agent, task, { name: request, uid }, world.clock.now())
    await writeStatus(world, world.agents, agent, { status }, { signal, priority: 'assign' })
    return true
  }

  async #write(
    task: AgentTask,
    agent: SchedulableAgent,
    signal: AbortSignal,
  ): Promise<AgentTask | undefined> {
    const world = this.#world
    if (agent.podUid === undefined) return undefined
    const change = assign(task, { name: agent.name, podUid: agent.podUid }, world.clock.now())
    return writeStatus(world, world.tasks, task, change, { signal, priority: 'assign' })
  }
}
