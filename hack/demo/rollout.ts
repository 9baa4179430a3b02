import type { KubeClient } from '../../core/kube/client.ts'
import { type Pod, pods } from '../../core/kube/core.ts'
import type { KubeObject, Resource } from '../../core/kube/resource.ts'
import { systemClock } from '../../core/base/clock.ts'
import { type Log, duration } from '../cluster/log.ts'
import { DemoError } from './steps.ts'

/** The part of Deployments and StatefulSets that tells whether they are rolled out. */
export interface Workload extends KubeObject {
  readonly spec: { readonly replicas?: number }
  readonly status?: {
    readonly observedGeneration?: number
    readonly updatedReplicas?: number
    readonly readyReplicas?: number
    readonly replicas?: number
  }
}

const apps = { group: 'apps', version: 'v1', namespaced: true }
const workloads: readonly Resource<Workload>[] = [
  { ...apps, kind: 'Deployment', plural: 'deployments' },
  { ...apps, kind: 'StatefulSet', plural: 'statefulsets' },
]

const selector = 'app.kubernetes.io/name=guildhall'
const lookMs = 1000
const longestMs = 300_000

/** Waits until every workload of the chart runs what it was told to. Errors: `DemoError` with the Pods that do not. */
export async function waitForRollout(options: {
  readonly client: KubeClient
  readonly namespace: string
  readonly log: Log
  readonly signal: AbortSignal
}): Promise<void> {
  const { client, namespace, log, signal } = options
  const startedAt = Date.now()
  for (let told = ''; ; ) {
    const lists = await Promise.all(
      workloads.map((kind) => client.list(kind, { namespace, labelSelector: selector, signal })),
    )
    const waiting = lists.flatMap(({ items }) => items.filter((item) => !isRolledOut(item)))
    if (waiting.length === 0) return
    const { items } = await client.list(pods, { namespace, labelSelector: selector, signal })
    const troubles = items.map(podTrouble).filter((trouble) => trouble !== undefined)
    const text = `waiting for ${troubles.join(', ') || waiting.map(({ metadata }) => metadata.name).join(', ')}`
    const seconds = Date.now() - startedAt
    // Each new situation is a line of its own; the same one only ticks.
    if (text !== told) log.line(text)
    else log.update(`${text}   ${duration(seconds)}`)
    told = text
    if (seconds > longestMs) {
      throw new DemoError(`the chart is not up after ${duration(longestMs)}`, {
        evidence: troubles,
        next: [`kubectl -n ${namespace} get pods`, `kubectl -n ${namespace} describe pods`],
      })
    }
    await systemClock.sleep(lookMs, { signal })
  }
}

/** True when all Pods are of the newest kind and ready, and no old one is left. */
export function isRolledOut({ metadata, spec, status }: Workload): boolean {
  const want = spec.replicas ?? 1
  return (
    (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0) &&
    (status?.updatedReplicas ?? 0) >= want &&
    (status?.readyReplicas ?? 0) >= want &&
    (status?.replicas ?? 0) <= want
  )
}

/** `guildhall-forge-0 (ImagePullBackOff)`; undefined for a Pod that is ready or on its way out. */
export function podTrouble({ metadata, status }: Pod): string | undefined {
  if (metadata.deletionTimestamp !== undefined || status?.phase === 'Succeeded') return undefined
  const conditions = status?.conditions ?? []
  if (conditions.some(({ type, status: is }) => type === 'Ready' && is === 'True')) return undefined
  const unscheduled = conditions.find(
    ({ type, status: is }) => type === 'PodScheduled' && is === 'False',
  )
  const states = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]
  const waiting = states.find(({ state }) => state?.waiting !== undefined)?.state?.waiting
  const ended = states.find(({ lastState }) => lastState?.terminated !== undefined)?.lastState
  const why =
    unscheduled?.message ??
    waiting?.reason ??
    (states.length === 0 ? (status?.phase ?? 'not seen yet') : 'not ready yet')
  const last = ended?.terminated
  return `${metadata.name} (${why}${last === undefined ? '' : `, last exit code ${last.exitCode}`})`
}
