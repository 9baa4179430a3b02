import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { engineProvider, k3dTool, kindTool } from './engine-provider.ts'
import { existingProvider } from './existing.ts'
import { nativeProvider } from '../native-cluster/provider.ts'
import { cacheDirectory } from './paths.ts'
import {
  type ProviderCall,
  type ClusterProvider,
  type ProviderName,
  providerNames,
} from './provider.ts'

/** Which provider, and why. */
interface Choice {
  readonly provider: ClusterProvider
  /** The end of "using k3d: …". */
  readonly why: string
}

/** The inputs of the choice, the strongest first. */
export interface ChoiceInput {
  readonly flag?: string | undefined
  readonly environment?: string | undefined
  /** What `up` chose last. */
  readonly remembered?: string | undefined
}

/** All providers by name. */
function allProviders(): Readonly<Record<ProviderName, ClusterProvider>> {
  return {
    k3d: engineProvider(k3dTool),
    kind: engineProvider(kindTool),
    native: nativeProvider,
    existing: existingProvider,
  }
}

/**
 * Chooses the provider. Throws when a name is none, or nothing works here.
 *
 * `existing` has to be asked for: the current context of kubectl may be a production cluster.
 */
export async function chooseProvider(
  input: ChoiceInput,
  options: ProviderCall,
  providers: Readonly<Record<ProviderName, ClusterProvider>> = allProviders(),
): Promise<Choice> {
  const { flag, environment, remembered } = input
  if (flag) return { provider: named(flag, providers), why: '--provider says so' }
  if (environment) {
    return { provider: named(environment, providers), why: 'GUILDHALL_CLUSTER says so' }
  }
  if (remembered) return { provider: named(remembered, providers), why: 'it is what was started' }
  const against: string[] = []
  for (const name of ['k3d', 'kind', 'native'] as const) {
    const { usable, reason } = await providers[name].detect(options)
    const why = [reason, ...against].join('; ')
    if (usable) return { provider: providers[name], why }
    against.push(`not ${name}: ${reason}`)
  }
  throw new Error(
    `no cluster can be started here (${against.join('; ')}). To use the cluster of your current kubectl context: ` +
      'npm run -s cluster -- up --provider existing',
  )
}

/**
 * {@link chooseProvider} with the environment of this process and the provider that `up`
 * remembered.
 */
export async function currentProvider(
  flag: string | undefined,
  options: ProviderCall,
): Promise<Choice> {
  const environment = process.env['GUILDHALL_CLUSTER']
  const remembered = await rememberedProvider()
  return chooseProvider({ flag, environment, remembered }, options)
}

function named(
  name: string,
  providers: Readonly<Record<ProviderName, ClusterProvider>>,
): ClusterProvider {
  const known = providerNames.find((candidate) => candidate === name)
  if (known) return providers[known]
  throw new Error(`there is no provider named ${name}; use one of: ${providerNames.join(', ')}`)
}

const memory = (): string => join(cacheDirectory(), 'cluster-provider')

/** What `up` chose last and `down` has not ended; undefined for nothing. */
export async function rememberedProvider(): Promise<string | undefined> {
  return (await readFile(memory(), 'utf8').catch(() => '')).trim() || undefined
}

/** Keeps the choice, so that every later command means the same cluster. Undefined forgets it. */
export async function rememberProvider(name: ProviderName | undefined): Promise<void> {
  if (!name) return rm(memory(), { force: true })
  await mkdir(cacheDirectory(), { recursive: true })
  await writeFile(memory(), `${name}\n`)
}
