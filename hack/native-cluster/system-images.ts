import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { z } from 'zod'
import { cacheDirectory } from '../cluster/paths.ts'
import { binaryPath } from './binaries.ts'
import { writeImageArchive } from './image-archive.ts'
import { kubernetesModule } from './parts.ts'
import { ensurePackages } from './packages.ts'
import type { Log } from '../cluster/log.ts'

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
