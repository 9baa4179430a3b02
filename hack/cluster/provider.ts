import type { Log } from './log.ts'

/** The ways to a cluster, in the order in which they are tried. */
export const providerNames = ['k3d', 'kind', 'native', 'existing'] as const

/** One of {@link providerNames}. */
export type ProviderName = (typeof providerNames)[number]

/** What every call that can wait takes. */
export interface ProviderCall {
  readonly log: Log
  readonly signal?: AbortSignal
}

/**
 * Whether a provider can be used on this machine, and why or why not, as the end of "…, because".
 */
export interface Detection {
  readonly usable: boolean
  readonly reason: string
}

/** One line of `status`. */
export interface ComponentStatus {
  readonly component: string
  /** `limited` works, with something a person should know about. */
  readonly state: 'ready' | 'starting' | 'stopped' | 'failed' | 'limited'
  readonly detail: string
}

/**
 * A way to have a cluster. Everything but `up` expects one that is up and says so when it is not.
 */
export interface ClusterProvider {
  readonly name: ProviderName
  readonly detect: (options: ProviderCall) => Promise<Detection>
  /** Starts the cluster and waits until it takes Pods. Does nothing when it does already. */
  readonly up: (options: ProviderCall) => Promise<void>
  /** Removes the cluster; with `purge` also what would make the next start faster. */
  readonly down: (options: ProviderCall & { readonly purge: boolean }) => Promise<void>
  readonly status: (options: ProviderCall) => Promise<readonly ComponentStatus[]>
  /** The path of a kubeconfig that leads to it. */
  readonly kubeconfig: (options: ProviderCall) => Promise<string>
  /** Makes the images of `docker save` archives available to Pods. */
  readonly load: (archives: readonly string[], options: ProviderCall) => Promise<void>
}

/** The state of a cluster as a table for people. */
export function statusTable(components: readonly ComponentStatus[]): string {
  const rows = [
    ['COMPONENT', 'STATE', 'DETAIL'],
    ...components.map(({ component, state, detail }) => [component, state, detail]),
  ]
  const width = (column: number): number => Math.max(...rows.map((row) => row[column]?.length ?? 0))
  const widths = [width(0), width(1)]
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('   ')
        .trimEnd(),
    )
    .join('\n')
}
