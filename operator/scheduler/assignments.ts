import type { AgentTask } from '../../core/api/agent-task.ts'
import { requestUidOf } from '../../core/api/task-state.ts'
import type { AgentSettings } from '../settings/config.ts'
import { isConflict, isInvalid, isNotFound, isRefusal } from '../../core/kube/errors.ts'
import { isNewer, keyOf } from '../../core/kube/resource.ts'
import type { SchedulableAgent } from './agents.ts'
import type { Schedule } from './schedule.ts'
import { engaged } from '../controllers/agent/decide.ts'
import { assign } from '../../core/tasks/transitions.ts'
import { type World, writeStatus } from '../controllers/world.ts'

type Assignment = Schedule['assign'][number]

/**
 * Gives tasks to agents.
 * Guarantees: one that got no clear answer holds its task and its agent until it is known what came of it, so that no agent
 * is given two. It is written again, for the same agent and on the same version: only one of two such writes can be done.
 * Where an agent serves one request only, that request stands in the Agent before its first task is given, and nothing ever
 * changes it; so neither a crash in between nor a leader of yesterday can give an agent tasks of two requests.
 */
export class Assignments {
  readonly #world: World
  readonly #settings: Pick<AgentSettings, 'reuse'>
  readonly #dispatch: (task: AgentTask) => void
  /** By the task's key: begun, and the cache does not show what came of it. */
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
    // One that may have been given already was engaged before.
    if (!again && !(await this.#engage(task, agent, signal))) return
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

  /** Makes sure that the agent belongs to the task's request; false when it does not, and everything is decided anew. */
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
    // What was decided rests on a view that may be older: somebody may have sent it away meanwhile.
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
