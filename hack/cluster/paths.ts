import { homedir } from 'node:os'
import { join } from 'node:path'

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Where things that are expensive to make and safe to delete live: binaries, images.
 *
 * `GUILDHALL_CACHE` overrides it.
 */
export function cacheDirectory(environment: Environment = process.env): string {
  return environment['GUILDHALL_CACHE'] || join(homedir(), '.cache/guildhall')
}

/**
 * Where the native cluster keeps its state.
 *
 * `GUILDHALL_STATE` overrides it. Keep it short: unix socket paths end at 107 characters.
 */
export function stateDirectory(environment: Environment = process.env): string {
  return environment['GUILDHALL_STATE'] || '/var/lib/guildhall'
}
