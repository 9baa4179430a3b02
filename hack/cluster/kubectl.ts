import { existsSync } from 'node:fs'
import { mkdir, rename, symlink } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { execa } from 'execa'
import { z } from 'zod'
import { binaryPath, ensureBinaries } from '../native-cluster/binaries.ts'
import type { ProviderCall, ComponentStatus, ProviderName } from './provider.ts'
import { cacheDirectory } from './paths.ts'

const nodesShape = z.object({
  items: z.array(
    z.object({
      metadata: z.object({ name: z.string() }),
      status: z.object({
        conditions: z.array(
          z.object({ type: z.string(), status: z.string(), message: z.string() }),
        ),
        nodeInfo: z.object({ kubeletVersion: z.string(), containerRuntimeVersion: z.string() }),
      }),
    }),
  ),
})

/**
 * The path of a program that a person has installed, else of the one that we built; undefined when
 * there is neither.
 */
export function findProgram(name: 'kubectl' | 'helm'): string | undefined {
  const directories = (process.env['PATH'] ?? '').split(delimiter).filter(Boolean)
  const candidates = [...directories.map((directory) => join(directory, name)), binaryPath(name)]
  return candidates.find((path) => existsSync(path))
}

/** The path of kubectl, or an error that says how to get it. */
export function requireKubectl(): string {
  const program = findProgram('kubectl')
  if (program) return program
  throw new Error(
    'kubectl is not installed; install it and run again: https://kubernetes.io/docs/tasks/tools/',
  )
}

/** The state of the API server and of the nodes of any cluster. */
export async function statusThroughKubectl(
  kubeconfig: string,
  { signal }: ProviderCall,
): Promise<readonly ComponentStatus[]> {
  const nodes = await execa(
    requireKubectl(),
    ['--kubeconfig', kubeconfig, '--request-timeout=10s', 'get', 'nodes', '--output=json'],
    { reject: false, ...(signal && { cancelSignal: signal }) },
  )
  if (nodes.failed) {
    const detail = nodes.stderr.split('\n').at(-1) ?? ''
    return [{ component: 'kube-apiserver', state: 'failed', detail }]
  }
  const { items } = nodesShape.parse(JSON.parse(nodes.stdout))
  return [
    { component: 'kube-apiserver', state: 'ready', detail: '' },
    ...items.map(({ metadata, status }): ComponentStatus => {
      const condition = status.conditions.find(({ type }) => type === 'Ready')
      const ready = condition?.status === 'True'
      const { kubeletVersion, containerRuntimeVersion } = status.nodeInfo
      return {
        component: `node ${metadata.name}`,
        state: ready ? 'ready' : 'starting',
        detail: ready
          ? `Kubernetes ${kubeletVersion}, ${containerRuntimeVersion}`
          : (condition?.message ?? ''),
      }
    }),
  ]
}

/**
 * Makes the directory with `kubectl` and `helm`, for PATH, and returns it.
 *
 * For the native cluster they are the ones that were built with it, else the ones that are
 * installed.
 */
export async function ensureBinDirectory(
  provider: ProviderName,
  options: ProviderCall,
): Promise<string> {
  const names = ['kubectl', 'helm'] as const
  if (provider === 'native') await ensureBinaries(names, options)
  const directory = join(cacheDirectory(), 'bin/path')
  await mkdir(directory, { recursive: true })
  for (const name of names) {
    const link = join(directory, name)
    const target = provider === 'native' ? binaryPath(name) : findProgram(name)
    if (!target) throw new Error(`${name} is not installed; install it and run again`)
    if (target === link) continue
    // Renamed into place, so that a shell that looks for it meanwhile always finds one.
    const fresh = join(directory, `.${name}.${process.pid}`)
    await symlink(target, fresh)
    await rename(fresh, link)
  }
  return directory
}
