import { mkdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { binaryPath } from './binaries.ts'
import {
  ensureCertificate,
  type CertificateSubject,
  keyPair,
  type KeyPair,
} from './certificates.ts'
import {
  apiServerDaemon,
  apiUrl,
  type ControlPlaneCertificates,
  ensureControlPlaneCertificates,
  etcdDaemon,
} from './control-plane.ts'
import type { Daemon } from './daemon.ts'
import { writeKubeconfig } from './kubeconfig.ts'
import { containerdDaemon, kubeletDaemon, prepareNode, proxyDaemon } from './node.ts'
import { addresses, controlPlaneSettings, nodeName, type StatePaths } from './settings.ts'

/** The names of all daemons, in the order in which they start; they stop the other way round. */
export const daemonNames = [
  'containerd',
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kubelet',
  'kube-proxy',
  'local-path',
] as const

/** Everything that has to run. */
interface Stack {
  readonly certificates: ControlPlaneCertificates
  /** Need nothing but the machine. */
  readonly base: readonly Daemon[]
  /** Need the API server. */
  readonly rest: readonly Daemon[]
}

const serving = ['127.0.0.1', 'localhost']
const identities: Readonly<Record<string, CertificateSubject>> = {
  kubelet: {
    commonName: `system:node:${nodeName}`,
    organization: 'system:nodes',
    hosts: [nodeName, addresses.node, ...serving],
  },
  'kube-proxy': { commonName: 'system:kube-proxy' },
  'controller-manager': { commonName: 'system:kube-controller-manager', hosts: serving },
  scheduler: { commonName: 'system:kube-scheduler', hosts: serving },
  'local-path': { commonName: 'guildhall:local-path' },
}

/** Writes certificates, kubeconfigs and configuration, and returns what has to run with them. Starts nothing. */
export async function prepareStack(paths: StatePaths): Promise<Stack> {
  await mkdir(paths.pki, { recursive: true, mode: 0o700 })
  await prepareNode(paths)
  const settings = controlPlaneSettings(paths)
  const certificates = await ensureControlPlaneCertificates(settings)
  const authority = certificates.authority.certificate
  const kubeconfig = async (path: string, user: string, credentials: KeyPair): Promise<string> => {
    const server = apiUrl(settings)
    await writeKubeconfig(path, { cluster: 'guildhall', server, user, authority, credentials })
    return path
  }
  const issue = async (name: string): Promise<string> => {
    const identity = identities[name]
    if (!identity) throw new Error(`no identity is known for ${name}`)
    const credentials = await ensureCertificate(paths.pki, name, identity)
    return kubeconfig(join(paths.pki, `${name}.kubeconfig`), name, credentials)
  }
  const [manager, scheduler, kubelet, proxy, localPath] = await Promise.all([
    issue('controller-manager'),
    issue('scheduler'),
    issue('kubelet'),
    issue('kube-proxy'),
    issue('local-path'),
    kubeconfig(paths.adminKubeconfig, 'admin', certificates.admin),
  ])
  const node = {
    authority,
    kubelet: keyPair(paths.pki, 'kubelet'),
    kubeletKubeconfig: kubelet,
  }
  return {
    certificates,
    base: [
      await containerdDaemon(paths),
      etcdDaemon(binaryPath('etcd'), settings, certificates),
      apiServerDaemon(binaryPath('kube-apiserver'), settings, certificates),
    ],
    rest: [
      ...controllerDaemons(paths, { manager, scheduler }),
      await kubeletDaemon(paths, node),
      await proxyDaemon(paths, proxy),
      await localPathDaemon(paths, localPath),
    ],
  }
}

/** The objects that the cluster itself needs, as YAML: DNS and storage. */
export async function addonManifests(): Promise<string> {
  const directory = join(dirname(fileURLToPath(import.meta.url)), 'manifests')
  const texts = await Promise.all(
    ['dns.yaml', 'storage.yaml'].map((name) => readFile(join(directory, name), 'utf8')),
  )
  return texts.join('---\n')
}

/** The controller manager and the scheduler; alone in their cluster, so without leader election. */
function controllerDaemons(
  paths: StatePaths,
  kubeconfigs: { readonly manager: string; readonly scheduler: string },
): readonly Daemon[] {
  const authority = keyPair(paths.pki, 'ca')
  return [
    {
      name: 'kube-controller-manager',
      command: [
        binaryPath('kube-controller-manager'),
        ...common(kubeconfigs.manager, paths, 'controller-manager'),
        '--use-service-account-credentials=true',
        `--service-account-private-key-file=${join(paths.pki, 'service-account.key')}`,
        `--root-ca-file=${authority.certificate}`,
        `--cluster-signing-cert-file=${authority.certificate}`,
        `--cluster-signing-key-file=${authority.key}`,
      ],
    },
    {
      name: 'kube-scheduler',
      command: [binaryPath('kube-scheduler'), ...common(kubeconfigs.scheduler, paths, 'scheduler')],
    },
  ]
}

/** Our provisioner for the StorageClass `local-path`. */
async function localPathDaemon(paths: StatePaths, kubeconfig: string): Promise<Daemon> {
  const here = dirname(fileURLToPath(import.meta.url))
  const [program, decide] = ['local-path.ts', 'local-path-decide.ts'].map((name) =>
    join(here, name),
  )
  const sources = await Promise.all([program, decide].map((path) => readFile(path ?? '', 'utf8')))
  return {
    name: 'local-path',
    command: [process.execPath, program ?? '', kubeconfig, paths.volumes],
    configuration: sources.join('\n'),
  }
}

function common(kubeconfig: string, paths: StatePaths, certificate: string): readonly string[] {
  const serving = keyPair(paths.pki, certificate)
  return [
    `--kubeconfig=${kubeconfig}`,
    `--authentication-kubeconfig=${kubeconfig}`,
    `--authorization-kubeconfig=${kubeconfig}`,
    '--bind-address=127.0.0.1',
    `--tls-cert-file=${serving.certificate}`,
    `--tls-private-key-file=${serving.key}`,
    '--leader-elect=false',
    '--profiling=false',
  ]
}
