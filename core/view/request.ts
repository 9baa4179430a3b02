import type { AgentTask } from '../api/agent-task.ts'
import type { Agent } from '../api/agent.ts'
import { conditionOf, isTrue } from '../api/condition-list.ts'
import { invalidObject, requestConditions, requestReasons } from '../api/conditions.ts'
import type { DevRequest, PlannedTask } from '../api/devrequest.ts'
import { rehearsalModel } from '../api/names.ts'
import { type WaitingReason, isForPerson, waitingReasonOfStall } from '../api/waiting-reasons.ts'

/** One request with everything that works on it, as it was seen at one moment. */
export interface Snapshot {
  readonly request: DevRequest
  /** Its tasks; others are ignored. */
  readonly tasks: readonly AgentTask[]
  /** All of the namespace; those of other requests are ignored. */
  readonly agents: readonly Agent[]
}

/** Whether an agent works on a request, belongs to it, or is free. */
export function isOfRequest({ status }: Agent, { metadata }: DevRequest): boolean {
  const owner = status?.servedRequest?.name ?? status?.currentRequest
  return owner === undefined || owner === metadata.name
}

/** One line of the tree: a planned task and, once it exists, its AgentTask. */
export interface TaskLine {
  readonly planned: Pick<PlannedTask, 'name' | 'type' | 'action' | 'title' | 'unit' | 'after'>
  readonly task: AgentTask | undefined
  /** The agent that holds it now. */
  readonly agent: Agent | undefined
}

/**
 * The tasks in the order of the plan; a task that stands in no plan (a repair) follows at the end.
 */
export function taskLines({ request, tasks, agents }: Snapshot): readonly TaskLine[] {
  const own = tasks.filter((task) => task.spec.requestRef.name === request.metadata.name)
  const byName = new Map(own.map((task) => [task.metadata.name, task]))
  const planned = request.status?.plan?.tasks ?? []
  const inPlan = new Set(planned.map((task) => task.name))
  const later = own
    .filter((task) => !inPlan.has(task.metadata.name))
    .toSorted((a, b) => a.metadata.name.localeCompare(b.metadata.name))
  return [
    ...planned.map((entry) => ({ planned: entry, task: byName.get(entry.name) })),
    ...later.map((task) => ({ planned: { ...task.spec, name: task.metadata.name }, task })),
  ].map(({ planned: entry, task }) => ({
    planned: entry,
    task,
    agent: agents.find((agent) => agent.status?.currentTask === entry.name),
  }))
}

/** A task as it is called for people, and as `--task` takes it. */
export const taskLabel = ({ action, unit }: TaskLine['planned']): string =>
  unit === undefined ? action : `${unit}/${action}`

/** The word of the STATUS column of a request. */
export function requestStatus(request: DevRequest): string {
  return conditionOf(request, requestConditions.Succeeded)?.reason ?? requestReasons.Pending
}

export function isRequestFinished(request: DevRequest): boolean {
  return isTrue(request, requestConditions.Finished)
}

export function hasRequestSucceeded(request: DevRequest): boolean {
  return isTrue(request, requestConditions.Succeeded)
}

/** Its work is on the branch, and nothing could check a part of it. */
export function isRequestUnchecked(request: DevRequest): boolean {
  return isRequestFinished(request) && requestStatus(request) === requestReasons.Unchecked
}

/** The model of a request as people must read it. */
export const modelLabel = (request: DevRequest): string =>
  labelOf(request.status?.model ?? request.spec.model ?? '')

/**
 * The model that a request works with; empty while nobody works on it, or while that model cannot
 * be asked.
 */
export function modelInUse(request: DevRequest): string {
  const isMissing = conditionOf(request, requestConditions.Stalled)?.reason === 'ModelMissing'
  return isMissing || request.status?.model === undefined ? '' : modelLabel(request)
}

/** A model's name as people must read it: the scripted model is never shown without these words. */
export const labelOf = (model: string): string =>
  isRehearsal(model) ? `${model} (scripted answers)` : model

/** True for the model that answers from checked-in scripts. */
export const isRehearsal = (model: string | undefined): boolean =>
  model === rehearsalModel || model?.startsWith(`${rehearsalModel}:`) === true

/** Who made the plan, in words; empty without a plan. */
export function planAuthor({ status }: DevRequest): string {
  const { plan, model = '' } = status ?? {}
  if (plan === undefined) return ''
  return {
    model: `the model ${plan.model ?? model}`.trim(),
    template: 'the fallback template',
    person: 'a person',
  }[plan.source]
}

/**
 * What a request waits for; undefined when it does not wait.
 * Caveat: in a status without `waitingReason` (older operators write none) the conditions tell it,
 * and these say nothing about waits of single tasks.
 */
export function waitingReasonOf(request: DevRequest): WaitingReason | undefined {
  if (isRequestFinished(request)) return undefined
  const { waitingReason, observedGeneration } = request.status ?? {}
  const { generation } = request.metadata
  // The status is older than the spec that a person has changed since: `guild suspend`, `resume`.
  const isOld = observedGeneration !== undefined && observedGeneration < generation
  const isSuspended = request.spec.suspend === true
  const stalled = conditionOf(request, requestConditions.Stalled)
  const isStalled = stalled?.status === 'True'
  // The operator writes nothing but this condition to an invalid object, so the rest of its status
  // is of an earlier time.
  if (isStalled && stalled.reason === invalidObject) return 'Correction'
  if (isOld && isSuspended && isTrue(request, requestConditions.Planned)) return 'Resume'
  if (isOld && !isSuspended && waitingReason === 'Resume') return undefined
  if (waitingReason !== undefined) return waitingReason
  if (isStalled) return waitingReasonOfStall(stalled.reason)
  const word = requestStatus(request)
  if (word === requestReasons.Suspended) return 'Resume'
  return word === requestReasons.InvalidSpec ? 'Correction' : undefined
}

/** True when nobody but a person can let the request go on. */
export function waitsForPerson(request: DevRequest): boolean {
  const reason = waitingReasonOf(request)
  return reason !== undefined && isForPerson(reason)
}

/**
 * What a request waits for, in a few words; empty when it does not wait, or when its status does
 * not say.
 */
export function waitingText(request: DevRequest): string {
  const said = request.status?.waitingFor ?? ''
  switch (waitingReasonOf(request)) {
    case 'Resume':
      return `a person has to let it go on: guild resume ${request.metadata.name}`
    case 'Correction': {
      // The message of `Stalled` says what to correct, and is shown by itself.
      const problem = conditionOf(request, requestConditions.Succeeded)?.message
      return isTrue(request, requestConditions.Stalled) || problem === undefined
        ? 'a person'
        : `a person has to correct it: ${problem}`
    }
    default:
      return said
  }
}

/** The next command of a person who looks at the request. */
export function nextCommandOf(request: DevRequest): string {
  const { name } = request.metadata
  switch (waitingReasonOf(request)) {
    case 'Resume':
      return `guild resume ${name}`
    case 'Correction':
      return `guild tree ${name}`
    default:
      return `guild watch ${name}`
  }
}
