import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'
import type { Log } from '../cluster/log.ts'

/**
 * Installs the Debian packages among these that are not there.
 *
 * On a machine without apt it says which ones to install by hand, and fails.
 */
export async function ensurePackages(
  names: readonly string[],
  { log, signal }: { readonly log: Log; readonly signal?: AbortSignal },
): Promise<void> {
  const query = await execa('dpkg-query', ['-W', '-f=${Package} ${Status}\\n', ...names], {
    reject: false,
  })
  const installed = new Set(
    query.stdout
      .split('\n')
      .filter((line) => line.endsWith('ok installed'))
      .map((line) => line.split(' ')[0]),
  )
  const missing = names.filter((name) => !installed.has(name))
  if (missing.length === 0) return
  const command = `apt-get install --yes --no-install-recommends ${missing.join(' ')}`
  if (query.code === 'ENOENT') {
    throw new Error(
      `these packages are needed and this is not a Debian: ${missing.join(', ')}; install what corresponds to them`,
    )
  }
  log.line(`installing ${missing.join(', ')} …`)
  const options = {
    env: { DEBIAN_FRONTEND: 'noninteractive' },
    reject: false,
    ...(signal && { cancelSignal: signal }),
  }
  const first = await execa('apt-get', command.split(' ').slice(1), options)
  if (!first.failed) return
  await execa('apt-get', ['update'], options)
  const second = await execa('apt-get', command.split(' ').slice(1), options)
  if (second.failed) {
    throw new Error(
      `installing Debian packages failed; see what this says: ${command}\n${second.stderr}`,
    )
  }
}

/** The arguments of `python3` that get one package from the package index as a file, and none that it needs. */
export const pipDownload = [
  '-m',
  'pip',
  'download',
  '--quiet',
  '--disable-pip-version-check',
  '--no-deps',
] as const

/**
 * Unpacks the wheel of a package of the Python package index, e.g. `name==1.0`, into `scratch`; returns where.
 *
 * Which index is asked is pip's own setting. Throws an Error when the package cannot be had.
 */
export async function unpackedWheel(
  requirement: string,
  scratch: string,
  signal?: AbortSignal,
): Promise<string> {
  const python = async (doing: string, ...args: readonly string[]): Promise<void> => {
    const options = { cwd: scratch, reject: false, ...(signal && { cancelSignal: signal }) }
    const { failed, stderr, shortMessage } = await execa('python3', args, options)
    signal?.throwIfAborted()
    if (failed) throw new Error(`${doing} failed: ${stderr.trim() || (shortMessage ?? '')}`)
  }
  const download = [...pipDownload, '--only-binary', ':all:', '--dest', scratch, requirement]
  await python(`downloading ${requirement}`, ...download)
  const wheel = (await readdir(scratch)).find((name) => name.endsWith('.whl'))
  if (!wheel) throw new Error(`pip brought no wheel for ${requirement}; run the same command again`)
  await python(`unpacking ${requirement}`, '-m', 'zipfile', '-e', wheel, 'unpacked')
  return join(scratch, 'unpacked')
}
