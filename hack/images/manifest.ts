import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { withLock } from '../cluster/lock.ts'
import { cacheDirectory } from '../cluster/paths.ts'
import { type ImageName, imageNames } from './image-names.ts'

const entry = z.object({
  /** What a Pod names: repository and a tag that holds the content hash. */
  reference: z.string(),
  tag: z.string(),
  /** The image's configuration digest (its id in an engine), `sha256:` and 64 hex digits. */
  digest: z.string(),
  /** Absolute path of a docker-archive with this one image. */
  archive: z.string(),
  sizeBytes: z.number().int(),
  engine: z.enum(['docker', 'buildah']),
  builtAt: z.iso.datetime(),
})

/** What is known about one built image. */
export type ManifestEntry = z.infer<typeof entry>

const manifest = z.partialRecord(z.enum(imageNames), entry)

/** The images that lie in the cache, by name. */
type Manifest = z.infer<typeof manifest>

/** Where built images and their manifest lie. */
export function imagesDirectory(): string {
  return join(cacheDirectory(), 'images')
}

/** Reads `images.json`. One that is missing or damaged is empty: everything is then built again. */
export async function readManifest(): Promise<Manifest> {
  const text = await readFile(join(imagesDirectory(), 'images.json'), 'utf8').catch(() => '{}')
  try {
    return manifest.parse(JSON.parse(text))
  } catch {
    return {}
  }
}

/** Writes one image into `images.json` in one step; returns what stood there for it before. */
export async function recordImage(
  name: ImageName,
  value: ManifestEntry,
): Promise<ManifestEntry | undefined> {
  const path = join(imagesDirectory(), 'images.json')
  // Several images may be built at once, each by a process of its own.
  return withLock(`${path}.lock`, async () => {
    const before = await readManifest()
    await writeFile(`${path}.part`, `${JSON.stringify({ ...before, [name]: value }, null, 2)}\n`)
    await rename(`${path}.part`, path)
    return before[name]
  })
}
