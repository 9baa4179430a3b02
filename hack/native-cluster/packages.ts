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
