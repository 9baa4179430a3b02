import type { AgentTask } from '../../core/api/agent-task.ts'
import type { Agent } from '../../core/api/agent.ts'
import { conditionOf, isTrue } from '../../core/api/condition-list.ts'
import { requestConditions, requestReasons } from '../../core/api/conditions.ts'
import type { DevRequest, PlannedTask } from '../../core/api/devrequest.ts'
import { rehearsalModel } from '../../core/api/names.ts'

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

/** One line of the tree: what was planned and, once it exists, the AgentTask made from it. */
export interface TaskLine {
  readonly planned: Pick<PlannedTask, 'name' | 'type' | 'action' | 'title' | 'unit' | 'after'>
  readonly task: AgentTask | undefined
  /** The agent that holds it now. */
  readonly agent: Agent | undefined
}

/** The tasks in the order of the plan; a task that stands in no plan (a repair) follows at the end. */
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

/** A model as people must read it: the scripted one is never shown without saying what it is. */
export const labelOf = (model: string): string =>
  isRehearsal(model) ? `${model} (scripted answers)` : model

/** True for the model that answers from checked-in scripts. */
export const isRehearsal = (model: string | undefined): boolean =>
  model === rehearsalModel || model?.startsWith(`${rehearsalModel}:`) === true

/** True when a person, not a machine, is what the request waits for. */
export function waitsForPerson(request: DevRequest): boolean {
  return /^(approval|warrant|answer|a person)\b/.test(request.status?.waitingFor ?? '')
}
