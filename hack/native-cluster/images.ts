import { createHash } from 'node:crypto'
import { execa } from 'execa'
import { z } from 'zod'
import { duration, type Log } from '../cluster/log.ts'
import { binaryPath } from './binaries.ts'
import type { StatePaths } from './settings.ts'

/** An image in an archive: its name as containerd writes it and the digest of its configuration. */
interface ArchivedImage {
  readonly name: string
  readonly configDigest: string
}

const dockerManifest = z.array(
  z.object({ Config: z.string(), RepoTags: z.array(z.string()).nullable() }),
)

/**
 * Imports image archives (`docker save` format) into containerd; one whose images are all there already is skipped.
 *
 * An archive without names cannot be referred to by a Pod and is refused.
 */
export async function importImages(
  paths: StatePaths,
  archives: readonly string[],
  { log, signal }: { readonly log: Log; readonly signal?: AbortSignal },
): Promise<void> {
  const present = await presentImages(paths)
  for (const archive of archives) {
    const images = await readArchive(archive)
    const names = images.map(({ name }) => name).join(', ')
    if (images.every((image) => present.get(image.name) === image.configDigest)) {
      log.line(`${names}: already there`)
      continue
    }
    const started = Date.now()
    await execa(binaryPath('ctr'), [...namespace(paths), 'images', 'import', archive], {
      ...(signal && { cancelSignal: signal }),
    })
    log.line(`${names}: loaded in ${duration(Date.now() - started)}`)
  }
}

/** The arguments of `ctr` that lead to the images and containers of Kubernetes. */
export function namespace(paths: StatePaths): readonly string[] {
  return ['--address', paths.containerdSocket, '--namespace', 'k8s.io']
}

/** What an archive in `docker save` format holds. */
export async function readArchive(path: string): Promise<readonly ArchivedImage[]> {
  const listing = await execa('tar', ['-xOf', path, 'manifest.json'], { reject: false })
  if (listing.failed) {
    throw new Error(
      `${path} is not an image archive (${listing.stderr.split('\n')[0]}); write one with: docker save --output ${path} IMAGE`,
    )
  }
  const manifest = dockerManifest.parse(JSON.parse(listing.stdout))
  const images: ArchivedImage[] = []
  for (const { Config, RepoTags } of manifest) {
    if (!RepoTags || RepoTags.length === 0) {
      throw new Error(
        `${path} holds an image without a name; write it with one: docker save --output ${path} NAME:TAG`,
      )
    }
    const config = await execa('tar', ['-xOf', path, Config], {
      encoding: 'buffer',
      stripFinalNewline: false,
    })
    const configDigest = `sha256:${createHash('sha256').update(config.stdout).digest('hex')}`
    for (const name of RepoTags) images.push({ name: qualifiedName(name), configDigest })
  }
  return images
}

/** An image's name in full: `guildhall/operator:dev` is `docker.io/guildhall/operator:dev`. */
export function qualifiedName(name: string): string {
  const [first = '', ...rest] = name.split('/')
  if (rest.length === 0) return `docker.io/library/${name}`
  const isHost = first === 'localhost' || first.includes('.') || first.includes(':')
  return isHost ? name : `docker.io/${name}`
}

/**
 * Reads `ctr images list`: which name has which configuration.
 *
 * The Kubernetes side of containerd keeps, beside each name, a record named by the configuration's digest that points
 * to the same manifest.
 */
export function parseImageList(table: string): ReadonlyMap<string, string> {
  const rows = table
    .split('\n')
    .slice(1)
    .map((line) => line.split(/\s+/))
    .flatMap(([name, , target]) => (name && target ? [{ name, target }] : []))
  const configs = new Map(
    rows
      .filter(({ name }) => name.startsWith('sha256:'))
      .map(({ name, target }) => [target, name] as const),
  )
  return new Map(
    rows
      .filter(({ name }) => !name.startsWith('sha256:'))
      .map(({ name, target }) => [name, configs.get(target) ?? '']),
  )
}

async function presentImages(paths: StatePaths): Promise<ReadonlyMap<string, string>> {
  const list = await execa(binaryPath('ctr'), [...namespace(paths), 'images', 'list'])
  return parseImageList(list.stdout)
}
