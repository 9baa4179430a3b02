import { join } from 'node:path'
import { ExecaError, execa } from 'execa'
import { stringify } from 'yaml'
import { namespaces } from '../../core/kube/core.ts'
import type { KubeClient } from '../../core/kube/client.ts'
import { findProgram } from '../cluster/kubectl.ts'
import type { Log } from '../cluster/log.ts'
import type { BuiltImage } from '../images/build.ts'
import { repository } from '../images/repository.ts'
import { imageValues } from './images-step.ts'
import { smallModel } from './planning-call-step.ts'
import { waitForRollout } from './rollout.ts'
import { DemoError } from './steps.ts'

/** Name of the Helm release. */
export const release = 'guildhall'

/** What the chart is told about models. */
export interface ModelSettings {
  /** The model that does the work when the rehearsal model does not. */
  readonly name: string
  /** The rehearsal model is the default; the word must then stand wherever the model is shown. */
  readonly rehearsal: boolean
  /** Opens the way out for the model server, so that it can download. */
  readonly openForDownload: boolean
}

export interface ChartOptions {
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
export async function ensureNamespace(options: {
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
    // Small enough for any machine, so that a request can ask for a real model: spec.model: smollm2:135m.
    models: [{ name: smallModel, contextTokens: 4096, outputTokens: 1024, tier: 'weak' }].filter(
      ({ name }) => name !== model.name,
    ),
    ...more,
  }
}
