import { existsSync } from 'node:fs'
import { execa } from 'execa'
import { z } from 'zod'
import type { ComponentStatus } from '../cluster/provider.ts'
import { binaryPath } from './binaries.ts'
import { keyPair } from './certificates.ts'
import { apiUrl } from './control-plane.ts'
import { daemonFiles, inspectDaemon } from './daemon.ts'
import { namespace } from './images.ts'
import { networkReady } from './network.ts'
import { getBody } from './ready.ts'
import { controlPlaneSettings, nodeName, type StatePaths } from './settings.ts'
import { daemonNames } from './stack.ts'

const nodeShape = z.object({
  status: z.object({
    conditions: z.array(z.object({ type: z.string(), status: z.string(), message: z.string() })),
    nodeInfo: z.object({ kubeletVersion: z.string(), containerRuntimeVersion: z.string() }),
  }),
})
const deploymentShape = z.object({
  status: z.object({ availableReplicas: z.number().optional() }),
})

/** The state of every part of the native cluster. */
export async function inspectCluster(paths: StatePaths): Promise<readonly ComponentStatus[]> {
  const daemons = await Promise.all(daemonNames.map(async (name) => inspectPart(paths, name)))
  const running = daemons.some(({ state }) => state !== 'stopped')
  const others = await Promise.all([networkStatus(), nodeStatus(paths), dnsStatus(paths)])
  return [...daemons, ...others, ...(running ? limits : [])]
}

/** Whether everything works. */
export function allReady(components: readonly ComponentStatus[]): boolean {
  return components.every(({ state }) => state === 'ready' || state === 'limited')
}

/** The body of a GET at the API server as administrator; undefined when it is not answered. */
async function askApi(paths: StatePaths, path: string): Promise<string | undefined> {
  const authority = keyPair(paths.pki, 'ca').certificate
  if (!existsSync(authority)) return undefined
  const url = `${apiUrl(controlPlaneSettings(paths))}${path}`
  return getBody(url, authority, keyPair(paths.pki, 'admin'))
}

const limits: readonly ComponentStatus[] = [
  {
    component: 'network policy',
    state: 'limited',
    detail: 'not enforced between Pods; Pods have no way out of the cluster whatever policies say',
  },
  {
    component: 'durability',
    state: 'limited',
    detail: 'etcd does not wait for the disk, volumes have no size limit: for development only',
  },
]

async function inspectPart(paths: StatePaths, name: string): Promise<ComponentStatus> {
  const found = await inspectDaemon(paths.directory, name)
  const { log } = daemonFiles(paths.directory, name)
  switch (found.state) {
    case 'stopped':
      return { component: name, state: 'stopped', detail: '' }
    case 'dead':
      return { component: name, state: 'failed', detail: `ended; see ${log}` }
    case 'running': {
      const answers = await probe(paths, name)
      const detail = `pid ${found.pid}${answers ? '' : `, not answering; see ${log}`}`
      return { component: name, state: answers ? 'ready' : 'starting', detail }
    }
    default:
      return found satisfies never
  }
}

async function probe(paths: StatePaths, name: string): Promise<boolean> {
  const secure = async (url: string): Promise<boolean> =>
    (await getBody(url, keyPair(paths.pki, 'ca').certificate, keyPair(paths.pki, 'admin'))) !==
    undefined
  switch (name) {
    case 'containerd':
      return containerdAnswers(paths)
    case 'kube-apiserver':
      return (await askApi(paths, '/readyz')) !== undefined
    case 'kube-controller-manager':
      return secure('https://127.0.0.1:10257/healthz')
    case 'kube-scheduler':
      return secure('https://127.0.0.1:10259/healthz')
    case 'kubelet':
      return plain('http://127.0.0.1:10248/healthz')
    case 'kube-proxy':
      return plain('http://127.0.0.1:10256/healthz')
    default:
      // etcd is asked by the API server's own check; the provisioner has nothing to ask.
      return true
  }
}

/** Whether containerd takes calls. */
export async function containerdAnswers(paths: StatePaths): Promise<boolean> {
  const version = await execa(binaryPath('ctr'), [...namespace(paths), 'version'], {
    reject: false,
    timeout: 5_000,
  })
  return !version.failed
}

async function plain(url: string): Promise<boolean> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined)
  await answer?.body?.cancel()
  return answer?.ok ?? false
}

async function networkStatus(): Promise<ComponentStatus> {
  const ready = await networkReady()
  const detail = ready ? 'Pods reach each other, Services and the node; nothing outside' : ''
  return { component: 'network', state: ready ? 'ready' : 'stopped', detail }
}

async function nodeStatus(paths: StatePaths): Promise<ComponentStatus> {
  const body = await askApi(paths, `/api/v1/nodes/${nodeName}`)
  if (body === undefined) return { component: 'node', state: 'stopped', detail: '' }
  const { status } = nodeShape.parse(JSON.parse(body))
  const condition = status.conditions.find(({ type }) => type === 'Ready')
  const { kubeletVersion, containerRuntimeVersion } = status.nodeInfo
  if (condition?.status === 'True') {
    const detail = `${nodeName}, Kubernetes ${kubeletVersion}, ${containerRuntimeVersion}`
    return { component: 'node', state: 'ready', detail }
  }
  return { component: 'node', state: 'starting', detail: condition?.message ?? '' }
}

async function dnsStatus(paths: StatePaths): Promise<ComponentStatus> {
  const body = await askApi(paths, '/apis/apps/v1/namespaces/kube-system/deployments/coredns')
  if (body === undefined) return { component: 'dns', state: 'stopped', detail: '' }
  const ready = (deploymentShape.parse(JSON.parse(body)).status.availableReplicas ?? 0) > 0
  const detail = ready ? 'names of the cluster only' : 'the Pod is not ready yet'
  return { component: 'dns', state: ready ? 'ready' : 'starting', detail }
}
