import type { DevRequest, PlannedTask } from '../../../core/api/devrequest.ts'
import type { AgentSettings } from '../../settings/config.ts'
import { isAlreadyExists, isNotFound } from '../../../core/kube/errors.ts'
import type { Memory } from '../../../core/kube/runtime/memory.ts'
import { type Result, WaitError, done } from '../../../core/kube/runtime/controller.ts'
import type { World } from '../world.ts'
import { type Stalls, stalled, taskNameTaken } from './stalls.ts'
import { agentTaskOf } from '../../../core/tasks/planned-task.ts'

/** The parts that making tasks needs besides the world. */
interface TaskParts {
  /** Models of the installation by type of agent. */
  readonly modelOfType: AgentSettings['models']
  readonly stalls: Stalls
  /**
   * The names of the tasks that this process made for each request. A missing one of them was
   * deleted.
   */
  readonly made: Memory<DevRequest, Set<string>>
}

/**
 * Makes the tasks that are missing. Before it makes one again it reads the request from the API
 * server: the cache may be old, and the garbage collector removes tasks without an owner as fast as
 * they are made.
 */
export async function createTasks(
  world: World,
  { modelOfType, stalls, made }: TaskParts,
  request: DevRequest,
  tasks: readonly PlannedTask[],
  signal: AbortSignal,
): Promise<Result> {
  const asked = made.get(request) ?? new Set()
  const isAnew = tasks.some(({ name }) => asked.has(name))
  if (isAnew && !(await isThere(world, request, signal))) return done
  for (const planned of tasks) {
    const draft = agentTaskOf(request, planned, modelOfType)
    // Noted before the call, because its answer may be lost.
    made.set(request, asked.add(planned.name))
    try {
      world.tasks.noteWrite(
        await world.client.create(world.tasks.resource, draft, {
          signal,
          priority: 'refill',
        }),
      )
    } catch (error) {
      if (!isAlreadyExists(error)) throw error
      const { namespace, uid } = request.metadata
      const there = await world.client.get(world.tasks.resource, {
        namespace,
        name: planned.name,
        signal,
      })
      const owners = there.metadata.ownerReferences ?? []
      if (owners.some((owner) => owner.uid === uid)) continue
      // The tasks of a deleted request of the same name are still being removed.
      if (owners.some(({ kind, name }) => kind === request.kind && name === request.metadata.name))
        throw new WaitError(1_000, `AgentTask ${planned.name} of an earlier request is still there`)
      return stalled(stalls, request, taskNameTaken(planned.name, namespace))
    }
  }
  stalls.delete(request)
  return done
}

async function isThere(
  { client, requests }: World,
  { metadata: { namespace, name, uid } }: DevRequest,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    const { metadata } = await client.get(requests.resource, { namespace, name, signal })
    return metadata.uid === uid && metadata.deletionTimestamp === undefined
  } catch (error) {
    if (isNotFound(error)) return false
    throw error
  }
}
