import { lookup } from 'node:dns/promises'
import type { Resolve } from './source-hosts.ts'

/** Asks as every program of this machine does (`/etc/hosts`, search domains), because git would do the same. */
export const systemResolve: Resolve = async (host, { signal }) => {
  signal.throwIfAborted()
  const gone = Promise.withResolvers<never>()
  const giveUp = () => gone.reject(signal.reason)
  signal.addEventListener('abort', giveUp, { once: true })
  try {
    // The look-up itself cannot be stopped; it ends by the time-outs of the system.
    const found = await Promise.race([lookup(host, { all: true }), gone.promise])
    return found.map(({ address }) => address)
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof Error && 'syscall' in error && error.syscall === 'getaddrinfo') return []
    throw error
  } finally {
    signal.removeEventListener('abort', giveUp)
  }
}
