import type { Pod } from '../../../core/kube/built-in-kinds.ts'

/** The state of an agent's Pod, as decisions need it. */
export type PodView =
  | { readonly state: 'missing' }
  | {
      readonly state: 'pending'
      readonly trouble: string | undefined
      readonly unschedulable: boolean
    }
  | { readonly state: 'running'; readonly uid: string; readonly name: string }
  | { readonly state: 'ended'; readonly failed: boolean; readonly message: string }

/** Reads the state of an agent's Pod from its status. */
export function podView(pod: Pod | undefined): PodView {
  if (pod === undefined) return { state: 'missing' }
  const { phase, conditions = [], containerStatuses = [], message } = pod.status ?? {}
  if (phase === 'Failed' || phase === 'Succeeded') {
    const why = containerStatuses
      .map((status) => status.state?.terminated)
      .filter((ended) => ended !== undefined && ended.exitCode !== 0)
      .map((ended) =>
        `${ended?.reason ?? 'exit'} ${ended?.exitCode ?? ''} ${ended?.message ?? ''}`.trim(),
      )
    return { state: 'ended', failed: phase === 'Failed', message: message ?? why.join('; ') }
  }
  // One container ended while the other still runs. With restartPolicy Never it does not come back,
  // so the agent is over.
  const ended = containerStatuses.find((status) => status.state?.terminated !== undefined)?.state
    ?.terminated
  if (ended !== undefined)
    return {
      state: 'ended',
      failed: ended.exitCode !== 0,
      message: `${ended.reason ?? 'exit'} ${ended.exitCode}`,
    }
  if (phase === 'Running' && pod.metadata.uid !== undefined)
    return { state: 'running', uid: pod.metadata.uid, name: pod.metadata.name }
  const scheduled = conditions.find((condition) => condition.type === 'PodScheduled')
  const unschedulable = scheduled?.status === 'False'
  const waiting = containerStatuses
    .map((status) => status.state?.waiting)
    .find((state) => state?.reason !== undefined && !calm.has(state.reason))
  return {
    state: 'pending',
    trouble: unschedulable
      ? scheduled.message
      : waiting === undefined
        ? undefined
        : `${waiting.reason ?? ''}: ${waiting.message ?? ''}`,
    unschedulable,
  }
}

/** Reasons that every starting Pod shows. */
const calm: ReadonlySet<string> = new Set(['ContainerCreating', 'PodInitializing'])
