import type { Assignment } from '../api/agent-protocol.ts'
import type { AgentTask } from '../api/agent-task.ts'
import type { DevRequest } from '../api/devrequest.ts'
import { git } from '../api/names.ts'
import { hasSucceeded, inPlan, isFinished, isUnchecked } from '../api/task-state.ts'

/** The facts about the task's model that the assignment names. */
interface AssignedModel {
  readonly tier: Assignment['tier']
  readonly contextTokens: number
  readonly outputTokens: number
}

/**
 * Everything an agent needs to know about a task that was assigned to it. Pure; the same task gives
 * the same message.
 */
export function assignmentMessage(
  task: AgentTask,
  request: DevRequest,
  tasks: readonly AgentTask[],
  model: AssignedModel,
  forgeUrl: string,
): Assignment {
  const given = task.status?.assignment
  if (given === undefined) throw new TypeError(`task ${task.metadata.name} is not assigned`)
  const { spec } = task
  const current = inPlan(tasks, request.status?.plan)
  return {
    kind: 'assign',
    task: task.metadata.name,
    uid: task.metadata.uid,
    request: request.metadata.name,
    attempt: given.attempt,
    type: spec.type,
    action: spec.action,
    title: spec.title,
    goal: spec.goal,
    doneWhen: spec.doneWhen,
    files: spec.files,
    ...(spec.unit === undefined ? {} : { unit: spec.unit }),
    requestText: request.spec.request,
    siblings: current
      .filter((other) => other.spec.action === 'code' && other.spec.unit !== spec.unit)
      .map((other) => ({
        unit: other.spec.unit ?? other.metadata.name,
        goal: other.spec.goal,
        files: other.spec.files,
      })),
    forgeUrl,
    repository: spec.repository,
    base: request.status?.base ?? '',
    branch: spec.branch,
    taskBranch: git.taskBranch(task.metadata.name, given.attempt),
    model: spec.model,
    ...model,
    deadline: given.deadline,
    earlier: (task.status?.history ?? []).map((past) => ({
      attempt: past.attempt,
      reason: past.failure?.reason ?? 'InternalError',
      message: past.failure?.message ?? '',
    })),
    done: current
      .filter((other) => isFinished(other) && other.status?.result !== undefined)
      .map((other) => ({
        task: other.metadata.name,
        action: other.spec.action,
        title: other.spec.title,
        summary: other.status?.result?.summary ?? '',
      })),
    specs: current.flatMap(specOf),
    unchecked: current
      .filter(
        (other) =>
          isUnchecked(other) && (other.spec.action === 'code' || other.spec.action === 'fix'),
      )
      .map((other) => ({
        unit: other.spec.unit ?? other.metadata.name,
        why: other.status?.result?.summary ?? '',
      })),
  }
}

/**
 * The test file that a spec task put on the request's branch. A file of that name that was there
 * before does not count.
 */
function specOf(task: AgentTask): Assignment['specs'] {
  const { action, unit } = task.spec
  const { files: [path] = [], merged } = task.status?.result ?? {}
  if (action !== 'spec' || unit === undefined || path === undefined) return []
  return merged !== undefined && hasSucceeded(task) ? [{ unit, path, commit: merged }] : []
}
