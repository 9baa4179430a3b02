// Kind: a request goes by the way that the kubeconfig names, and what fails before it is sent is not
// the server's fault.
import { once } from 'node:events'
import { type Server, createServer } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import { systemClock, systemRandom } from '../base/clock.ts'
import { configMaps } from './built-in-kinds.ts'
import { KubeClient } from './client.ts'
import type { KubeConfig } from './config.ts'
import { KubeconfigError } from './errors.ts'

const open: Server[] = []
afterEach(() => {
  for (const server of open.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

/** A proxy that answers plain requests itself and refuses tunnels. */
async function proxy(): Promise<{ readonly port: number; readonly seen: string[] }> {
  const seen: string[] = []
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers['proxy-authorization'] ?? ''}`)
    response.setHeader('content-type', 'application/json')
    response.end('{"kind":"ConfigMap","metadata":{"name":"a"}}')
  })
  server.on('connect', (request, socket) => {
    seen.push(`CONNECT ${request.url} ${request.headers['proxy-authorization'] ?? ''}`)
    socket.end('HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  open.push(server)
  const address = server.address()
  return { seen, port: typeof address === 'object' ? (address?.port ?? 0) : 0 }
}

async function get(config: Partial<KubeConfig>): Promise<unknown> {
  const client = new KubeClient({
    clock: systemClock,
    random: systemRandom,
    config: {
      server: 'https://api.nowhere:6443',
      namespace: 'n',
      credentials: async () => ({ headers: {}, tls: {} }),
      refresh: () => undefined,
      ...config,
    },
  })
  try {
    return await client.get(configMaps, { namespace: 'n', name: 'a' })
  } catch (error) {
    return error
  } finally {
    await client.close()
  }
}

describe('behind a proxy', () => {
  test('an https server is reached by a tunnel alone, and a refusal names the proxy, not its password', async () => {
    const { port, seen } = await proxy()
    const error = await get({ proxy: `http://me:secret@127.0.0.1:${port}` })
    expect(new Set(seen)).toEqual(
      new Set([`CONNECT api.nowhere:6443 Basic ${Buffer.from('me:secret').toString('base64')}`]),
    )
    expect(String(error)).toContain(
      `api.nowhere:6443 cannot be reached through the proxy http://127.0.0.1:${port}: `,
    )
    expect(String(error)).not.toContain('secret')
  })

  test('an http server is asked through it', async () => {
    const { port, seen } = await proxy()
    const found = await get({ server: 'http://a.nowhere', proxy: `http://127.0.0.1:${port}` })
    expect(found).toMatchObject({ kind: 'ConfigMap' })
    expect(seen).toEqual([expect.stringMatching(/^GET http:\/\/a\.nowhere\/api\/v1\//)])
  })

  test('a proxy that is not there is named', async () => {
    const error = await get({ proxy: 'http://127.0.0.1:1' })
    expect(String(error)).toContain('cannot be reached through the proxy http://127.0.0.1:1: ')
  })
})

test.each([
  ['a fault of the kubeconfig is told once', new KubeconfigError('the plug-in p failed', 'p'), 1],
  ['files of a Pod are read again', new Error('ENOENT'), 4],
])('%s, and no server is blamed', async (_, cause, reads) => {
  let count = 0
  const error = await get({
    credentials: async () => {
      count += 1
      throw cause
    },
  })
  expect(count).toBe(reads)
  expect(error).toMatchObject({ status: 0, cause })
  expect(String(error)).toContain(cause.message)
  expect(String(error)).not.toContain('cannot be reached')
})
