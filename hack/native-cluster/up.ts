import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { execa } from 'execa'
import { withLock } from '../cluster/lock.ts'
import { duration } from '../cluster/log.ts'
import type { ProviderCall } from '../cluster/provider.ts'
import { binaryPath, ensureBinaries } from './binaries.ts'
import { untilApiReady } from './control-plane.ts'
import { type Daemon, DaemonError, ensureDaemon } from './daemon.ts'
import { importImages } from './images.ts'
import { ensureNetwork } from './network.ts'
import { ensurePackages } from './packages.ts'
import { allReady, containerdAnswers, inspectCluster } from './probes.ts'
import { untilReady } from './ready.ts'
import { controlPlaneSettings, type StatePaths } from './settings.ts'
import { addonManifests, prepareStack } from './stack.ts'
import { ensureSystemImages } from './system-images.ts'

const packages = ['iproute2', 'iptables', 'nftables', 'conntrack', 'mount', 'openssl']

/** A socket's path has at most 107 bytes, and containerd appends `.ttrpc` to this one. */
const longestSocket = 107 - '.ttrpc'.length

/** Brings up whatever of the cluster is not up, and waits until all of it works. */
export async function bringUp(paths: StatePaths, options: ProviderCall): Promise<void> {
  const { log, signal } = options
  if (allReady(await inspectCluster(paths)) && (await addonsCurrent(paths))) {
    log.line('the cluster is up')
    return
  }
  if (Buffer.byteLength(paths.containerdSocket) > longestSocket) {
    throw new Error(
      `the path ${paths.containerdSocket} is too long for a socket; set GUILDHALL_STATE to a shorter directory`,
    )
  }
  await ensurePackages(packages, options)
  await ensureBinaries(undefined, options)
  const archives = await ensureSystemImages(options)
  await mkdir(paths.directory, { recursive: true })
  await withLock(paths.lock, async () => start(paths, archives, options), {
    ...(signal && { signal }),
    waiting: (pid) => log.line(`process ${pid} starts or removes the cluster; waiting for it`),
  })
}

async function start(
  paths: StatePaths,
  archives: readonly string[],
  options: ProviderCall,
): Promise<void> {
  const { log, signal } = options
  const started = Date.now()
  try {
    await ensureNetwork(paths)
    const stack = await prepareStack(paths)
    await startAll(paths, stack.base, options)
    await untilReady(paths.directory, 'containerd', async () => containerdAnswers(paths), {
      seconds: 30,
      ...(signal && { signal }),
    })
    await importImages(paths, archives, options)
    await untilApiReady(controlPlaneSettings(paths), stack.certificates, signal)
    await startAll(paths, stack.rest, options)
    await applyAddons(paths, options)
    await untilAllReady(paths, options)
  } catch (error) {
    if (error instanceof DaemonError) throw new Error(await error.explain(), { cause: error })
    throw error
  }
  log.line(`the cluster is up after ${duration(Date.now() - started)}`)
}

async function startAll(
  paths: StatePaths,
  daemons: readonly Daemon[],
  { log }: ProviderCall,
): Promise<void> {
  for (const daemon of daemons) {
    const found = await ensureDaemon(paths.directory, daemon)
    if (found === 'started') log.line(`started ${daemon.name}`)
    if (found === 'died') log.line(`${daemon.name} had ended; started it again`)
    if (found === 'changed') log.line(`${daemon.name} is to run differently; started it again`)
  }
}

async function applyAddons(paths: StatePaths, { signal }: ProviderCall): Promise<void> {
  const manifests = await addonManifests()
  const apply = ['apply', '--server-side', '--force-conflicts', '--field-manager=guildhall-cluster']
  const result = await execa(
    binaryPath('kubectl'),
    ['--kubeconfig', paths.adminKubeconfig, ...apply, '-f', '-'],
    { input: manifests, reject: false, ...(signal && { cancelSignal: signal }) },
  )
  if (result.failed) throw new Error(`the cluster refuses its DNS or storage: ${result.stderr}`)
  await writeFile(paths.addons, digest(manifests))
}

/** Whether the objects that were applied last are those of this checkout. */
async function addonsCurrent(paths: StatePaths): Promise<boolean> {
  const applied = await readFile(paths.addons, 'utf8').catch(() => '')
  return applied === digest(await addonManifests())
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

async function untilAllReady(paths: StatePaths, { log, signal }: ProviderCall): Promise<void> {
  const deadline = Date.now() + 90_000
  for (;;) {
    const components = await inspectCluster(paths)
    if (allReady(components)) return
    const failed = components.find(({ state }) => state === 'failed')
    if (failed)
      throw new DaemonError(paths.directory, failed.component, 'ended while it was starting')
    const waiting = components.find(({ state }) => state === 'starting' || state === 'stopped')
    if (Date.now() > deadline) {
      throw new DaemonError(
        paths.directory,
        'kubelet',
        `was started, but ${waiting?.component} is not ready (${waiting?.detail}); see also: npm run -s cluster -- status`,
      )
    }
    log.update(`waiting for ${waiting?.component}: ${waiting?.detail}`)
    await sleep(250, undefined, { ...(signal && { signal }) })
  }
}
