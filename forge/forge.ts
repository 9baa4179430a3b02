import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock, Random } from '../core/base/clock.ts'
import type { Logger } from '../core/base/logger.ts'
import type { KubeClient } from '../core/kube/client.ts'
import { createDiskGuard, type DiskGuard } from './disk.ts'
import { createGit, type Git } from './git.ts'
import { type Accounts, Identities } from './identity.ts'
import { Integrator } from './integrate.ts'
import { writeHooks } from './push-guard.ts'
import { Repositories, RepositoryLock } from './repositories.ts'
import { type Resolve, SourceDoor, type SourceHosts } from './source-hosts.ts'
import type { TaskReader } from './access.ts'

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
export interface ForgeParts {
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
export async function createForge(options: ForgeOptions): Promise<ForgeParts> {
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

/** Directories of the forge on its volume. */
interface DataDirectories {
  /** Bare repositories `<name>.git`. */
  readonly root: string
  /** Repositories in the making. */
  readonly staging: string
  /** HOME of every git process; stays empty. */
  readonly home: string
}

/** Where things are under the data directory. */
export function directoriesUnder(data: string): DataDirectories {
  return {
    root: join(data, 'repositories'),
    staging: join(data, 'staging'),
    home: join(data, 'home'),
  }
}

/**
 * Makes the directories and clears away what a killed process left: drafts, lock files, objects of
 * unfinished pushes.
 * Caveat: only before the server takes requests. The forge is the one process on its volume (a
 * StatefulSet of one), so every lock found then belongs to nobody, and would block its branch
 * without end. Returns what was removed, relative to the repositories.
 */
export async function recover(directories: DataDirectories): Promise<readonly string[]> {
  const { root, staging, home } = directories
  await rm(staging, { recursive: true, force: true })
  await Promise.all([root, staging, home].map((path) => mkdir(path, { recursive: true })))
  const removed: string[] = []
  for (const repository of await readdir(root)) {
    for (const leftover of await leftovers(join(root, repository))) {
      await rm(join(root, repository, leftover), { recursive: true, force: true })
      removed.push(join(repository, leftover))
    }
  }
  return removed
}

async function leftovers(repository: string): Promise<readonly string[]> {
  const names = async (below: string, recursive: boolean) => {
    const found = await readdir(join(repository, below), { recursive }).catch(() => [])
    return found.map((name) => join(below, name))
  }
  const [top, refs, objects, packs] = await Promise.all([
    names('.', false),
    names('refs', true),
    names('objects', false),
    names('objects/pack', false),
  ])
  return [
    ...[...top, ...refs].filter((path) => path.endsWith('.lock') || path === 'gc.pid'),
    ...objects.filter((path) => /^objects\/(?:tmp_objdir-|incoming-|tmp_obj_)/.test(path)),
    ...packs.filter((path) => /^objects\/pack\/(?:tmp_|\.tmp-)|\.lock$/.test(path)),
  ]
}
