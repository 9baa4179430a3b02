// Reading our objects without the product's own readers: a slip in those must not blind the checks.
import type { Agent } from '../../../core/api/agent.ts'
import type { AgentTask } from '../../../core/api/agent-task.ts'
import type { DevRequest } from '../../../core/api/devrequest.ts'

/** The summary of a task at one revision, in the words of the promises in docs/reliability.md. */
export interface TaskFacts {
  readonly finished: boolean
  readonly succeeded: 'True' | 'False' | 'Unknown'
  readonly reason: string
  /** Who holds it: nobody once a result was accepted. */
  readonly holder: { readonly podUid: string; readonly attempt: number } | undefined
  readonly attempts: number
  /** Attempts that count against the limit. */
  readonly used: number
}

/** Ends of attempts that are the surroundings' fault alone. */
const free: ReadonlySet<string> = new Set(['ModelUnavailable', 'AgentWithdrawn'])

export function taskFacts(task: AgentTask): TaskFacts {
  const { status } = task
  const of = (type: string) => status?.conditions?.find((condition) => condition.type === type)
  const finished = of('Finished')?.status === 'True'
  const assignment = status?.assignment
  const held =
    !finished &&
    status?.result === undefined &&
    of('Assigned')?.status === 'True' &&
    assignment !== undefined
  const spared = (status?.history ?? []).filter(({ failure }) => free.has(failure?.reason ?? ''))
  const attempts = assignment?.attempt ?? 0
  return {
    finished,
    succeeded: of('Succeeded')?.status ?? 'Unknown',
    reason: of('Succeeded')?.reason ?? '',
    holder: held ? { podUid: assignment.podUid, attempt: assignment.attempt } : undefined,
    attempts,
    used: attempts - spared.length,
  }
}

export function isOver(request: DevRequest): boolean {
  return has(request, 'Finished')
}

export function isAuthorized(request: DevRequest): boolean {
  return has(request, 'Authorized')
}

function has({ status }: DevRequest, wanted: string): boolean {
  return (
    status?.conditions?.some(({ type, status: is }) => type === wanted && is === 'True') === true
  )
}

/** The word of an object's summary condition, for reports. */
export function summaryOf(object: DevRequest | AgentTask | Agent): string {
  const conditions = object.status?.conditions ?? []
  return conditions.find(({ type }) => type === 'Succeeded' || type === 'Ready')?.reason ?? 'new'
}
