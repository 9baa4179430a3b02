import { chooseProvider, rememberedProvider, rememberProvider } from '../cluster/choose.ts'
import type { Log } from '../cluster/log.ts'
import { ensureBinaries } from '../native-cluster/binaries.ts'
import type { ClusterProvider } from '../cluster/provider.ts'

/** A cluster that takes Pods, and how to reach it. */
export interface DemoCluster {
  readonly provider: ClusterProvider
  /** Path of a kubeconfig. */
  readonly kubeconfig: string
}

/** Starts the cluster, or finds the one that is up, and says which and why. */
export async function bringCluster(
  wanted: string | undefined,
  options: { readonly log: Log; readonly signal: AbortSignal },
): Promise<DemoCluster> {
  const { provider, why } = await chooseProvider(
    {
      flag: wanted,
      environment: process.env['GUILDHALL_CLUSTER'],
      remembered: await rememberedProvider(),
    },
    options,
  )
  options.log.line(`using ${provider.name}: ${why}`)
  await provider.up(options)
  await rememberProvider(provider.name)
  if (provider.name === 'native') await ensureBinaries(['kubectl', 'helm'], options)
  return { provider, kubeconfig: await provider.kubeconfig(options) }
}
