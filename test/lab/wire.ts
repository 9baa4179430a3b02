import { connect, createServer, type Socket } from 'node:net'
import { labels } from '../../core/api/names.ts'
import { type Api, follow } from './api.ts'
import { labelled, paths } from './paths.ts'

/** A TCP wire on loopback that a test can cut. What runs through it is not looked at. */
export interface Wire {
  readonly port: number
  /** Resets every connection and refuses new ones until `plug`. */
  pull(): void
  plug(): void
  /** Keeps connections open and lets nothing through, as a dead peer does, until `plug`. */
  freeze(): void
  /** Resets every connection; new ones go to where `target` says then. */
  cut(): void
  close(): Promise<void>
}

/** Lays a wire. `target` is asked for each connection; undefined refuses it. */
export async function layWire(target: () => number | undefined): Promise<Wire> {
  const sockets = new Set<Socket>()
  let state: 'plugged' | 'pulled' | 'frozen' = 'plugged'
  const server = createServer((near) => {
    const port = target()
    if (state === 'pulled' || port === undefined) {
      near.resetAndDestroy()
      return
    }
    const far = connect(port, '127.0.0.1')
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from)
      from.setNoDelay(true)
      from.on('error', () => to.destroy())
      from.on('close', () => {
        sockets.delete(from)
        to.destroy()
      })
      from.on('data', (bytes) => {
        if (state === 'frozen') return
        if (to.write(bytes)) return
        from.pause()
        to.once('drain', () => from.resume())
      })
    }
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const address = server.address()
  const cut = (): void => {
    for (const socket of sockets) socket.resetAndDestroy()
  }
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    pull() {
      state = 'pulled'
      cut()
    },
    plug() {
      // Swallowed bytes cannot be brought back: the peers must connect again.
      if (state === 'frozen') cut()
      state = 'plugged'
    },
    freeze() {
      state = 'frozen'
    },
    cut,
    close: async () => {
      cut()
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
      })
    },
  }
}

/** Follows the Pod that carries the leader's label, as the hub's Service does. */
export async function followLeader(
  api: Api,
  hubPortOf: (podName: string) => number | undefined,
): Promise<{ readonly port: () => number | undefined; stop(): void }> {
  const leading = new Set<string>()
  const life = new AbortController()
  const path = labelled(paths.pods, labels.component, 'operator')
  await follow(
    api,
    path,
    ({ type, object: { metadata } }) => {
      leading.delete(metadata.name)
      if (type !== 'DELETED' && metadata.labels?.[labels.leader] === 'true')
        leading.add(metadata.name)
    },
    { signal: life.signal },
  )
  return {
    // With two of them, a Service would choose either; the newest is as good.
    port: () => hubPortOf([...leading].at(-1) ?? ''),
    stop: () => life.abort(),
  }
}
