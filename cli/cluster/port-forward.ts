import { once } from 'node:events'
import { type Socket, createServer } from 'node:net'
import type { KubeClient } from '../../core/kube/client.ts'
import { type Pod, pods } from '../../core/kube/core.ts'
import { CliError } from '../failure.ts'
import { type ConnectionFlags, libraryConfig } from './connection.ts'

/** A port of a Pod, reachable on this machine while `work` runs. */
export interface PortForwardTarget {
  readonly client: Pick<KubeClient, 'list'>
  readonly flags: ConnectionFlags
  readonly namespace: string
  /** Label selector; the first ready Pod is taken. */
  readonly selector: string
  /** For error messages, e.g. `forge`. */
  readonly what: string
  readonly port: number
  readonly signal: AbortSignal
}

/**
 * Runs `work` with a base URL on 127.0.0.1 that leads to a port of a Pod, through the API server.
 * Guarantees: listens on the loopback interface only, and is closed with every connection when `work` is over.
 * Errors: `CliError` when no such Pod is ready.
 */
export async function withPortForward<T>(
  target: PortForwardTarget,
  work: (url: string) => Promise<T>,
): Promise<T> {
  const pod = await readyPod(target)
  const { PortForward } = await import('@kubernetes/client-node')
  const config = await libraryConfig(target.flags)
  const forward = new PortForward(config)
  const open = new Set<Socket>()
  const server = createServer((socket) => {
    open.add(socket)
    socket.on('error', () => socket.destroy())
    socket.pause()
    const close = { run: () => undefined as void }
    socket.once('close', () => {
      open.delete(socket)
      close.run()
    })
    const opening = async () => {
      const { namespace, port } = target
      const { name } = pod.metadata
      const found = await forward.portForward(namespace, name, [port], socket, null, socket)
      const link = typeof found === 'function' ? found() : found
      // The far end is done: let what is still buffered reach the reader, then end.
      link?.addEventListener('close', () => socket.end())
      close.run = () => link?.close()
      if (socket.destroyed) close.run()
      else socket.resume()
    }
    opening().catch(() => socket.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  try {
    return await work(`http://127.0.0.1:${port}`)
  } finally {
    server.close()
    for (const socket of open) socket.destroy()
  }
}

async function readyPod(target: PortForwardTarget): Promise<Pod> {
  const { client, namespace, selector, signal, what } = target
  const { items } = await client.list(pods, { namespace, labelSelector: selector, signal })
  const ready = items.find(
    (pod) =>
      pod.metadata.deletionTimestamp === undefined &&
      pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'),
  )
  if (ready !== undefined) return ready
  throw new CliError(
    items.length === 0
      ? `there is no ${what} in the namespace ${namespace}`
      : `the ${what} in the namespace ${namespace} is not ready`,
    { next: `kubectl get pods -n ${namespace} -l ${selector}` },
  )
}
