import type { KubeConfig as LibraryConfig } from '@kubernetes/client-node'
import { KubeClient } from '../../core/kube/client.ts'
import { KubeconfigError, openKubeconfig } from '../../core/kube/kubeconfig.ts'
import { CliError, exitCodes } from '../failure.ts'
import { systemClock, systemRandom } from '../../core/base/clock.ts'

/** Which cluster and namespace a command is about: the flags that every command takes. */
export interface ConnectionFlags {
  readonly namespace?: string | undefined
  readonly kubeconfig?: string | undefined
  readonly context?: string | undefined
}

/** A cluster that can be asked. Close `client` when done. */
export interface Connection {
  readonly client: KubeClient
  readonly namespace: string
  readonly flags: ConnectionFlags
}

/** Guildhall's home when neither a flag nor the context names another namespace. */
export const defaultNamespace = 'guildhall'

/**
 * Opens the cluster of the flags, `$KUBECONFIG` or `~/.kube/config`; inside a Pod the Pod's own.
 * Errors: `CliError` when there is none.
 */
export async function connect(
  flags: ConnectionFlags,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<Connection> {
  try {
    const client = await KubeClient.connect({
      env,
      clock: systemClock,
      random: systemRandom,
      userAgent: 'guild (cli)',
      kubeconfig: flags.kubeconfig,
      context: flags.context,
    })
    // Contexts rarely name a namespace, and nobody keeps requests in `default`.
    const own = client.namespace === 'default' ? defaultNamespace : client.namespace
    return { client, namespace: flags.namespace ?? own, flags }
  } catch (cause) {
    throw new CliError(`no cluster to talk to: ${cause instanceof Error ? cause.message : ''}`, {
      next:
        cause instanceof KubeconfigError
          ? cause.next
          : 'npm run -s cluster -- up && export KUBECONFIG=$(npm run -s cluster -- kubeconfig)',
      exitCode: exitCodes.usage,
      cause,
    })
  }
}

/** Tells clusters and namespaces apart: two clusters may hold different repositories of one name. */
export async function originOf({ flags, namespace }: Connection): Promise<string> {
  const config = await libraryConfig(flags)
  return `${config.getCurrentCluster()?.server ?? ''} ${namespace}`
}

/** The same cluster for the library that does port-forwards and Pod logs. It takes a second to load. */
export async function libraryConfig(flags: ConnectionFlags): Promise<LibraryConfig> {
  const { kubeconfig: path, context } = flags
  const { env } = process
  if (path !== undefined || env['KUBECONFIG'] || env['KUBERNETES_SERVICE_HOST'] === undefined)
    return openKubeconfig({ env, path, context })
  const { KubeConfig } = await import('@kubernetes/client-node')
  const config = new KubeConfig()
  config.loadFromCluster()
  return config
}
