import { connect, createServer, type Socket } from 'node:net'
import type { KubeConfig } from '../../core/kube/config.ts'

/**
 * A wire between client and server that a test can cut: TCP, so TLS passes through it untouched.
 */
export interface Cable {
  readonly config: KubeConfig
  /** Resets every connection, and refuses new ones until `plug`. */
  pull(): void
  plug(): void
  /** Keeps connections open and lets nothing through, as a dead peer does, until `plug`. */
  freeze(): void
  /** The same for the present connections, until they end; later ones work. */
  freezeOpen(): void
  /**
   * Resets the connection that carries the next so many bytes from the server, in the middle of
   * whatever it says.
   */
  cutAfter(bytes: number): Promise<void>
  close(): Promise<void>
}

export async function layCable(config: KubeConfig): Promise<Cable> {
  const target = new URL(config.server)
  const sockets = new Set<Socket>()
  const frozen = new WeakSet<Socket>()
  let cutting: { left: number; readonly done: () => void } | undefined
  let state: 'plugged' | 'pulled' | 'frozen' = 'plugged'
  const server = createServer((near) => {
    if (state === 'pulled') {
      near.resetAndDestroy()
      return
    }
    const far = connect(Number(target.port || 443), target.hostname.replace(/^\[|\]$/g, ''))
    const pairs: readonly (readonly [Socket, Socket])[] = [
      [near, far],
      [far, near],
    ]
    for (const [from, to] of pairs) {
      sockets.add(from)
      from.on('error', () => to.destroy())
      from.on('close', () => {
        sockets.delete(from)
        to.destroy()
      })
      from.on('data', (bytes: Buffer) => {
        if (state === 'frozen' || frozen.has(from)) return
        if (cutting === undefined || from === near || bytes.length < cutting.left) {
          if (cutting !== undefined && from === far) cutting.left -= bytes.length
          to.write(bytes)
          return
        }
        // The last bytes arrive, and then the line is dead.
        const { left, done } = cutting
        cutting = undefined
        to.write(bytes.subarray(0, left), () => {
          near.resetAndDestroy()
          far.resetAndDestroy()
          done()
        })
      })
    }
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const cut = () => {
    for (const socket of sockets) socket.resetAndDestroy()
  }
  // The certificate names the server, not the cable.
  const credentials = async () => {
    const { headers, tls } = await config.credentials()
    return { headers, tls: tlsThrough(tls, target.hostname) }
  }
  return {
    config: { ...config, server: `${target.protocol}//127.0.0.1:${port}`, credentials },
    pull: () => {
      state = 'pulled'
      cut()
    },
    plug: () => {
      if (state === 'frozen') cut()
      state = 'plugged'
    },
    freeze: () => {
      state = 'frozen'
    },
    freezeOpen: () => {
      for (const socket of sockets) frozen.add(socket)
    },
    cutAfter: async (bytes) =>
      new Promise<void>((done) => {
        cutting = { left: bytes, done }
      }),
    close: async () => {
      cut()
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
      })
    },
  }
}

const throughCable = new WeakMap<object, object>()

function tlsThrough<T extends object>(tls: T, host: string): T {
  const known = throughCable.get(tls)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the map holds what this
  // function made
  if (known !== undefined) return known as T
  const servername = /^[\d.[\]:]+$/.test(host) ? 'localhost' : host
  const next = { servername, ...tls }
  throughCable.set(tls, next)
  return next
}
