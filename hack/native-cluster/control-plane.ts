import { mkdir, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { type Log, silentLog } from '../cluster/log.ts'
import { ensureBinaries } from './binaries.ts'
import {
  ensureAuthority,
  ensureCertificate,
  ensureTokenKey,
  type CertificateSubject,
  type KeyPair,
} from './certificates.ts'
import { type Daemon, DaemonError, startDaemon, stopDaemon } from './daemon.ts'
import { writeKubeconfig } from './kubeconfig.ts'
import { getBody, untilReady } from './ready.ts'

/** Where a control plane listens and what it serves. */
export interface ControlPlaneSettings {
  /** Its state: `etcd/`, `pki/`, `logs/`, `run/`. */
  readonly directory: string
  /** The address of the API server. */
  readonly address: string
  readonly port: number
  readonly etcdPort: number
  readonly etcdPeerPort: number
  /** Where Services get their addresses. */
  readonly serviceRange: string
  /** The first address of `serviceRange`, which the Service `kubernetes` gets. */
  readonly serviceAddress: string
  /** Without nodes there is no controller manager either: the API server then stands alone. */
  readonly nodes: boolean
}

/** The certificates that etcd and the API server need. */
export interface ControlPlaneCertificates {
  readonly authority: KeyPair
  readonly apiServer: KeyPair
  /** What the API server shows to kubelets and to etcd. */
  readonly apiServerClient: KeyPair
  readonly etcd: KeyPair
  readonly admin: KeyPair
  readonly token: { readonly key: string; readonly publicKey: string }
}

/** Makes the certificates that are missing. */
export async function ensureControlPlaneCertificates(
  settings: ControlPlaneSettings,
): Promise<ControlPlaneCertificates> {
  const pki = join(settings.directory, 'pki')
  const authority = await ensureAuthority(pki, 'guildhall-cluster')
  const issue = async (name: string, identity: CertificateSubject): Promise<KeyPair> =>
    ensureCertificate(pki, name, identity)
  const service = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc']
  const hosts = [...service, 'kubernetes.default.svc.cluster.local', 'localhost', '127.0.0.1']
  const [apiServer, apiServerClient, etcd, admin, token] = await Promise.all([
    issue('apiserver', {
      commonName: 'kube-apiserver',
      hosts: [...new Set([...hosts, settings.serviceAddress, settings.address])],
    }),
    issue('apiserver-client', { commonName: 'kube-apiserver', organization: 'system:masters' }),
    issue('etcd', { commonName: 'etcd', hosts: ['localhost', '127.0.0.1'] }),
    issue('admin', { commonName: 'kubernetes-admin', organization: 'system:masters' }),
    ensureTokenKey(pki),
  ])
  return { authority, apiServer, apiServerClient, etcd, admin, token }
}

/**
 * etcd, on loopback, open only to certificates of our authority.
 *
 * It does not wait for the disk: after a crash of the machine its data may be lost, which suits a disposable cluster.
 */
export function etcdDaemon(
  program: string,
  settings: ControlPlaneSettings,
  { authority, etcd }: ControlPlaneCertificates,
): Daemon {
  const client = `https://127.0.0.1:${settings.etcdPort}`
  const peer = `http://127.0.0.1:${settings.etcdPeerPort}`
  return {
    name: 'etcd',
    command: [
      program,
      '--name=guildhall',
      `--data-dir=${join(settings.directory, 'etcd')}`,
      `--listen-client-urls=${client}`,
      `--advertise-client-urls=${client}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=guildhall=${peer}`,
      `--cert-file=${etcd.certificate}`,
      `--key-file=${etcd.key}`,
      `--trusted-ca-file=${authority.certificate}`,
      '--client-cert-auth',
      '--unsafe-no-fsync',
      '--log-level=warn',
    ],
  }
}

/** The API server: RBAC and Node authorization, Pod Security admission, tokens signed by our key. */
export function apiServerDaemon(
  program: string,
  settings: ControlPlaneSettings,
  { authority, apiServer, apiServerClient, token }: ControlPlaneCertificates,
): Daemon {
  return {
    name: 'kube-apiserver',
    command: [
      program,
      `--etcd-servers=https://127.0.0.1:${settings.etcdPort}`,
      `--etcd-cafile=${authority.certificate}`,
      `--etcd-certfile=${apiServerClient.certificate}`,
      `--etcd-keyfile=${apiServerClient.key}`,
      `--bind-address=${settings.address}`,
      `--advertise-address=${settings.address}`,
      `--secure-port=${settings.port}`,
      `--tls-cert-file=${apiServer.certificate}`,
      `--tls-private-key-file=${apiServer.key}`,
      `--cert-dir=${join(settings.directory, 'pki')}`,
      `--client-ca-file=${authority.certificate}`,
      '--authorization-mode=Node,RBAC',
      '--enable-admission-plugins=NodeRestriction',
      // Without a controller manager nobody makes the ServiceAccount `default`, and no Pod could be created.
      ...(settings.nodes
        ? []
        : ['--disable-admission-plugins=ServiceAccount', '--endpoint-reconciler-type=none']),
      '--allow-privileged=true',
      `--service-cluster-ip-range=${settings.serviceRange}`,
      '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
      `--service-account-key-file=${token.publicKey}`,
      `--service-account-signing-key-file=${token.key}`,
      `--kubelet-client-certificate=${apiServerClient.certificate}`,
      `--kubelet-client-key=${apiServerClient.key}`,
      `--kubelet-certificate-authority=${authority.certificate}`,
      '--kubelet-preferred-address-types=InternalIP',
      '--profiling=false',
    ],
  }
}

/** A running API server with nothing but its store. */
export interface TestControlPlane {
  /** The path of an administrator's kubeconfig. */
  readonly kubeconfig: string
  /** Ends both processes and removes their data. */
  readonly stop: () => Promise<void>
}

/**
 * Starts etcd and kube-apiserver on free loopback ports: a real API with RBAC, without nodes or controllers.
 *
 * Takes about five seconds once the binaries are built. `directory` is created and belongs to it until `stop`. The
 * signal ends the start, not what has been started. Should this process end without `stop`, both end with it.
 */
export async function startControlPlane(options: {
  readonly directory: string
  /** Further flags of kube-apiserver, such as those of an audit log. */
  readonly apiServerFlags?: readonly string[]
  readonly signal?: AbortSignal
  readonly log?: Log
}): Promise<TestControlPlane> {
  const { directory, apiServerFlags = [], signal, log = silentLog } = options
  const build = { log, ...(signal && { signal }) }
  const binaries = await ensureBinaries(['etcd', 'kube-apiserver'], build)
  await mkdir(directory, { recursive: true })
  const [port, etcdPort, etcdPeerPort] = await freePorts(3)
  const settings: ControlPlaneSettings = {
    directory,
    address: '127.0.0.1',
    port: port ?? 0,
    etcdPort: etcdPort ?? 0,
    etcdPeerPort: etcdPeerPort ?? 0,
    serviceRange: '10.96.0.0/16',
    serviceAddress: '10.96.0.1',
    nodes: false,
  }
  const certificates = await ensureControlPlaneCertificates(settings)
  const stop = async (): Promise<void> => {
    await stopDaemon(directory, 'kube-apiserver', 1_000)
    await stopDaemon(directory, 'etcd', 1_000)
    await rm(directory, { recursive: true, force: true })
  }
  try {
    const apiServer = apiServerDaemon(binaries['kube-apiserver'] ?? '', settings, certificates)
    const daemons: readonly Daemon[] = [
      etcdDaemon(binaries['etcd'] ?? '', settings, certificates),
      { ...apiServer, command: [...apiServer.command, ...apiServerFlags] },
    ]
    // They end with this process, however it ends.
    for (const daemon of daemons) await startDaemon(directory, { ...daemon, withParent: true })
    await untilApiReady(settings, certificates, signal)
    const kubeconfig = join(directory, 'admin.kubeconfig')
    await writeKubeconfig(kubeconfig, {
      cluster: 'guildhall-test',
      server: apiUrl(settings),
      user: 'admin',
      authority: certificates.authority.certificate,
      credentials: certificates.admin,
    })
    return { kubeconfig, stop }
  } catch (error) {
    const explained = error instanceof DaemonError ? new Error(await error.explain()) : error
    await stop()
    throw explained
  }
}

/** The address of the API server as a URL. */
export function apiUrl({ address, port }: ControlPlaneSettings): string {
  return `https://${address}:${port}`
}

/** Waits until the API server serves, with its built-in roles in place. */
export async function untilApiReady(
  settings: ControlPlaneSettings,
  { authority, admin }: ControlPlaneCertificates,
  signal?: AbortSignal,
): Promise<void> {
  const probe = async (): Promise<boolean> =>
    (await getBody(`${apiUrl(settings)}/readyz`, authority.certificate, admin)) !== undefined
  await untilReady(settings.directory, 'kube-apiserver', probe, {
    seconds: 60,
    ...(signal && { signal }),
  })
}

async function freePorts(count: number): Promise<readonly number[]> {
  // All are held before the first is let go, so that they differ.
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer()
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      return server
    }),
  )
  return Promise.all(
    servers.map(async (server) => {
      const address = server.address()
      await new Promise((resolve) => server.close(resolve))
      return typeof address === 'object' && address ? address.port : 0
    }),
  )
}
