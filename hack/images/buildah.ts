import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { run, succeeds } from './command.ts'
import { requestArguments, type BuildRequest, type Engine } from './engine.ts'
import { imagesDirectory } from './manifest.ts'

/** How buildah keeps layers: overlay is quick, vfs (whole copies) works where mounting is not allowed. */
type StorageDriver = 'overlay' | 'vfs'

/** Where buildah keeps images, and how. */
export interface BuildahStorage {
  readonly driver: StorageDriver
  /** Absolute path of the directory for images and layers. */
  readonly root: string
  /** Absolute path of the directory for mounts; must be empty after a reboot. */
  readonly runRoot: string
}

/** The arguments in front of every buildah command: a store of our own, apart from the machine's. */
function storageArguments(storage: BuildahStorage): readonly string[] {
  return ['--root', storage.root, '--runroot', storage.runRoot, '--storage-driver', storage.driver]
}

/**
 * The arguments of `buildah` that build an image and write its id to a file.
 *
 * Chroot isolation needs no namespaces, so it works inside containers; layers are kept, so the packages of a
 * Dockerfile are installed once.
 */
export function buildahBuildArguments(
  storage: BuildahStorage,
  request: BuildRequest,
  idFile: string,
): readonly string[] {
  return [
    ...storageArguments(storage),
    'build',
    '--isolation',
    'chroot',
    '--layers',
    '--format',
    'docker',
    ...requestArguments(request, idFile),
  ]
}

/** The arguments of `buildah` that write an image to a docker-archive under its own name. */
export function buildahSaveArguments(
  storage: BuildahStorage,
  reference: string,
  archive: string,
): readonly string[] {
  return [
    ...storageArguments(storage),
    'push',
    '--quiet',
    reference,
    `docker-archive:${archive}:${reference}`,
  ]
}

/** Images through buildah, as root on Linux, without a daemon and without a registry. */
export function buildahEngine(): Engine {
  let opened: Promise<BuildahStorage> | undefined
  const open = (): Promise<BuildahStorage> => (opened ??= openStorage())
  return {
    name: 'buildah',
    local: {
      async has(reference, signal) {
        const args = [...storageArguments(await open()), 'inspect', '--type', 'image', reference]
        return succeeds('buildah', args, options(signal))
      },
      importRootfs: async (tar, reference, signal) =>
        importRootfs(await open(), tar, reference, signal),
    },
    async build(request, signal) {
      const idFile = join(request.context, '..', `id-${process.pid}`)
      const args = buildahBuildArguments(await open(), request, idFile)
      await run(`building ${request.reference}`, 'buildah', args, options(signal))
      const id = (await readFile(idFile, 'utf8')).trim()
      await rm(idFile, { force: true })
      return id
    },
    async save(reference, archive, signal) {
      const args = buildahSaveArguments(await open(), reference, archive)
      await run(`saving ${reference}`, 'buildah', args, options(signal))
    },
    async forget(reference, signal) {
      const args = [...storageArguments(await open()), 'rmi', reference]
      await succeeds('buildah', args, options(signal))
    },
  }
}

async function importRootfs(
  storage: BuildahStorage,
  tar: string,
  reference: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const step = (args: readonly string[], stop?: AbortSignal): Promise<string> =>
    run(`making ${reference}`, 'buildah', [...storageArguments(storage), ...args], options(stop))
  const container = (await step(['from', 'scratch'], signal)).trim()
  try {
    await step(['add', '--quiet', container, tar, '/'], signal)
    await step(['config', '--cmd', 'bash', '--env', `PATH=${searchPath}`, container], signal)
    await step(['commit', '--quiet', '--format', 'docker', container, reference], signal)
  } finally {
    // Without the signal: a stopped build must not leave its working container behind.
    await step(['rm', container])
  }
}

const searchPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

async function openStorage(): Promise<BuildahStorage> {
  const overlay = storageAt('overlay')
  await mkdir(overlay.root, { recursive: true })
  const works = await succeeds('buildah', [...storageArguments(overlay), 'info'])
  return works ? overlay : storageAt('vfs')
}

function storageAt(driver: StorageDriver): BuildahStorage {
  return {
    driver,
    root: join(imagesDirectory(), `storage-${driver}`),
    // Not in the cache: buildah counts mounts here and believes the counts after a reboot.
    runRoot: `/run/guildhall-buildah-${driver}`,
  }
}

function options(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal ? { signal } : {}
}
