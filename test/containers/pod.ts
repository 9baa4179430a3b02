// A Pod of the operator's as ordinary containers of an engine: what the kubelet would do, as far as an engine can.
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { type StartedTestContainer, Wait } from 'testcontainers'
import type { Pod } from '../../core/kube/built-in-kinds.ts'
import { OrdinaryContainer, type SharedVolume, sharedVolume } from './ordinary-container.ts'

type PodSpec = NonNullable<Pod['spec']>
type Container = PodSpec['containers'][number]

/** A Pod that runs. */
export interface RunningPod extends AsyncDisposable {
  /** Runs a program in a container as the container's user. */
  exec(
    container: string,
    command: readonly string[],
  ): Promise<{ readonly exitCode: number; readonly output: string }>
  /** Resolves with the exit code when a container has ended; at most `seconds` from now. */
  exited(container: string, seconds: number): Promise<number>
  /** Everything a container has printed. */
  output(container: string): Promise<string>
}

/**
 * Starts the containers of `pod`, the last first, each when the line of `ready` stands in its output. Projected tokens
 * are files with `token`. Errors: what the engine refused, or a container that did not get ready in a minute.
 */
export async function runPod(
  pod: Pod,
  options: { readonly token: string; readonly ready: Readonly<Record<string, RegExp>> },
): Promise<RunningPod> {
  const { spec } = pod
  if (spec === undefined) throw new TypeError('the Pod has no spec')
  const directory = await mkdtemp(join(tmpdir(), 'guildhall-lane-'))
  const volumes = new Map<string, SharedVolume | string>()
  const containers = new Map<string, StartedTestContainer>()
  const stop = async (): Promise<void> => {
    for (const container of containers.values()) await container.stop()
    for (const volume of volumes.values())
      if (typeof volume !== 'string') await volume[Symbol.asyncDispose]()
    await rm(directory, { recursive: true, force: true })
  }
  const named = (name: string): StartedTestContainer => {
    const found = containers.get(name)
    if (found === undefined) throw new Error(`the Pod has no container ${name}`)
    return found
  }
  try {
    // Readable for whoever the container runs as, like the file of a Pod with an fsGroup.
    await chmod(directory, 0o755)
    await writeFile(join(directory, 'token'), options.token, { mode: 0o644 })
    for (const volume of spec.volumes ?? [])
      volumes.set(volume.name, await volumeFor(volume, spec, directory))
    for (const container of spec.containers.toReversed()) {
      const prepared = prepare(container, spec, volumes)
      const line = options.ready[container.name]
      if (line !== undefined) prepared.withWaitStrategy(Wait.forLogMessage(line))
      containers.set(container.name, await prepared.withStartupTimeout(60_000).start())
    }
  } catch (error) {
    await stop()
    throw error
  }
  return {
    async exec(container, command) {
      const { exitCode, output } = await named(container).exec([...command])
      return { exitCode, output }
    },
    async exited(container, seconds) {
      const id = named(container).getId()
      const { stdout } = await execa('docker', ['wait', id], { timeout: seconds * 1000 })
      return Number(stdout)
    },
    async output(container) {
      const { stdout } = await execa('docker', ['logs', named(container).getId()])
      return stdout
    },
    [Symbol.asyncDispose]: stop,
  }
}

type Volume = NonNullable<PodSpec['volumes']>[number]

async function volumeFor(
  volume: Volume,
  spec: PodSpec,
  tokenDirectory: string,
): Promise<SharedVolume | string> {
  if (volume.projected !== undefined) return tokenDirectory
  if (volume.emptyDir === undefined) throw new Error(`no such volume here: ${volume.name}`)
  return sharedVolume({
    group: spec.securityContext?.fsGroup ?? 0,
    size: bytes(volume.emptyDir.sizeLimit ?? '256Mi'),
  })
}

function prepare(
  container: Container,
  spec: PodSpec,
  volumes: ReadonlyMap<string, SharedVolume | string>,
): OrdinaryContainer {
  const { image, command = [], env = [], securityContext: security, volumeMounts = [] } = container
  const limit = container.resources?.limits?.['memory']
  // Held less than the Pod asks for would prove nothing; more is what an OrdinaryContainer always is.
  if (security?.readOnlyRootFilesystem !== true || security.allowPrivilegeEscalation !== false)
    throw new Error(`container ${container.name} is not held as expected`)
  const held = new OrdinaryContainer(image ?? '', {
    user: `${security.runAsUser}:${security.runAsGroup}`,
    groups: (spec.securityContext?.supplementalGroups ?? []).map(String),
    memory: limit === undefined ? undefined : bytes(limit),
  })
  held.withEntrypoint([...command])
  held.withEnvironment(Object.fromEntries(env.map(({ name, value }) => [name, value ?? ''])))
  held.withBindMounts(
    volumeMounts.map(({ name, mountPath, readOnly }) => {
      const volume = volumes.get(name)
      if (volume === undefined) throw new Error(`container ${container.name} mounts no ${name}`)
      const source = typeof volume === 'string' ? volume : volume.name
      return { source, target: mountPath, mode: readOnly === true ? 'ro' : 'rw' }
    }),
  )
  return held
}

const units: Readonly<Record<string, number>> = { Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30 }

/** A quantity of Kubernetes in bytes; only the binary units that Pods of ours use. */
function bytes(quantity: string): number {
  const [, figure, unit] = /^(\d+)(Ki|Mi|Gi)$/.exec(quantity) ?? []
  const factor = units[unit ?? '']
  if (factor === undefined) throw new Error(`${quantity} is no quantity in Ki, Mi or Gi`)
  return Number(figure) * factor
}
