import { join } from 'node:path'
import { ExecaError, execa } from 'execa'
import { stringify } from 'yaml'
import { type Pod, namespaces, pods } from '../../core/kube/built-in-kinds.ts'
import type { KubeClient } from '../../core/kube/client.ts'
import { findProgram } from '../cluster/kubectl.ts'
import { type Log, duration } from '../cluster/log.ts'
import type { BuiltImage } from '../images/build.ts'
import { repository } from '../images/repository.ts'
import { imageValues } from './cluster-step.ts'
import { smallModel } from './planning-call-step.ts'
import { DemoError } from './steps.ts'
import type { KubeObject, Resource } from '../../core/kube/resource.ts'
import { systemClock } from '../../core/base/clock.ts'

/** Name of the Helm release. */
const release = 'guildhall'

/** The chart's values about models. */
export interface ModelSettings {
  /** The model that does the work when the rehearsal model does not. */
  readonly name: string
  /** The rehearsal model is the default; the word must then stand wherever the model is shown. */
  readonly rehearsal: boolean
  /** Opens the way out for the model server, so that it can download. */
  readonly openForDownload: boolean
}

interface ChartOptions {
  readonly client: KubeClient
  readonly kubeconfig: string
  readonly namespace: string
  readonly images: readonly BuiltImage[]
  readonly model: ModelSettings
  /** Further values of the chart. */
  readonly more?: Readonly<Record<string, unknown>>
  readonly log: Log
  readonly signal: AbortSignal
}

const podSecurity = 'pod-security.kubernetes.io'

/** The namespace, with the strictest Pod security that Kubernetes has, before the first Pod. */
async function ensureNamespace(options: {
  readonly client: KubeClient
  readonly namespace: string
  readonly signal: AbortSignal
}): Promise<void> {
  const { client, namespace, signal } = options
  await client.apply(
    namespaces,
    {
      metadata: {
        name: namespace,
        labels: {
          [`${podSecurity}/enforce`]: 'restricted',
          [`${podSecurity}/warn`]: 'restricted',
          [`${podSecurity}/audit`]: 'restricted',
        },
      },
    },
    { signal, fieldManager: 'guildhall-demo' },
  )
}

/** Installs or upgrades the release and waits until its Pods are ready, saying which are not. */
export async function installChart(options: ChartOptions): Promise<void> {
  const { client, namespace, log, signal } = options
  await ensureNamespace({ client, namespace, signal })
  await helm(options)
  await waitForRollout({ client, namespace, log, signal })
}

async function helm(options: ChartOptions): Promise<void> {
  const { kubeconfig, namespace, log, signal } = options
  const program = findProgram('helm')
  if (program === undefined) {
    throw new DemoError('helm is not installed', { next: ['install helm 3.17 or newer'] })
  }
  const chart = join(repository, 'helm/guildhall')
  const args = ['upgrade', '--install', release, chart, '--namespace', namespace, '--values', '-']
  const shown = args.map((argument) => (argument === chart ? 'helm/guildhall' : argument))
  log.line(`helm ${shown.join(' ')}`)
  try {
    await execa(program, args, {
      env: { KUBECONFIG: kubeconfig },
      input: stringify(chartValues(options)),
      cancelSignal: signal,
    })
  } catch (error) {
    signal.throwIfAborted()
    const said = error instanceof ExecaError ? wordsOf(error).trim().split('\n').slice(-8) : []
    throw new DemoError('helm could not install the chart', {
      evidence: said,
      next: [`helm status ${release} -n ${namespace}`, `kubectl get events -n ${namespace}`],
      cause: error,
    })
  }
}

/** What a failed program said; only text counts. */
function wordsOf({ stderr }: { readonly stderr?: unknown }): string {
  return typeof stderr === 'string' ? stderr : ''
}

/** The values of this run: everything else stays as the chart has it. */
export function chartValues({
  images,
  model,
  more,
}: Pick<ChartOptions, 'images' | 'model' | 'more'>): Readonly<Record<string, unknown>> {
  return {
    images: imageValues(images),
    model: { name: model.name, pull: model.openForDownload },
    rehearsal: { enabled: model.rehearsal, default: model.rehearsal },
    // Small enough for any machine, so that a request can ask for a real model: spec.model:
    // smollm2:135m.
    models: [{ name: smallModel, contextTokens: 4096, outputTokens: 1024, tier: 'weak' }].filter(
      ({ name }) => name !== model.name,
    ),
    ...more,
  }
}

/** The part of Deployments and StatefulSets that shows whether they are rolled out. */
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

/**
 * Waits until every workload of the chart is rolled out. Errors: `DemoError` with the Pods that are
 * not ready.
 */
async function waitForRollout(options: {
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
