import { existsSync } from 'node:fs'
import { readdir, readFile, readlink, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'
import { z } from 'zod'
import type { ProviderCall } from '../cluster/provider.ts'
import { binaryPath } from './binaries.ts'
import { killCgroup, removeCgroup } from './cgroup.ts'
import { stopDaemon } from './daemon.ts'
import { namespace } from './images.ts'
import { removeNetwork } from './network.ts'
import { laneEngineState, removeLaneEngine } from './lane-engine.ts'
import { containerdAnswers } from './probes.ts'
import type { StatePaths } from './settings.ts'
import { daemonNames } from './stack.ts'

/**
 * Takes the cluster away: its processes, containers, mounts, cgroups, interfaces, filters, objects and volumes.
 *
 * What makes the next start faster stays unless `purge`: images, certificates, logs. Works on a cluster that is half
 * there too, and touches nothing that is not the cluster's.
 */
export async function tearDown(
  paths: StatePaths,
  { log, purge }: ProviderCall & { readonly purge: boolean },
): Promise<void> {
  const first = ['local-path', 'kube-controller-manager', 'kube-scheduler', 'kube-proxy', 'kubelet']
  const state = stateOf(paths)
  const isThere = state.some((path) => existsSync(path))
  // The kubelet goes before the containers, or it would start them again.
  const stopped = await stopAll(paths, first, 3_000)
  await killCgroup()
  await removeContainers(paths)
  const others = daemonNames.filter((name) => !first.includes(name)).toReversed()
  stopped.push(...(await stopAll(paths, others, 1_000)))
  await killShims(paths)
  if (stopped.length > 0) log.line(`stopped ${stopped.join(', ')}`)
  await unmountBelow(paths.directory)
  await removeCgroup()
  await removeNetwork(paths)
  await removeTraces(paths)
  const hadState = existsSync(paths.directory)
  const gone = purge
    ? [paths.directory]
    : [
        ...state,
        paths.containerdSocket,
        `${paths.containerdSocket}.ttrpc`,
        join(paths.directory, 'run'),
      ]
  for (const path of gone) await rm(path, { recursive: true, force: true })
  log.line(
    endOf({ wasThere: isThere || stopped.length > 0, hadState, purge, directory: paths.directory }),
  )
  const engine = await removeLaneEngine(await laneEngineState())
  if (engine !== undefined) log.line(engine)
}

/** What only a cluster that was started, and not removed since, has. */
function stateOf(paths: StatePaths): readonly string[] {
  const { etcd, kubelet, podLogs, volumes, containerdState } = paths
  return [
    etcd,
    kubelet,
    podLogs,
    volumes,
    containerdState,
    paths.runcRoot,
    paths.cniAddresses,
    paths.addons,
  ]
}

/** Names of those that ran. */
async function stopAll(
  { directory }: StatePaths,
  names: readonly string[],
  graceMs: number,
): Promise<string[]> {
  const ran = await Promise.all(names.map(async (name) => stopDaemon(directory, name, graceMs)))
  return names.filter((_, at) => ran[at])
}

/** What came of it: a second time there is nothing to remove but what stayed. */
export function endOf(seen: {
  readonly wasThere: boolean
  readonly hadState: boolean
  readonly purge: boolean
  readonly directory: string
}): string {
  const { wasThere, hadState, purge, directory } = seen
  if (!purge)
    return wasThere
      ? `the cluster is gone; images, certificates and logs stay in ${directory} (npm run -s cluster -- down --purge removes them)`
      : `there is no cluster to remove${hadState ? `; images, certificates and logs are in ${directory} (npm run -s cluster -- down --purge removes them)` : ''}`
  if (wasThere) return `the cluster is gone, and so is ${directory}`
  return hadState
    ? `there was no cluster; removed what earlier ones left in ${directory}`
    : 'there is no cluster to remove, and nothing of earlier ones'
}

/** Removes the containers from containerd, so that its next start does not find them. */
async function removeContainers(paths: StatePaths): Promise<void> {
  if (!existsSync(binaryPath('ctr')) || !(await containerdAnswers(paths))) return
  const ctr = async (...args: string[]): Promise<string> =>
    (
      await execa(binaryPath('ctr'), [...namespace(paths), ...args], {
        reject: false,
        timeout: 30_000,
      })
    ).stdout
  const tasks = (await ctr('tasks', 'list', '--quiet')).split('\n').filter(Boolean)
  if (tasks.length > 0) await ctr('tasks', 'delete', '--force', ...tasks)
  const containers = (await ctr('containers', 'list', '--quiet')).split('\n').filter(Boolean)
  if (containers.length > 0) await ctr('containers', 'delete', ...containers)
}

/** Kills the shims that serve our containerd, and removes their sockets. A shim says on its command line whom it serves. */
async function killShims(paths: StatePaths): Promise<void> {
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    const command = await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '')
    const [program = '', ...args] = command.split('\0')
    if (program.endsWith('containerd-shim-runc-v2') && args.includes(paths.containerdSocket)) {
      kill(Number(entry))
    }
  }
  const bundles = join(paths.containerdState, 'io.containerd.runtime.v2.task/k8s.io')
  for (const bundle of await readdir(bundles).catch(() => [])) {
    const text = await readFile(join(bundles, bundle, 'bootstrap.json'), 'utf8').catch(() => '{}')
    const { address } = bootstrapShape.parse(JSON.parse(text))
    if (address) await rm(address.replace('unix://', ''), { force: true })
  }
}

const bootstrapShape = z.object({ address: z.string().optional() })

async function unmountBelow(directory: string): Promise<void> {
  const table = await readFile('/proc/self/mountinfo', 'utf8')
  const points = table
    .split('\n')
    .map((line) => line.split(' ')[4]?.replaceAll('\\040', ' ') ?? '')
    .filter((point) => point.startsWith(`${directory}/`))
  // The latest first: a mount may lie in another one.
  for (const point of points.toReversed()) {
    const plain = await execa('umount', [point], { reject: false })
    if (plain.failed) await execa('umount', ['--lazy', point], { reject: false })
  }
}

/** Removes what containerd and the kubelet leave in places that cannot be configured. */
async function removeTraces(paths: StatePaths): Promise<void> {
  const results = '/var/lib/cni/results'
  for (const name of await readdir(results).catch(() => [])) {
    if (name.startsWith('guildhall-')) await rm(join(results, name), { force: true })
  }
  const links = '/var/log/containers'
  for (const name of await readdir(links).catch(() => [])) {
    const target = await readlink(join(links, name)).catch(() => '')
    if (target.startsWith(paths.podLogs)) await rm(join(links, name), { force: true })
  }
  // Only when nobody else's is in them.
  const shared = [results, '/var/lib/cni', links, '/run/containerd/s', '/run/containerd']
  for (const directory of shared) await rmdir(directory).catch(() => undefined)
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended by itself between the look and the signal.
  }
}
