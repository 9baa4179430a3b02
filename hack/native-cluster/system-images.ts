import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, copyFile, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { arch, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { execa } from 'execa'
import { z } from 'zod'
import { type Log } from '../cluster/log.ts'
import { cacheDirectory } from '../cluster/paths.ts'
import { binaryPath } from './binaries.ts'
import { ensurePackages } from './packages.ts'
import { kubernetesModule } from './parts.ts'

/** The image that holds a Pod's namespaces. */
export const pauseImage = 'localhost/guildhall/pause:1.36.3'

/** The image of the cluster's DNS. */
export const dnsImage = 'localhost/guildhall/coredns:1.14.2'

/** Makes the archives of the images that the cluster itself needs, unless they are in the cache, and returns their paths. */
export async function ensureSystemImages(options: {
  readonly log: Log
  readonly signal?: AbortSignal
}): Promise<readonly string[]> {
  const directory = join(cacheDirectory(), 'system-images')
  const pause = join(directory, 'pause-1.36.3.tar')
  const dns = join(directory, 'coredns-1.14.2.tar')
  if (!existsSync(pause)) await buildPause(pause, options)
  if (!existsSync(dns)) {
    const files = { '/coredns': binaryPath('coredns') }
    await writeImageArchive(
      { name: dnsImage, files, entrypoint: ['/coredns'], user: '65532:65532' },
      dns,
    )
  }
  return [pause, dns]
}

const downloadShape = z.object({ Dir: z.string() })

async function buildPause(
  target: string,
  options: { readonly log: Log; readonly signal?: AbortSignal },
): Promise<void> {
  await ensurePackages(['gcc', 'libc6-dev'], options)
  const cancel = options.signal ? { cancelSignal: options.signal } : {}
  const module = await execa('go', ['mod', 'download', '-json', kubernetesModule], cancel)
  const source = join(
    downloadShape.parse(JSON.parse(module.stdout)).Dir,
    'build/pause/linux/pause.c',
  )
  const scratch = await mkdtemp(join(tmpdir(), 'guildhall-pause-'))
  try {
    const program = join(scratch, 'pause')
    await execa('gcc', ['-Os', '-Wall', '-static', '-s', '-DVERSION=1.36.3', '-o', program, source])
    const files = { '/pause': program }
    await writeImageArchive(
      { name: pauseImage, files, entrypoint: ['/pause'], user: '65535:65535' },
      target,
    )
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** An image of one layer: nothing but these files. */
interface TinyImage {
  /** The name with its tag. */
  readonly name: string
  /** Absolute path in the image to the path of the file here. All become executable, owned by root. */
  readonly files: Readonly<Record<string, string>>
  readonly entrypoint: readonly string[]
  /** `uid:gid` */
  readonly user?: string
}

/**
 * Writes an image as the archive that `docker load` and `ctr images import` read.
 *
 * The same files give the same digests. Needs GNU tar.
 */
export async function writeImageArchive(image: TinyImage, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const scratch = await mkdtemp(`${path}.part-`)
  try {
    for (const [target, source] of Object.entries(image.files)) {
      const file = join(scratch, 'root', target)
      await mkdir(dirname(file), { recursive: true })
      await copyFile(source, file)
      await chmod(file, 0o755)
    }
    await pack(join(scratch, 'root'), ['.'], join(scratch, 'layer.tar'))
    const layer = sha256(await readFile(join(scratch, 'layer.tar')))
    const config = JSON.stringify(imageConfiguration(image, layer))
    const configName = `${sha256(config)}.json`
    await writeFile(join(scratch, configName), config)
    await writeFile(
      join(scratch, 'manifest.json'),
      JSON.stringify([{ Config: configName, RepoTags: [image.name], Layers: ['layer.tar'] }]),
    )
    await pack(scratch, ['manifest.json', configName, 'layer.tar'], join(scratch, 'image.tar'))
    await rename(join(scratch, 'image.tar'), path)
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

function imageConfiguration(image: TinyImage, layer: string): object {
  return {
    architecture: arch() === 'x64' ? 'amd64' : arch(),
    os: 'linux',
    created: '1970-01-01T00:00:00Z',
    config: {
      Entrypoint: image.entrypoint,
      WorkingDir: '/',
      ...(image.user && { User: image.user }),
    },
    rootfs: { type: 'layers', diff_ids: [`sha256:${layer}`] },
    history: [{ created: '1970-01-01T00:00:00Z', created_by: 'guildhall' }],
  }
}

async function pack(directory: string, names: readonly string[], target: string): Promise<void> {
  const same = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner']
  await execa('tar', ['-cf', target, ...same, '-C', directory, ...names])
}

function sha256(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex')
}
