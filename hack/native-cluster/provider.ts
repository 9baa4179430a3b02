import { existsSync } from 'node:fs'
import { execa } from 'execa'
import { withLock } from '../cluster/lock.ts'
import type { ProviderCall, ClusterProvider, Detection } from '../cluster/provider.ts'
import { importImages } from './images.ts'
import { containerdAnswers, inspectCluster } from './probes.ts'
import { statePaths } from './settings.ts'
import { tearDown } from './teardown.ts'
import { bringUp } from './up.ts'

const toUp = 'start it: npm run -s cluster -- up'

/**
 * Kubernetes as processes of this machine: for a Linux without a container engine, as root.
 *
 * One node. NetworkPolicy is not enforced, but no Pod has a way out of the cluster.
 */
export const nativeProvider: ClusterProvider = {
  name: 'native',
  detect,
  async up(options) {
    const { usable, reason } = await detect()
    if (!usable) throw new Error(`the native cluster cannot run here: ${reason}`)
    await bringUp(statePaths(), options)
  },
  async down(options) {
    const paths = statePaths()
    await withLock(paths.lock, async () => tearDown(paths, options), {
      ...(options.signal && { signal: options.signal }),
      waiting: (pid) =>
        options.log.line(`process ${pid} starts or removes the cluster; waiting for it`),
    })
  },
  async status() {
    return inspectCluster(statePaths())
  },
  async kubeconfig() {
    const { adminKubeconfig, etcd } = statePaths()
    if (!existsSync(adminKubeconfig) || !existsSync(etcd)) {
      throw new Error(`the native cluster is not up; ${toUp}`)
    }
    return adminKubeconfig
  },
  async load(archives, options: ProviderCall) {
    const paths = statePaths()
    if (!existsSync(paths.containerdSocket) || !(await containerdAnswers(paths))) {
      throw new Error(`the native cluster is not up; ${toUp}`)
    }
    await importImages(paths, archives, options)
  },
}

async function detect(): Promise<Detection> {
  if (process.platform !== 'linux') return { usable: false, reason: 'it needs Linux' }
  if (process.getuid?.() !== 0) return { usable: false, reason: 'it needs root; use sudo' }
  const go = await execa('go', ['version'], { reject: false })
  if (go.failed) return { usable: false, reason: 'it is built with Go, and Go is not installed' }
  return { usable: true, reason: 'this is Linux, as root, with Go' }
}
