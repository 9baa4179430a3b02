// Reading an AgentTask: the questions that several parts ask, answered in one place.
import type { AgentTask, TaskAssignment } from './agent-task.ts'
import { conditionOf, isTrue } from './condition-list.ts'
import { taskConditions, taskReasons } from './conditions.ts'
import { devRequests } from './kinds.ts'

/** Uid of the request that owns it; undefined for a task that somebody made by hand. */
export function requestUidOf({ metadata }: AgentTask): string | undefined {
  return metadata.ownerReferences?.find(({ kind }) => kind === devRequests.kind)?.uid
}

/** It ended, either way; nothing changes any more. */
export function isFinished(task: AgentTask): boolean {
  return isTrue(task, taskConditions.Finished)
}

/** Its work is proven. */
export function hasSucceeded(task: AgentTask): boolean {
  return isTrue(task, taskConditions.Succeeded)
}

/** It ended, its work stands, and nothing could check it: no success, and no reason to stop the tasks behind. */
export function isUnchecked(task: AgentTask): boolean {
  return isFinished(task) && statusWord(task) === taskReasons.Unchecked
}

/** Its work stands, proven or unchecked: what waits for it may go on. */
export function isComplete(task: AgentTask): boolean {
  return hasSucceeded(task) || isUnchecked(task)
}

/** It ended and nothing of it stands. */
export function hasFailed(task: AgentTask): boolean {
  return isFinished(task) && !isComplete(task)
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

/** Nobody holds it and nothing came of it yet: it waits for other tasks, or for an agent. */
export function isOpen(task: AgentTask): boolean {
  return !isFinished(task) && task.status?.result === undefined && heldBy(task) === undefined
}

/**
 * Of the tasks that one Pod holds the one it may work on: the first that it was given, then the first by name.
 * Two leaders that overlap may give it two; everybody who asks has to name the same.
 */
export function firstClaim(tasks: readonly AgentTask[]): AgentTask | undefined {
  const since = (task: AgentTask): string => heldBy(task)?.at ?? ''
  return tasks
    .filter((task) => heldBy(task) !== undefined)
    .toSorted(
      (a, b) => since(a).localeCompare(since(b)) || a.metadata.name.localeCompare(b.metadata.name),
    )[0]
}

/**
 * The tasks that count for a plan. Those of an earlier revision that it does without are history: no task waits for them, and
 * they fail nothing.
 */
export function inPlan(
  tasks: readonly AgentTask[],
  plan: { readonly replaced?: readonly string[] | undefined } | undefined,
): readonly AgentTask[] {
  const replaced = new Set(plan?.replaced)
  return replaced.size === 0 ? tasks : tasks.filter(({ metadata }) => !replaced.has(metadata.name))
}

/** The word of the STATUS column. */
export function statusWord(task: AgentTask): string {
  return conditionOf(task, taskConditions.Succeeded)?.reason ?? ''
}

/** A finding is a note of a review that begins with its weight. */
const weighed = /^(?:high|medium|low|large)(?: \(model\))?: /

/**
 * The findings of a review, as its task keeps them; empty for every other task, and for a review
 * without findings.
 */
export function reviewFindings({ spec, status }: AgentTask): readonly string[] {
  if (spec.action !== 'review') return []
  return (status?.result?.notes ?? []).filter((note) => weighed.test(note))
}

/** How many findings, and the first of them; empty when there are none. */
export function findingsInShort(task: AgentTask, longest = 200): string {
  const findings = reviewFindings(task)
  const [first] = findings
  if (first === undefined) return ''
  // Without the line that is quoted, and no further than the first sentence.
  const sentence = first.replace(/ \[[^\]]*\]$/, '').replace(/([.!?]) [\s\S]*$/, '$1')
  const shown = sentence.length > longest ? `${sentence.slice(0, longest - 1)}…` : sentence
  return `${findings.length} ${findings.length === 1 ? 'finding' : 'findings'}${findings.length === 1 ? ': ' : ', the first: '}${shown}`
}
