import { mkdir, rename, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { findProgram } from './kubectl.ts'
import { binaryPath, ensureBinaries } from '../native-cluster/binaries.ts'
import { cacheDirectory } from './paths.ts'
import type { CallOptions, ProviderName } from './provider.ts'

/**
 * Makes the directory with `kubectl` and `helm`, for PATH, and returns it.
 *
 * For the native cluster they are the ones that were built with it, else the ones that are installed.
 */
export async function ensureBinDirectory(
  provider: ProviderName,
  options: CallOptions,
): Promise<string> {
  const names = ['kubectl', 'helm'] as const
  if (provider === 'native') await ensureBinaries(names, options)
  const directory = join(cacheDirectory(), 'bin/path')
  await mkdir(directory, { recursive: true })
  for (const name of names) {
    const link = join(directory, name)
    const target = provider === 'native' ? binaryPath(name) : findProgram(name)
    if (!target) throw new Error(`${name} is not installed; install it and run again`)
    if (target === link) continue
    // Renamed into place, so that a shell that looks for it meanwhile always finds one.
    const fresh = join(directory, `.${name}.${process.pid}`)
    await symlink(target, fresh)
    await rename(fresh, link)
  }
  return directory
}
