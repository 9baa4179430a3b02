import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { missingBinaries } from '../../hack/native-cluster/binaries.ts'
import { startControlPlane } from '../../hack/native-cluster/control-plane.ts'
import { inspectDaemon, startDaemon, stopDaemon } from '../../hack/native-cluster/daemon.ts'
import { kubeconfigFile, type KubeConfig } from '../../core/kube/config.ts'
import { systemClock as clock, systemRandom as random } from '../../core/base/clock.ts'
import { openFront } from '../../simulated-kubernetes/http-front.ts'
import { SimulatedApiServer } from '../../simulated-kubernetes/server.ts'

/** A Kubernetes API that the suite runs against. */
export interface Backend {
  readonly name: string
  /** Why it cannot run here, as a sentence with the next command, or nothing. */
  readonly unavailable?: string | undefined
  /** True where `restart` works. */
  readonly restartable: boolean
  start(): Promise<RunningBackend>
}

export interface RunningBackend {
  readonly config: KubeConfig
  /**
   * Ends the API server without warning, runs `meanwhile`, and starts it again on the same data and
   * port.
   */
  readonly restart: (meanwhile: () => Promise<void>) => Promise<void>
  stop(): Promise<void>
}

/**
 * A cluster that is already there: `GUILDHALL_TEST_KUBECONFIG`. The suite makes namespaces and
 * CRDs there.
 */
function givenCluster(path: string): Backend {
  return {
    name: `the cluster of ${path}`,
    restartable: false,
    start: async () => ({
      config: await kubeconfigFile({ clock, path }),
      restart: () => Promise.reject(new Error('this cluster is not ours to restart')),
      stop: async () => undefined,
    }),
  }
}

/** etcd and kube-apiserver alone, started for this run. */
function nativeControlPlane(): Backend {
  const missing = missingBinaries(['etcd', 'kube-apiserver'])
  return {
    name: 'kube-apiserver and etcd',
    restartable: true,
    unavailable:
      missing.length === 0
        ? undefined
        : `${missing.join(' and ')} not built yet; run: npm run cluster -- up, or set GUILDHALL_TEST_KUBECONFIG`,
    start: async () => {
      const directory = await mkdtemp(join(tmpdir(), 'guildhall-conformance-'))
      const { kubeconfig, stop } = await startControlPlane({ directory })
      const config = await kubeconfigFile({ clock, path: kubeconfig })
      return {
        config,
        restart: (meanwhile) => restartApiServer(directory, meanwhile),
        async stop() {
          await stop()
          await rm(directory, { recursive: true, force: true, maxRetries: 3 })
        },
      }
    },
  }
}

/** The simulated API server, behind a socket so that wires to it can be cut. */
function simulated(): Backend {
  return {
    name: 'the simulated API server',
    restartable: true,
    start: async () => {
      const api = new SimulatedApiServer({ clock, random, showsOwners: true })
      const front = await openFront(api)
      return { config: front.config, restart: front.restart, stop: front.close }
    },
  }
}

/**
 * The command is read from the running process, so that it is the very same server that comes back.
 */
async function restartApiServer(directory: string, meanwhile: () => Promise<void>): Promise<void> {
  const name = 'kube-apiserver'
  const found = await inspectDaemon(directory, name)
  if (found.state !== 'running') throw new Error(`${name} is ${found.state}`)
  const commandLine = await readFile(`/proc/${found.pid}/cmdline`, 'utf8')
  const [program = '', ...args] = commandLine.split('\0').slice(0, -1)
  await stopDaemon(directory, name, 0)
  await meanwhile()
  await startDaemon(directory, { name, command: [program, ...args] })
}

/** The real API server: the one started here, unless a cluster is given. */
export function realBackend(): Backend {
  const given = process.env['GUILDHALL_TEST_KUBECONFIG']
  return given ? givenCluster(given) : nativeControlPlane()
}

/**
 * Every API the suite runs against in this run: a simulated one and a real one, with the same
 * assertions.
 */
export function backends(): readonly Backend[] {
  return [simulated(), realBackend()]
}
