import type { KubeConfig as LibraryConfig } from '@kubernetes/client-node'
import { KubeClient } from '../../core/kube/client.ts'
import { KubeconfigError } from '../../core/kube/errors.ts'
import { openKubeconfig } from '../../core/kube/kubeconfig.ts'
import { CliError, exitCodes } from '../failure.ts'
import { systemClock, systemRandom } from '../../core/base/clock.ts'
import { once } from 'node:events'
import { type Socket, createServer } from 'node:net'
import { type Pod, pods } from '../../core/kube/built-in-kinds.ts'

/** Which cluster and namespace a command is about: the flags that every command takes. */
export interface ConnectionFlags {
  readonly namespace?: string | undefined
  readonly kubeconfig?: string | undefined
  readonly context?: string | undefined
}

/** A cluster that can be asked. Close `client` when done. */
export interface Connection {
  readonly client: KubeClient
  readonly namespace: string
  readonly flags: ConnectionFlags
}

/** A person at a terminal waits no longer for one page of a list, in milliseconds. */
const patienceMs = 15_000

/** Guildhall's home when neither a flag nor the context names another namespace. */
const defaultNamespace = 'guildhall'

/**
 * Opens the cluster of the flags, `$KUBECONFIG` or `~/.kube/config`; inside a Pod the Pod's own. The
 * signal ends the wait for a plug-in that makes the credentials.
 * Errors: `CliError` when there is none.
 */
export async function connect(
  flags: ConnectionFlags,
  env: Readonly<Record<string, string | undefined>> = process.env,
  signal?: AbortSignal,
): Promise<Connection> {
  try {
    const client = await KubeClient.connect({
      env,
      clock: systemClock,
      random: systemRandom,
      userAgent: 'guild (cli)',
      kubeconfig: flags.kubeconfig,
      context: flags.context,
      signal,
      listMs: patienceMs,
    })
    // Contexts rarely name a namespace, and requests are not kept in `default`.
    const own = client.namespace === 'default' ? defaultNamespace : client.namespace
    return { client, namespace: flags.namespace ?? own, flags }
  } catch (cause) {
    throw new CliError(`no cluster to talk to: ${cause instanceof Error ? cause.message : ''}`, {
      next:
        cause instanceof KubeconfigError
          ? cause.next
          : 'npm run -s cluster -- up && export KUBECONFIG=$(npm run -s cluster -- kubeconfig)',
      exitCode: exitCodes.usage,
      cause,
    })
  }
}

/**
 * Tells clusters and namespaces apart: two clusters may hold different repositories of one name.
 */
export async function originOf({ flags, namespace }: Connection): Promise<string> {
  const config = await libraryConfig(flags)
  return `${config.getCurrentCluster()?.server ?? ''} ${namespace}`
}

/**
 * The same cluster for the library that makes port-forwards and reads Pod logs, which takes a
 * second to load.
 */
async function libraryConfig(flags: ConnectionFlags): Promise<LibraryConfig> {
  const { kubeconfig: path, context } = flags
  const { env } = process
  if (path !== undefined || env['KUBECONFIG'] || env['KUBERNETES_SERVICE_HOST'] === undefined)
    return openKubeconfig({ env, path, context })
  const { KubeConfig } = await import('@kubernetes/client-node')
  const config = new KubeConfig()
  config.loadFromCluster()
  return config
}

/** A port of a Pod, reachable on this machine while `work` runs. */
interface PortForwardTarget {
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
 * Guarantees: listens on the loopback interface only, and is closed with every connection when
 * `work` is over.
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
  let refused: unknown
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
      // The far end is done: the bytes that are still buffered have to reach the reader first.
      link?.addEventListener('close', () => socket.end())
      close.run = () => link?.close()
      if (socket.destroyed) close.run()
      else socket.resume()
    }
    opening().catch((error: unknown) => {
      refused ??= error
      socket.destroy()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  try {
    return await work(`http://127.0.0.1:${port}`)
  } catch (cause) {
    target.signal.throwIfAborted()
    if (refused === undefined) throw cause
    // The work only saw a connection that ends; the API server said why.
    const said = wordsOf(refused)
    throw new CliError(`the API server opens no way to the ${target.what}: ${said}`, {
      next: `kubectl auth can-i create pods --subresource=portforward -n ${target.namespace}`,
      cause,
    })
  } finally {
    server.close()
    for (const socket of open) socket.destroy()
  }
}

/** What the library rejects with: an error, or the event of a socket that holds one. */
function wordsOf(refused: unknown): string {
  const { message } = (refused ?? {}) as { readonly message?: unknown }
  return typeof message === 'string' && message !== '' ? message : 'it gave no reason'
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
