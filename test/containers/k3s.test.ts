// A Kubernetes of another make, in a container: k3s takes our kinds and admits our agent Pod.
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { K3sContainer, type StartedK3sContainer } from '@testcontainers/k3s'
import { execa } from 'execa'
import { parse } from 'yaml'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { detectContainerEngine } from '../../hack/cluster/engine-provider.ts'
import { silentLog } from '../../hack/cluster/log.ts'
import { devRequests } from '../../core/api/kinds.ts'
import { agentPod } from '../../operator/controllers/agent/pod.ts'
import { KubeClient } from '../../core/kube/client.ts'
import { namespaces } from '../../core/kube/built-in-kinds.ts'
import { systemClock as clock, systemRandom as random } from '../../core/base/clock.ts'
import { type Definition, serveKind } from '../conformance/definitions.ts'
import { exampleAgent, exampleSettings } from './example-agent.ts'
import { ownLabels } from './leftovers.ts'
import { type Readiness, announce, findEngine } from './engine.ts'

const repository = join(import.meta.dirname, '../..')
const namespace = 'guildhall'

/** The image that our k3d clusters are made of, so that there is one version to keep up to date. */
const { image } = parse(await readFile(join(repository, 'hack/cluster/k3d.yaml'), 'utf8')) as {
  readonly image: string
}
const k3s = announce(`k3s in a container (${image})`, await findK3s())

async function findK3s(): Promise<Readiness> {
  const engine = await findEngine()
  if (!engine.usable) return engine
  const privileged = await detectContainerEngine({ log: silentLog })
  if (!privileged.usable) return privileged
  const held = await execa('docker', ['image', 'inspect', image], { reject: false })
  if (!held.failed) return { usable: true }
  const pulled = await execa('docker', ['pull', '--quiet', image], {
    reject: false,
    timeout: 300_000,
  })
  if (!pulled.failed) return { usable: true }
  return { usable: false, reason: `the image cannot be had: ${pulled.stderr.split('\n')[0] ?? ''}` }
}

describe.skipIf(!k3s.usable)('k3s in a container', () => {
  let container: StartedK3sContainer
  let directory: string
  let client: KubeClient

  beforeAll(async () => {
    container = await new K3sContainer(image)
      .withLabels(ownLabels)
      .withStartupTimeout(300_000)
      .start()
    directory = await mkdtemp(join(tmpdir(), 'guildhall-k3s-'))
    const kubeconfig = join(directory, 'kubeconfig')
    await writeFile(kubeconfig, container.getKubeConfig(), { mode: 0o600 })
    client = await connect(kubeconfig)
  })
  afterAll(async () => {
    await client?.close()
    await container?.stop()
    if (directory !== undefined) await rm(directory, { recursive: true, force: true })
  })

  test('serves our kinds, fills in what a request leaves out, and refuses an empty one', async () => {
    await servesKinds(client)
  })

  test('admits an agent Pod under Pod Security restricted', async () => {
    await admitsAgentPod(client)
  })
})

async function connect(kubeconfig: string): Promise<KubeClient> {
  return KubeClient.connect({ env: {}, kubeconfig, clock, random, userAgent: 'guildhall-lane' })
}

async function servesKinds(client: KubeClient): Promise<void> {
  const directory = join(repository, 'crds')
  for (const file of await readdir(directory))
    await serveKind(client, parse(await readFile(join(directory, file), 'utf8')) as Definition)
  const ask = async (name: string, request: string): Promise<unknown> =>
    client.create(devRequests, {
      metadata: { name, namespace: 'default' },
      // What a person writes; the rest of the spec is the server's to fill in.
      spec: { request } as never,
    })
  // The first call may come before the new kind is served by every part of the server.
  const stored = await vi.waitFor(async () => ask('small', 'Write a greeter.'), 20_000)
  expect(stored).toMatchObject({ spec: { priority: 'normal', limits: { maxParallel: 10 } } })
  await expect(ask('empty', ' ')).rejects.toThrow('spec.request is empty: say what to build')
}

async function admitsAgentPod(client: KubeClient): Promise<void> {
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' }
  await client.create(namespaces, { metadata: { name: namespace, labels } })
  const { template, hubUrl } = exampleSettings({ image: 'guildhall.dev/agent:lane' })
  const pod = agentPod(exampleAgent, template, hubUrl)
  const path = `/api/v1/namespaces/${namespace}`
  const account = { metadata: { name: template.serviceAccountName } }
  await client.raw('POST', `${path}/serviceaccounts`, account)
  const admit = async (changes: object): Promise<unknown> =>
    client.raw('POST', `${path}/pods?dryRun=All`, { ...pod, spec: { ...pod.spec, ...changes } })
  await vi.waitFor(async () => admit({}), 30_000)
  // The same namespace refuses what is held less, so being admitted means something.
  await expect(admit({ hostNetwork: true })).rejects.toThrow('violates PodSecurity')
}
