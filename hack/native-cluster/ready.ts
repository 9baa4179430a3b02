import { request } from 'node:https'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { DaemonError, inspectDaemon } from './daemon.ts'
import type { KeyPair } from './certificates.ts'

/**
 * Waits until `probe` says true, asking every 100 ms.
 *
 * Throws a {@link DaemonError} when the daemon ends meanwhile or `seconds` are over.
 */
export async function untilReady(
  directory: string,
  daemon: string,
  probe: () => Promise<boolean>,
  options: { readonly seconds: number; readonly signal?: AbortSignal },
): Promise<void> {
  const deadline = Date.now() + options.seconds * 1_000
  while (!(await probe())) {
    const { state } = await inspectDaemon(directory, daemon)
    if (state !== 'running') throw new DaemonError(directory, daemon, 'ended while it was starting')
    if (Date.now() > deadline)
      throw new DaemonError(directory, daemon, `was not ready after ${options.seconds} s`)
    await sleep(100, undefined, { ...(options.signal && { signal: options.signal }) })
  }
}

/** The body of an answer with code 200 to a GET with a client certificate; undefined for anything else. */
export async function getBody(
  url: string,
  authority: string,
  credentials: KeyPair,
): Promise<string | undefined> {
  const [ca, cert, key] = await Promise.all(
    [authority, credentials.certificate, credentials.key].map((path) => readFile(path)),
  )
  return new Promise((resolve) => {
    const call = request(url, { ca, cert, key, agent: false, timeout: 2_000 }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (body += chunk))
      response.on('end', () => resolve(response.statusCode === 200 ? body : undefined))
    })
    call.on('timeout', () => call.destroy())
    call.on('error', () => resolve(undefined))
    call.end()
  })
}
