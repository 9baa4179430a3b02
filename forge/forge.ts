import type { Clock, Logger, Random } from '../core/base/ports.ts'
import type { KubeClient } from '../core/kube/client.ts'
import { createDiskGuard, type DiskGuard } from './disk.ts'
import { createGit, type Git } from './git.ts'
import { Identities, type Accounts } from './identity.ts'
import { Integrator } from './integrate.ts'
import { writeHooks } from './push-guard.ts'
import { directoriesUnder, recover } from './recovery.ts'
import { Repositories } from './repositories.ts'
import { RepositoryLock } from './repository-lock.ts'
import { SourceDoor, type Resolve, type SourceHosts } from './source-hosts.ts'
import type { TaskReader } from './task-reader.ts'

/** What the forge is made of; everything that waits, asks or measures is given. */
export interface ForgeOptions {
  /** The data directory. */
  readonly data: string
  /** Directory with one directory per template. */
  readonly templates: string
  readonly accounts: Accounts
  /** Asks the API server about tokens. */
  readonly client: Pick<KubeClient, 'create'>
  readonly tasks: TaskReader
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  /** Largest push in bytes. */
  readonly maxPushBytes: number
  /** Bytes of the volume that always stay free. */
  readonly reserveBytes: number
  /** Hosts that a mirror source may be on besides public ones. */
  readonly sources: SourceHosts
  readonly resolve: Resolve
  /** Environment that git may inherit from (only `passedVariables`). */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** The end of everything, running work included. */
  readonly signal: AbortSignal
}

/** The parts that answer requests. */
export interface Forge {
  readonly root: string
  readonly hooks: string
  readonly git: Git
  readonly disk: DiskGuard
  readonly identities: Identities
  readonly tasks: TaskReader
  readonly repositories: Repositories
  readonly integrator: Integrator
  readonly clock: Clock
  readonly log: Logger
  readonly maxPushBytes: number
  readonly signal: AbortSignal
}

const proxyVariables = ['http_proxy', 'https_proxy', 'HTTPS_PROXY'] as const

/**
 * Prepares the volume, clears away what a crash left, and puts the parts together.
 * Errors: a sentence that names an allowed host that cannot be read.
 */
export async function createForge(options: ForgeOptions): Promise<Forge> {
  const { data, clock, random, log, tasks, maxPushBytes, signal, templates, environment } = options
  const byProxy = proxyVariables.some((name) => (environment[name] ?? '') !== '')
  const door = new SourceDoor(options.sources, { resolve: options.resolve, byProxy })
  const { root, staging, home } = directoriesUnder(data)
  const removed = await recover({ root, staging, home })
  if (removed.length > 0) log.warn({ removed }, 'cleared away what an earlier run left')
  const git = createGit({ home, environment })
  const disk = createDiskGuard({ directory: data, reserveBytes: options.reserveBytes })
  const lock = new RepositoryLock()
  return {
    root,
    hooks: await writeHooks(data),
    git,
    disk,
    identities: new Identities(options),
    tasks,
    repositories: new Repositories({
      git,
      disk,
      lock,
      door,
      clock,
      random,
      root,
      staging,
      templates,
    }),
    integrator: new Integrator({ git, disk, lock, clock, log }),
    clock,
    log,
    maxPushBytes,
    signal,
  }
}
