// Reading an AgentTask: the questions that several parts ask, answered in one place.
import type { AgentTask, TaskAssignment } from './agent-task.ts'
import { conditionOf, isTrue } from './condition-list.ts'
import { taskConditions } from './conditions.ts'

/** It ended, either way; nothing changes any more. */
export function isFinished(task: AgentTask): boolean {
  return isTrue(task, taskConditions.Finished)
}

export function hasSucceeded(task: AgentTask): boolean {
  return isTrue(task, taskConditions.Succeeded)
}

/** It ended without success. */
export function hasFailed(task: AgentTask): boolean {
  return isFinished(task) && !hasSucceeded(task)
}

/** The assignment while it counts: an agent holds the task and no result was accepted. */
export function heldBy(task: AgentTask): TaskAssignment | undefined {
  if (isFinished(task) || task.status?.result !== undefined) return undefined
  return isTrue(task, taskConditions.Assigned) ? task.status?.assignment : undefined
}

/** A result was accepted and waits to be merged. */
export function isIntegrating(task: AgentTask): boolean {
  return !isFinished(task) && task.status?.result !== undefined
}

/** Its dependencies are met and nobody holds it. */
export function isQueued(task: AgentTask): boolean {
  return (
    isTrue(task, taskConditions.Ready) &&
    !isFinished(task) &&
    task.status?.result === undefined &&
    heldBy(task) === undefined
  )
}

/** The word of the STATUS column. */
export function statusWord(task: AgentTask): string {
  return conditionOf(task, taskConditions.Succeeded)?.reason ?? ''
}
