import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { stringify } from 'yaml'
import { binaryPath } from './binaries.ts'
import { ensureCgroup, rootCgroup } from './cgroup.ts'
import type { KeyPair } from './certificates.ts'
import type { Daemon } from './daemon.ts'
import { pauseImage } from './system-images.ts'
import { addresses, bridges, nodeName, type StatePaths } from './settings.ts'

/** How the kubelet shows who it is. */
interface NodeCredentials {
  /** The path of the authority's certificate. */
  readonly authority: string
  readonly kubelet: KeyPair
  readonly kubeletKubeconfig: string
}

/** Writes the configuration of the network plugins, and makes the directories and the cgroup that the node needs. */
export async function prepareNode(paths: StatePaths): Promise<void> {
  await ensureCgroup()
  for (const path of [paths.config, paths.cniConfig, paths.podLogs, paths.kubelet]) {
    await mkdir(path, { recursive: true })
  }
  await mkdir(paths.volumes, { recursive: true, mode: 0o700 })
  await writeConfiguration(
    join(paths.cniConfig, '10-guildhall.conflist'),
    networkConfiguration(paths),
  )
}

/** containerd, with its state and the network plugins' in our directory. Writes its configuration. */
export async function containerdDaemon(paths: StatePaths): Promise<Daemon> {
  const program = binaryPath('containerd')
  const file = join(paths.config, 'containerd.toml')
  const configuration = containerdConfiguration(paths)
  await writeConfiguration(file, configuration)
  return {
    name: 'containerd',
    command: [program, '--config', file, '--log-level', 'warn'],
    // It looks for its shim there.
    environment: { PATH: `${dirname(program)}:${process.env['PATH']}` },
    configuration,
  }
}

/** The kubelet of the only node. Writes its configuration. */
export async function kubeletDaemon(
  paths: StatePaths,
  credentials: NodeCredentials,
): Promise<Daemon> {
  const file = join(paths.config, 'kubelet.yaml')
  const configuration = stringify(kubeletConfiguration(paths, credentials))
  await writeConfiguration(file, configuration)
  return {
    name: 'kubelet',
    command: [
      binaryPath('kubelet'),
      `--config=${file}`,
      `--kubeconfig=${credentials.kubeletKubeconfig}`,
      `--root-dir=${paths.kubelet}`,
      `--cert-dir=${paths.pki}`,
      `--hostname-override=${nodeName}`,
      `--node-ip=${addresses.node}`,
    ],
    configuration,
  }
}

/** kube-proxy with nftables: the addresses of Services. Writes its configuration. */
export async function proxyDaemon(paths: StatePaths, kubeconfig: string): Promise<Daemon> {
  const file = join(paths.config, 'kube-proxy.yaml')
  const configuration = stringify(proxyConfiguration(kubeconfig))
  await writeConfiguration(file, configuration)
  return {
    name: 'kube-proxy',
    command: [binaryPath('kube-proxy'), `--config=${file}`],
    configuration,
  }
}

/** Leaves a file alone that says this already: kube-proxy ends when its configuration is touched. */
async function writeConfiguration(path: string, text: string): Promise<void> {
  if ((await readFile(path, 'utf8').catch(() => undefined)) !== text) await writeFile(path, text)
}

function containerdConfiguration(paths: StatePaths): string {
  const runtime = "plugins.'io.containerd.cri.v1.runtime'"
  return `version = 3
root = '${paths.containerdRoot}'
state = '${paths.containerdState}'
imports = []
disabled_plugins = [
  'io.containerd.internal.v1.opt', 'io.containerd.snapshotter.v1.blockfile', 'io.containerd.snapshotter.v1.erofs',
  'io.containerd.differ.v1.erofs', 'io.containerd.mount-handler.v1.erofs', 'io.containerd.nri.v1.nri',
  'io.containerd.tracing.processor.v1.otlp',
]
[grpc]
address = '${paths.containerdSocket}'
[plugins.'io.containerd.cri.v1.images']
snapshotter = 'overlayfs'
[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = '${pauseImage}'
[${runtime}]
# Lowering a score takes CAP_SYS_RESOURCE, which sandboxes withhold even from root.
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true
[${runtime}.containerd]
default_runtime_name = 'runc'
[${runtime}.containerd.runtimes.runc]
runtime_type = 'io.containerd.runc.v2'
[${runtime}.containerd.runtimes.runc.options]
BinaryName = '${binaryPath('runc')}'
Root = '${paths.runcRoot}'
SystemdCgroup = false
[${runtime}.cni]
bin_dirs = ['${dirname(binaryPath('bridge'))}']
conf_dir = '${paths.cniConfig}'
use_internal_loopback = true
`
}

function networkConfiguration(paths: StatePaths): string {
  return JSON.stringify({
    cniVersion: '1.0.0',
    name: 'guildhall',
    plugins: [
      {
        type: 'bridge',
        bridge: bridges.pods,
        isGateway: true,
        // A Pod may be sent to itself by a Service it is behind.
        hairpinMode: true,
        // No masquerading: what a Pod says to the outside has no way back, and the packet filter refuses it anyway.
        ipMasq: false,
        ipam: {
          type: 'host-local',
          dataDir: paths.cniAddresses,
          ranges: [[{ subnet: addresses.nodePods, gateway: addresses.podGateway }]],
          routes: [{ dst: '0.0.0.0/0' }],
        },
      },
    ],
  })
}

function kubeletConfiguration(paths: StatePaths, credentials: NodeCredentials): object {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    address: addresses.node,
    readOnlyPort: 0,
    tlsCertFile: credentials.kubelet.certificate,
    tlsPrivateKeyFile: credentials.kubelet.key,
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: credentials.authority },
    },
    authorization: { mode: 'Webhook' },
    containerRuntimeEndpoint: `unix://${paths.containerdSocket}`,
    clusterDNS: [addresses.dns],
    clusterDomain: 'cluster.local',
    // Pods with dnsPolicy Default would otherwise be told the machine's name servers, which they cannot reach.
    resolvConf: '',
    podLogsDir: paths.podLogs,
    cgroupDriver: 'cgroupfs',
    cgroupRoot: rootCgroup,
    failCgroupV1: false,
    failSwapOn: false,
    oomScoreAdj: 0,
    // Chains for an iptables mode of kube-proxy that is not used here, and that nobody would remove.
    makeIPTablesUtilChains: false,
    maxPods: 60,
    // Images come from archives, not from a registry: one that is collected cannot be fetched again.
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
    evictionHard: {
      'memory.available': '50Mi',
      'nodefs.available': '1%',
      'nodefs.inodesFree': '1%',
      'imagefs.available': '1%',
      'imagefs.inodesFree': '1%',
    },
    shutdownGracePeriod: '0s',
  }
}

function proxyConfiguration(kubeconfig: string): object {
  return {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'nftables',
    bindAddress: addresses.node,
    healthzBindAddress: '127.0.0.1:10256',
    metricsBindAddress: '127.0.0.1:10249',
    clusterCIDR: addresses.pods,
    clientConnection: { kubeconfig },
    hostnameOverride: nodeName,
    oomScoreAdj: 0,
    // These are kernel settings of the whole machine, and some of them are read-only in a sandbox.
    conntrack: {
      maxPerCore: 0,
      min: 0,
      tcpEstablishedTimeout: '0s',
      tcpCloseWaitTimeout: '0s',
      udpTimeout: '0s',
      udpStreamTimeout: '0s',
    },
  }
}
