// Sees to a helm for the tests of the chart: one that is there, else built where there is Go.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseAllDocuments } from 'yaml'
import { binaryPath, ensureBinaries } from '../native-cluster/binaries.ts'
import { streamLog } from '../cluster/log.ts'
import { succeeds } from '../images/command.ts'

type Labels = Readonly<Record<string, string>>

/** A container as the tests look at it. */
export interface RenderedContainer {
  readonly name: string
  readonly image: string
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[]
  readonly env?: readonly { readonly name: string; readonly value?: string }[]
  readonly resources?: { readonly requests?: Labels; readonly limits?: Labels }
  readonly securityContext?: Readonly<Record<string, unknown>>
  readonly volumeMounts?: readonly { readonly name: string }[]
  readonly startupProbe?: unknown
  readonly readinessProbe?: unknown
  readonly livenessProbe?: unknown
}

/** A Pod's specification as the tests look at it. */
export interface RenderedPod {
  readonly containers: readonly RenderedContainer[]
  readonly initContainers?: readonly RenderedContainer[]
  readonly serviceAccountName?: string
  readonly automountServiceAccountToken?: boolean
  readonly securityContext?: Readonly<Record<string, unknown>>
  readonly volumes?: readonly Readonly<Record<string, unknown>>[]
  readonly [field: string]: unknown
}

/** A rule of a NetworkPolicy. */
interface RenderedRule {
  readonly from?: readonly RenderedPeer[]
  readonly to?: readonly RenderedPeer[]
  readonly ports?: readonly { readonly port: number }[]
}

interface RenderedPeer {
  readonly podSelector?: { readonly matchLabels: Labels }
  readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] }
}

/** An object as the chart renders it, as far as the tests look into it. */
export interface Rendered {
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly labels?: Labels
    readonly annotations?: Labels
  }
  readonly spec?: RenderedSpec
  readonly data?: Labels
  readonly rules?: readonly {
    readonly resources: readonly string[]
    readonly verbs: readonly string[]
  }[]
  readonly roleRef?: { readonly kind: string; readonly name: string }
  readonly subjects?: readonly { readonly name: string }[]
}

/** The fields of all the kinds' specifications. */
interface RenderedSpec {
  readonly replicas?: number
  readonly serviceName?: string
  readonly selector?: { readonly matchLabels?: Labels } & Readonly<Record<string, unknown>>
  readonly template?: { readonly metadata: { readonly labels: Labels }; readonly spec: RenderedPod }
  readonly volumeClaimTemplates?: readonly { readonly metadata: { readonly name: string } }[]
  readonly ports?: readonly { readonly port: number; readonly targetPort: string }[]
  readonly podSelector?: { readonly matchLabels: Labels }
  readonly policyTypes?: readonly string[]
  readonly ingress?: readonly RenderedRule[]
  readonly egress?: readonly RenderedRule[]
}

const chart = fileURLToPath(new URL('../../helm/guildhall', import.meta.url))

/**
 * The helm program: the one the native cluster builds, else the one on the PATH; undefined when
 * there is none.
 */
export function helmProgram(): string | undefined {
  const built = binaryPath('helm')
  if (existsSync(built)) return built
  return spawnSync('helm', ['version']).status === 0 ? 'helm' : undefined
}

/**
 * Renders the chart as release `guildhall` in the namespace `guildhall`.
 *
 * @param settings Values as `--set-json` takes them, e.g. `ollama.enabled=false`.
 * @param folder Another copy of the chart.
 * @throws {Error} with what helm says when it refuses.
 */
export function renderChart(
  helm: string,
  settings: readonly string[] = [],
  folder = chart,
): readonly Rendered[] {
  const set = settings.flatMap((setting) => ['--set-json', setting])
  const command = ['template', 'guildhall', folder, '--namespace', 'guildhall', ...set]
  const { status, stdout, stderr } = spawnSync(helm, command, { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return parseAllDocuments(stdout).flatMap((document) => {
    const object: Rendered | null = document.toJS()
    return object ? [object] : []
  })
}

/** The Pods an object makes or is. */
export function podsOf({ kind, spec }: Rendered): readonly RenderedPod[] {
  if (spec?.template) return [spec.template.spec]
  return kind === 'Pod' && isPod(spec) ? [spec] : []
}

function isPod(spec: unknown): spec is RenderedPod {
  return typeof spec === 'object' && spec !== null && 'containers' in spec
}

/** The operator's settings, as YAML; empty when the chart made none. */
export function configOf(objects: readonly Rendered[]): string {
  const config = objects.find(({ metadata }) => metadata.name === 'guildhall-config')
  return config?.data?.['config.yaml'] ?? ''
}

export async function setup(): Promise<void> {
  if (helmProgram() !== undefined) return
  const log = streamLog()
  try {
    await ensureBinaries(['helm'], { log })
  } catch (error) {
    if (await succeeds('go', ['version'])) throw error
    log.line(String(error))
  }
}
