import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { withLock } from '../cluster/lock.ts'
import { type Log, timed } from '../cluster/log.ts'
import { ensurePackages } from '../native-cluster/packages.ts'
import { ensureLocalBase, localBaseReference } from './base-image.ts'
import { type ImageRecipe, recipes } from './catalogue.ts'
import { contentHash } from './content-hash.ts'
import type { Engine, EngineName } from './engine.ts'
import { type ImageName, imageReference } from './image-names.ts'
import { imagesDirectory, type ManifestEntry, readManifest, recordImage } from './manifest.ts'
import { openEngine } from './open-engine.ts'
import { projectVersion, repository } from './repository.ts'

/** An image that is ready to be loaded into a cluster. */
export interface BuiltImage {
  readonly name: ImageName
  /** What a Pod names; its tag holds the content hash, so `IfNotPresent` is always right. */
  readonly reference: string
  /** Absolute path of a docker-archive that holds it. */
  readonly archive: string
  /** The image's configuration digest. */
  readonly digest: string
  readonly sizeBytes: number
  /** False when the one in the cache was still right. */
  readonly built: boolean
}

/** What building is told. */
interface BuildOptions {
  /** By default the one that fits this machine. */
  readonly engine?: EngineName
  readonly log: Log
  readonly signal?: AbortSignal
}

/**
 * Makes the named images unless they are in the cache and nothing they are made from has changed.
 *
 * Safe to call from several processes at once: one builds, the others wait. An interrupted build leaves nothing that a
 * later one would take for finished. Throws an Error with a sentence for people.
 */
export async function buildImages(
  names: readonly ImageName[],
  options: BuildOptions,
): Promise<readonly BuiltImage[]> {
  const { log, signal } = options
  let engine: Engine | undefined
  const images: BuiltImage[] = []
  for (const name of names) {
    const image = await withLock(
      join(imagesDirectory(), `lock-${name}`),
      async () => {
        const held = await findBuilt(name, options.engine)
        if (held) return held
        // Finding out what can build may ask a registry, so it waits until something has to be built.
        engine ??= await openEngine(options.engine, signal)
        return buildImage(name, engine, options)
      },
      {
        ...(signal && { signal }),
        waiting: (pid) => log.line(`process ${pid} is building the image ${name}; waiting for it`),
      },
    )
    images.push(image)
  }
  return images
}

/** The reference that an image has now, built or not. Costs reading its sources, no more. */
export async function currentReference(name: ImageName, engine: EngineName): Promise<string> {
  return imageReference(name, await projectVersion(), await inputHash(name, engine))
}

async function inputHash(name: ImageName, engine: EngineName): Promise<string> {
  const recipe = recipes[name]
  return contentHash([
    ...(await recipe.inputs()),
    { name: '(dockerfile)', content: await readFile(join(repository, recipe.dockerfile)) },
    { name: '(base)', content: await baseFact(recipe, engine) },
  ])
}

async function baseFact(recipe: ImageRecipe, engine: EngineName): Promise<string> {
  return engine === 'docker'
    ? `docker ${recipe.publishedBase}`
    : localBaseReference(recipe.localBase)
}

/** The image in the cache, if it is what the sources say now and `wanted`, when given, built it. */
async function findBuilt(
  name: ImageName,
  wanted: EngineName | undefined,
): Promise<BuiltImage | undefined> {
  const entry = (await readManifest())[name]
  if (!entry || (wanted && wanted !== entry.engine) || !existsSync(entry.archive)) return undefined
  const reference = await currentReference(name, entry.engine)
  return entry.reference === reference ? builtImage(name, entry, false) : undefined
}

async function buildImage(
  name: ImageName,
  engine: Engine,
  options: BuildOptions,
): Promise<BuiltImage> {
  if (engine.name === 'buildah') await ensurePackages(['buildah'], options)
  const reference = await currentReference(name, engine.name)
  const tag = reference.slice(reference.lastIndexOf(':') + 1)
  return timed(options.log, `image ${reference}`, async () => {
    const digest = await buildInContext(name, reference, engine, options)
    const archive = join(imagesDirectory(), 'archives', `${name}-${tag}.tar`)
    await saveArchive(reference, archive, engine, options.signal)
    const entry: ManifestEntry = {
      reference,
      tag,
      digest,
      archive,
      sizeBytes: (await stat(archive)).size,
      engine: engine.name,
      builtAt: new Date().toISOString(),
    }
    const before = await recordImage(name, entry)
    await dropOlder(name, engine, [before, entry])
    return builtImage(name, entry, true)
  })
}

async function buildInContext(
  name: ImageName,
  reference: string,
  engine: Engine,
  { log, signal }: BuildOptions,
): Promise<string> {
  const recipe = recipes[name]
  const { local } = engine
  const base =
    local &&
    (await ensureLocalBase(recipe.localBase, {
      engine: { ...engine, local },
      log,
      ...(signal && { signal }),
    }))
  const scratch = join(imagesDirectory(), 'context', name)
  const context = join(scratch, 'context')
  await rm(scratch, { recursive: true, force: true })
  await mkdir(context, { recursive: true })
  try {
    await recipe.stage(context, {
      localBase: base !== undefined,
      log,
      ...(signal && { signal }),
    })
    return await engine.build(
      {
        reference,
        dockerfile: join(repository, recipe.dockerfile),
        context,
        buildArguments: base === undefined ? {} : { BASE_IMAGE: base },
      },
      signal,
    )
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

async function saveArchive(
  reference: string,
  archive: string,
  engine: Engine,
  signal: AbortSignal | undefined,
): Promise<void> {
  await mkdir(join(imagesDirectory(), 'archives'), { recursive: true })
  const part = `${archive}.part`
  await rm(part, { force: true })
  await engine.save(reference, part, signal)
  await rename(part, archive)
}

/** Removes what is left of older builds; the build before keeps its archive, as somebody may be loading it. */
async function dropOlder(
  name: ImageName,
  engine: Engine,
  [before, now]: readonly [ManifestEntry | undefined, ManifestEntry],
): Promise<void> {
  const directory = join(imagesDirectory(), 'archives')
  const keep = [before?.archive, now.archive]
  for (const file of await readdir(directory)) {
    const path = join(directory, file)
    if (file.startsWith(`${name}-`) && !keep.includes(path)) await rm(path, { force: true })
  }
  if (before && before.reference !== now.reference && before.engine === engine.name) {
    await engine.forget(before.reference)
  }
}

function builtImage(name: ImageName, entry: ManifestEntry, built: boolean): BuiltImage {
  const { reference, archive, digest, sizeBytes } = entry
  return { name, reference, archive, digest, sizeBytes, built }
}
