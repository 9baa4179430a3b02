// Certificates, authorities and tokens that change under open watches: on the real API server,
// which reads them from disk.
import { cp, mkdir, mkdtemp, rename, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { missingBinaries } from '../../hack/native-cluster/binaries.ts'
import {
  type KeyPair,
  ensureAuthority,
  ensureCertificate,
  keyPair,
} from '../../hack/native-cluster/certificates.ts'
import { startControlPlane } from '../../hack/native-cluster/control-plane.ts'
import { writeKubeconfig } from '../../hack/native-cluster/kubeconfig.ts'
import { KubeClient } from '../../core/kube/client.ts'
import { type KubeConfig, inClusterConfig, kubeconfigFile } from '../../core/kube/config.ts'
import { type ConfigMap, configMaps } from '../../core/kube/built-in-kinds.ts'
import { Informer } from '../../core/kube/informer.ts'
import { systemClock as clock, systemRandom as random } from '../../core/base/clock.ts'
import { silentLogger as log } from '../support/silent-logger.ts'
import { type Cable, layCable } from './cable.ts'

const missing = missingBinaries(['etcd', 'kube-apiserver'])
if (missing.length > 0) {
  console.warn(
    `skipped: rotation: ${missing.join(' and ')} not built yet; run: npm run cluster -- up`,
  )
}

const tokenIn = z.object({ status: z.object({ token: z.string() }) })
const rbac = '/apis/rbac.authorization.k8s.io/v1'
const inDefault = '/api/v1/namespaces/default'

describe.skipIf(missing.length > 0)('under an open watch', () => {
  let directory: string
  let kubeconfig: string
  let stopServer: () => Promise<void>
  /** As a person holds it: read once, and unaware of any rotation. */
  let person: KubeConfig
  const ends: (() => Promise<unknown>)[] = []
  const soon = { timeout: 20_000, interval: 100 }

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'guildhall-rotation-'))
    const started = await startControlPlane({ directory })
    kubeconfig = started.kubeconfig
    stopServer = started.stop
    person = await kubeconfigFile({ clock, path: kubeconfig })
  })
  afterAll(async () => stopServer?.())
  afterEach(async () => {
    for (const end of ends.splice(0).toReversed()) await end()
  })

  /** A client that reads the kubeconfig just now. */
  async function administrator(): Promise<KubeClient> {
    const config = await kubeconfigFile({ clock, path: kubeconfig })
    const client = new KubeClient({ config, clock, random })
    ends.push(() => client.close())
    return client
  }

  async function follow(
    config: KubeConfig,
  ): Promise<{ informer: Informer<ConfigMap>; cable: Cable }> {
    const cable = await layCable(config)
    const client = new KubeClient({ config: cable.config, clock, random })
    const life = new AbortController()
    const options = { client, namespace: 'default', clock, random, log }
    const informer = new Informer<ConfigMap>({ ...options, resource: configMaps })
    const running = informer.run({ signal: life.signal })
    ends.push(
      () => cable.close(),
      () => client.close(),
      () => running,
      async () => life.abort(new Error('test is over')),
    )
    await informer.synced({ signal: AbortSignal.timeout(15_000) })
    return { informer, cable }
  }

  /**
   * Every connection ends, changes meanwhile are missed, and within seconds the cache is right
   * again.
   */
  async function recovers(informer: Informer<ConfigMap>, cable: Cable, name: string) {
    const client = await administrator()
    cable.pull()
    await client.create(configMaps, { metadata: { namespace: 'default', name } })
    cable.plug()
    await vi.waitFor(() => expect(informer.get('default', name)).toBeDefined(), soon)
  }

  /** The certificate that the server shows to new connections. */
  async function shown(): Promise<string | undefined> {
    const { hostname, port } = new URL(person.server)
    const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false })
    socket.on('error', () => undefined)
    const serial = await new Promise<string | undefined>((resolve) => {
      socket.once('secureConnect', () => resolve(socket.getPeerCertificate().serialNumber))
      socket.once('close', () => resolve(undefined))
    })
    socket.destroy()
    return serial
  }

  /** Puts a new certificate where the server reads its own, and waits until it has noticed. */
  async function showAnother(from: string): Promise<void> {
    const before = await shown()
    const hosts = ['localhost', '127.0.0.1', 'kubernetes.default.svc']
    const name = `serving-${random.uuid()}`
    const fresh = await ensureCertificate(from, name, { commonName: 'kube-apiserver', hosts })
    const served = keyPair(join(directory, 'pki'), 'apiserver')
    await rename(fresh.key, served.key)
    await rename(fresh.certificate, served.certificate)
    await vi.waitFor(async () => expect(await shown()).not.toBe(before), {
      timeout: 90_000,
      interval: 500,
    })
  }

  async function writeAdmin(authority: string, credentials: KeyPair): Promise<void> {
    const { server } = person
    const names = { cluster: 'guildhall-test', user: 'admin' }
    await writeKubeconfig(kubeconfig, { ...names, server, authority, credentials })
  }

  test('a token that is replaced', async () => {
    const client = await administrator()
    const mounted = join(directory, 'mounted')
    await mkdir(mounted, { recursive: true })
    await writeFile(join(mounted, 'namespace'), 'default')
    await cp(join(directory, 'pki', 'ca.crt'), join(mounted, 'ca.crt'))
    const mount = async (name: string) => {
      await client.raw('POST', `${inDefault}/serviceaccounts`, { metadata: { name } })
      const answer = await client.raw('POST', `${inDefault}/serviceaccounts/${name}/token`, {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: { expirationSeconds: 600 },
      })
      await writeFile(join(mounted, 'token'), tokenIn.parse(answer).status.token)
    }
    const rules = [{ apiGroups: [''], resources: ['configmaps'], verbs: ['list', 'watch'] }]
    await client.raw('POST', `${rbac}/clusterroles`, { metadata: { name: 'readers' }, rules })
    await client.raw('POST', `${rbac}/clusterrolebindings`, {
      metadata: { name: 'readers' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'readers' },
      subjects: [
        { kind: 'Group', name: 'system:serviceaccounts', apiGroup: 'rbac.authorization.k8s.io' },
      ],
    })
    await mount('first')
    const { hostname, port } = new URL(person.server)
    const config = await inClusterConfig({ clock, host: hostname, port, directory: mounted })
    const { informer, cable } = await follow(config)
    await recovers(informer, cable, 'token-before')

    const old = new KubeClient({ config: { ...config, ...(await frozen(config)) }, clock, random })
    ends.push(() => old.close())
    await mount('second')
    await client.raw('DELETE', `${inDefault}/serviceaccounts/first`)
    // The server remembers for some seconds whom it has let in.
    await vi.waitFor(
      () =>
        expect(old.list(configMaps, { namespace: 'default' })).rejects.toMatchObject({
          status: 401,
        }),
      { timeout: 40_000, interval: 500 },
    )
    await recovers(informer, cable, 'token-after')
  })

  test('a serving certificate that is replaced', async () => {
    const { informer, cable } = await follow(person)
    await showAnother(join(directory, 'pki'))
    await recovers(informer, cable, 'certificate')
  })

  test('a client certificate that is replaced, its authority with it', async () => {
    const { informer, cable } = await follow(person)
    const old = new KubeClient({ config: { ...person, ...(await frozen(person)) }, clock, random })
    ends.push(() => old.close())
    const next = join(directory, 'next')
    const authority = await ensureAuthority(next, 'guildhall-next')
    const identity = { commonName: 'kubernetes-admin', organization: 'system:masters' }
    const credentials = await ensureCertificate(next, 'admin', identity)
    const trusted = join(directory, 'pki', 'ca.crt')
    await cp(trusted, join(directory, 'old-ca.crt'))
    await writeAdmin(join(directory, 'old-ca.crt'), credentials)
    await cp(authority.certificate, `${trusted}.part`)
    await rename(`${trusted}.part`, trusted)
    await vi.waitFor(
      () =>
        expect(old.list(configMaps, { namespace: 'default' })).rejects.toMatchObject({
          status: 401,
        }),
      { timeout: 90_000, interval: 500 },
    )
    await recovers(informer, cable, 'client')
  })

  test('an authority that is replaced, and the serving certificate with it', async () => {
    const { informer, cable } = await follow(person)
    const next = join(directory, 'next')
    await showAnother(next)
    const { certificate } = keyPair(next, 'ca')
    await writeAdmin(certificate, keyPair(next, 'admin'))
    await recovers(informer, cable, 'authority')
  })

  /** The credentials of a client that never reads its files again. */
  async function frozen(config: KubeConfig): Promise<Pick<KubeConfig, 'credentials' | 'refresh'>> {
    const found = await config.credentials()
    return { credentials: async () => found, refresh: () => undefined }
  }
})
