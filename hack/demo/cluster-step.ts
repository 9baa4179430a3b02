import { chooseProvider, rememberedProvider, rememberProvider } from '../cluster/choose.ts'
import type { Log } from '../cluster/log.ts'
import { ensureBinaries } from '../native-cluster/binaries.ts'
import type { ClusterProvider } from '../cluster/provider.ts'
import { buildImages, type BuiltImage } from '../images/build.ts'
import { imageNames } from '../images/image-names.ts'

/** A cluster that takes Pods, and how to reach it. */
interface DemoCluster {
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

/** Makes the images that changed and puts them into the cluster. */
export async function provideImages(
  cluster: DemoCluster,
  options: { readonly log: Log; readonly signal: AbortSignal },
): Promise<readonly BuiltImage[]> {
  const images = await buildImages(imageNames, options)
  const built = images.filter((image) => image.built).map((image) => image.name)
  options.log.line(
    built.length === 0
      ? 'nothing to build: the cache holds all of them'
      : `built ${built.join(', ')}`,
  )
  await cluster.provider.load(
    images.map((image) => image.archive),
    options,
  )
  return images
}

/** The values of the chart that name these images. */
export function imageValues(images: readonly BuiltImage[]): Readonly<Record<string, object>> {
  return Object.fromEntries(
    images.map(({ name, reference }) => [name, { ...splitReference(reference), digest: '' }]),
  )
}

/** `guildhall.dev/agent:0.1.0-3f2a` in the parts that the chart takes. */
export function splitReference(reference: string): {
  readonly registry: string
  readonly repository: string
  readonly tag: string
} {
  const slash = reference.indexOf('/')
  const colon = reference.lastIndexOf(':')
  return {
    registry: reference.slice(0, slash),
    repository: reference.slice(slash + 1, colon),
    tag: reference.slice(colon + 1),
  }
}
