import { join } from 'node:path'
import { stateDirectory } from '../cluster/paths.ts'
import type { ControlPlaneSettings } from './control-plane.ts'

/** The name of the only node. */
export const nodeName = 'guildhall'

/** The addresses of the cluster, as kind and kubeadm choose them. No other network of the machine may overlap them. */
export const addresses = {
  /** Where the API server, the kubelet and node ports listen; on a bridge of its own. */
  node: '10.243.0.1',
  pods: '10.244.0.0/16',
  /** The node's share of `pods`, and the gateway in it. */
  nodePods: '10.244.0.0/24',
  podGateway: '10.244.0.1',
  services: '10.96.0.0/16',
  kubernetesService: '10.96.0.1',
  dns: '10.96.0.10',
} as const

/** The bridges. Whatever else is to reach Pods (a network namespace of a test) has a name that starts like these. */
export const bridges = { pattern: 'gh-*', node: 'gh-node', pods: 'gh-pods' } as const

/** Where each thing lies under the state directory. */
export function statePaths(directory = stateDirectory()) {
  return {
    directory,
    pki: join(directory, 'pki'),
    config: join(directory, 'config'),
    logs: join(directory, 'logs'),
    etcd: join(directory, 'etcd'),
    kubelet: join(directory, 'kubelet'),
    podLogs: join(directory, 'pod-logs'),
    volumes: join(directory, 'volumes'),
    cniConfig: join(directory, 'cni/conf'),
    cniAddresses: join(directory, 'cni/addresses'),
    /** Images stay here when the cluster goes. */
    containerdRoot: join(directory, 'containerd/root'),
    containerdState: join(directory, 'containerd/state'),
    containerdSocket: join(directory, 'containerd.sock'),
    runcRoot: join(directory, 'containerd/runc'),
    adminKubeconfig: join(directory, 'admin.kubeconfig'),
    /** Held by whoever starts or removes the cluster. */
    lock: `${directory}.lock`,
    network: join(directory, 'network.json'),
    addons: join(directory, 'addons.sha256'),
  } as const
}

/** The paths of one cluster's state. */
export type StatePaths = ReturnType<typeof statePaths>

/** The control plane of the native cluster. */
export function controlPlaneSettings({ directory }: StatePaths): ControlPlaneSettings {
  return {
    directory,
    address: addresses.node,
    port: 6443,
    etcdPort: 2379,
    etcdPeerPort: 2380,
    serviceRange: addresses.services,
    serviceAddress: addresses.kubernetesService,
    nodes: true,
  }
}
