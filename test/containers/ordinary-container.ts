import { execa } from 'execa'
import { randomUUID } from 'node:crypto'
import { GenericContainer } from 'testcontainers'
import { ownLabels } from './leftovers.ts'

/** How a container is held, in the words of the engine. */
interface Hold {
  /** `uid:gid`. */
  readonly user: string
  /** Groups beside the primary one. */
  readonly groups?: readonly string[]
  /** Bytes. */
  readonly memory?: number | undefined
}

/**
 * A container that is held as a Pod under Pod Security `restricted` is: a user that is not root, a read-only root file
 * system, no capabilities, no way to gain privileges, the engine's seccomp profile. Published ports are on loopback only.
 */
export class OrdinaryContainer extends GenericContainer {
  constructor(image: string, { user, groups = [], memory }: Hold) {
    super(image)
    this.withUser(user)
      .withLabels(ownLabels)
      .withDroppedCapabilities('ALL')
      .withSecurityOpt('no-new-privileges')
      .withExtraHosts([{ host: hostName, ipAddress: 'host-gateway' }])
    this.hostConfig = {
      ...this.hostConfig,
      ReadonlyRootfs: true,
      GroupAdd: [...groups],
      ...(memory === undefined ? {} : { Memory: memory }),
    }
  }

  protected override async beforeContainerCreated(): Promise<void> {
    const ports = Object.entries(
      (this.hostConfig.PortBindings as Record<string, object[]> | undefined) ?? {},
    )
    this.hostConfig.PortBindings = Object.fromEntries(
      ports.map(([port, bindings]) => [
        port,
        bindings.map((binding) => ({ ...binding, HostIp: '127.0.0.1' })),
      ]),
    )
  }
}

/** The machine that runs the tests, as containers see it. */
export const hostName = 'host.docker.internal'

/** A volume that containers share; removed with its content. */
export interface SharedVolume extends AsyncDisposable {
  readonly name: string
}

/**
 * Makes an empty volume as a kubelet makes an emptyDir for a Pod with an fsGroup: root's, writable by the group, which
 * new files inherit. Kept in memory, so nothing of it outlives its containers. `size` in bytes.
 */
export async function sharedVolume(options: {
  readonly group: number
  readonly size: number
}): Promise<SharedVolume> {
  const name = `guildhall-lane-${randomUUID()}`
  const mount = `size=${options.size},mode=2777,gid=${options.group}`
  const driver = ['--driver', 'local', '--opt', 'type=tmpfs', '--opt', 'device=tmpfs']
  const labels = Object.entries(ownLabels).flatMap(([key, value]) => ['--label', `${key}=${value}`])
  await execa('docker', ['volume', 'create', ...driver, '--opt', `o=${mount}`, ...labels, name])
  return {
    name,
    async [Symbol.asyncDispose]() {
      await execa('docker', ['volume', 'rm', '--force', name], { reject: false })
    },
  }
}
