import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { KubeConfig as LibraryConfig } from '@kubernetes/client-node'
import { KubeconfigError } from './errors.ts'
import { kubeconfigInWords, openKubeconfig } from './kubeconfig.ts'
import type { Clock } from '../base/clock.ts'

/** The certificates of connections. Compared by identity: a new object means new connections. */
export interface TlsMaterial {
  readonly ca?: string | Buffer
  readonly cert?: string | Buffer
  readonly key?: string | Buffer
  readonly servername?: string
  /** False only where the kubeconfig says insecure-skip-tls-verify. */
  readonly rejectUnauthorized?: boolean
}

/** The credentials of one request. */
interface Credentials {
  readonly headers: Readonly<Record<string, string>>
  readonly tls: TlsMaterial
}

/** A way to reach one API server. */
export interface KubeConfig {
  /** Base URL, without a trailing slash. */
  readonly server: string
  /** Namespace of the Pod or of the context; `default` if it names none. */
  readonly namespace: string
  /** The HTTP proxy that leads to the server; without it the way is direct. */
  readonly proxy?: string | undefined
  /**
   * Called for every request, so it is cheap. Rotated tokens and certificates are used within a
   * minute. A read that nobody waits for any more is stopped, a plug-in with it.
   * Errors: `KubeconfigError` when the fault is in the kubeconfig or its plug-in.
   */
  credentials(options?: { readonly signal?: AbortSignal | undefined }): Promise<Credentials>
  /**
   * Forgets the cached credentials; called after a 401. Never throws: the next `credentials`
   * reports a file that cannot be read.
   */
  refresh(): void
}

/**
 * How long credentials are used before they are read again; client-go's figure for mounted tokens.
 */
const freshMs = 60_000

/** Where the kubelet mounts a Pod's token, CA and namespace. */
const serviceAccountDirectory = '/var/run/secrets/kubernetes.io/serviceaccount'

/**
 * Finds the API server: the Pod's own when `env` says it runs in one, else the kubeconfig.
 * `KUBERNETES_SERVICE_ACCOUNT_DIRECTORY` names the directory of the ServiceAccount's files when it
 * is not the usual one.
 * Errors: a sentence that names what is missing and what to do.
 */
export async function loadKubeConfig(options: {
  readonly clock: Clock
  readonly env: Readonly<Record<string, string | undefined>>
  /** Path of a kubeconfig; wins over everything. */
  readonly kubeconfig?: string | undefined
  readonly context?: string | undefined
  readonly signal?: AbortSignal | undefined
}): Promise<KubeConfig> {
  const { clock, env, context, signal } = options
  const host = env['KUBERNETES_SERVICE_HOST']
  if (options.kubeconfig === undefined && !env['KUBECONFIG'] && host !== undefined) {
    const port = env['KUBERNETES_SERVICE_PORT'] ?? '443'
    const directory = env['KUBERNETES_SERVICE_ACCOUNT_DIRECTORY'] ?? serviceAccountDirectory
    return inClusterConfig({ clock, host, port, directory })
  }
  return kubeconfigFile({ clock, env, path: options.kubeconfig, context, signal })
}

/**
 * Credentials of the Pod's ServiceAccount, read from the mounted files. The way to the API server is
 * inside the cluster, so no proxy of the environment counts.
 * Guarantees: never imports `@kubernetes/client-node`; the token is read again every minute, as it
 * rotates hourly.
 */
export async function inClusterConfig(options: {
  readonly clock: Clock
  readonly host: string
  readonly port: string
  readonly directory?: string
}): Promise<KubeConfig> {
  const { clock, host, port, directory = serviceAccountDirectory } = options
  let tls: TlsMaterial = {}
  const read = async (): Promise<Credentials> => {
    const [token, ca] = await Promise.all([
      readFile(join(directory, 'token'), 'utf8'),
      readFile(join(directory, 'ca.crt'), 'utf8'),
    ])
    if (tls.ca !== ca) tls = { ca }
    return { headers: { authorization: `Bearer ${token.trim()}` }, tls }
  }
  const cached = cachedFor(clock, read)
  try {
    await cached.get()
    return {
      server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
      namespace: (await readFile(join(directory, 'namespace'), 'utf8')).trim() || 'default',
      credentials: cached.get,
      refresh: cached.clear,
    }
  } catch (cause) {
    throw new Error(
      `the ServiceAccount files in ${directory} cannot be read; set automountServiceAccountToken: true on the Pod`,
      { cause },
    )
  }
}

/**
 * Credentials of a kubeconfig: certificates, tokens, token files, exec and OIDC plug-ins. They are
 * read here for the first time, so that a plug-in that fails is told before any request.
 * Errors: `KubeconfigError`; the signal's reason. Caveat: imports `@kubernetes/client-node`, about 85 MiB, so it is for
 * people's machines and tests only.
 */
export async function kubeconfigFile(options: {
  readonly clock: Clock
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Without it: `$KUBECONFIG`, else `~/.kube/config`. */
  readonly path?: string | undefined
  readonly context?: string | undefined
  readonly signal?: AbortSignal | undefined
}): Promise<KubeConfig> {
  const { env = {}, path, context, clock } = options
  const load = () => openKubeconfig({ env, path, context, clock })
  let loader = await load()
  let isOld = false
  const { server = '', proxyUrl: proxy } = loader.getCurrentCluster() ?? {}
  let tls: TlsMaterial = {}
  const read = async (signal: AbortSignal): Promise<Credentials> => {
    if (isOld) loader = await load()
    isOld = false
    const found = await applied(loader, signal, kubeconfigInWords({ env, path }))
    const { headers = {}, auth, ca, cert, key, servername, rejectUnauthorized } = found
    const material = Object.entries({ ca, cert, key, servername, rejectUnauthorized })
    const next: TlsMaterial = Object.fromEntries(
      material.filter(([, value]) => value !== undefined),
    )
    if (fingerprint(next) !== fingerprint(tls)) tls = next
    const lower = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
    )
    if (auth !== undefined) lower['authorization'] = `Basic ${Buffer.from(auth).toString('base64')}`
    return { headers: lower, tls }
  }
  const cached = cachedFor(clock, read)
  await cached.get(options)
  return {
    server: server.replace(/\/+$/, ''),
    proxy,
    namespace: loader.getContextObject(loader.getCurrentContext())?.namespace ?? 'default',
    credentials: cached.get,
    refresh: () => {
      // The loader keeps an exec token without expiry for ever; only a new loader runs the plug-in
      // again.
      isOld = true
      cached.clear()
    },
  }
}

/** The loader fills in options of `https.request`; these are the ones that are used here. */
type RequestSettings = { headers?: Record<string, string>; auth?: string } & {
  -readonly [Field in keyof TlsMaterial]: TlsMaterial[Field]
}

/** Errors: `KubeconfigError`, also when a way to log in that the library knows fails. */
async function applied(
  loader: LibraryConfig,
  signal: AbortSignal,
  shown: string,
): Promise<RequestSettings> {
  const found: RequestSettings = {}
  const provider: unknown = loader.getCurrentUser()?.authProvider?.name
  const refuse = (what: string, cause?: unknown): never => {
    const user = loader.getCurrentUser()?.name ?? ''
    const next = 'kubectl auth whoami   (kubectl logs in by the same kubeconfig, and says more)'
    throw new KubeconfigError(`the user ${user} of the kubeconfig ${shown} ${what}`, next, {
      cause,
    })
  }
  try {
    // Our own authenticator finds the signal among the options.
    await loader.applyToHTTPSOptions(Object.assign(found, { signal }))
  } catch (cause) {
    if (cause instanceof KubeconfigError || signal.aborted) throw cause
    const said = cause instanceof Error ? cause.message : String(cause)
    const by = typeof provider === 'string' ? ` by its auth-provider ${provider}` : ''
    refuse(`cannot log in${by}: ${said}`, cause)
  }
  if (typeof provider === 'string' && found.headers?.['Authorization'] === undefined && !found.cert)
    refuse(`cannot log in: its auth-provider ${provider} has no valid token and cannot renew one`)
  return found
}

function fingerprint(tls: TlsMaterial): string {
  return JSON.stringify(Object.entries(tls).map(([name, value]) => [name, String(value)]))
}

interface Reading<T> {
  readonly result: Promise<T>
  readonly stop: AbortController
  readonly at: number
  waiting: number
  isOver: boolean
}

/**
 * Shares one read between callers and repeats it after `freshMs`; a failed read is not kept. A read
 * is aborted when all who wait for it have given up.
 */
function cachedFor<T>(
  clock: Clock,
  read: (signal: AbortSignal) => Promise<T>,
): {
  readonly get: (options?: { readonly signal?: AbortSignal | undefined }) => Promise<T>
  readonly clear: () => void
} {
  let current: Reading<T> | undefined
  const begin = (): Reading<T> => {
    const stop = new AbortController()
    const result = read(stop.signal)
    const reading = { result, stop, at: clock.monotonic(), waiting: 0, isOver: false }
    const end = () => {
      reading.isOver = true
    }
    result.then(end, () => {
      end()
      if (current === reading) current = undefined
    })
    return reading
  }
  return {
    get: async ({ signal } = {}) => {
      signal?.throwIfAborted()
      if (current === undefined || clock.monotonic() - current.at >= freshMs) current = begin()
      const reading = current
      if (reading.isOver) return reading.result
      reading.waiting += 1
      const leave = () => {
        reading.waiting -= 1
        if (reading.waiting > 0) return
        if (current === reading) current = undefined
        reading.stop.abort(signal?.reason)
      }
      signal?.addEventListener('abort', leave, { once: true })
      try {
        return await reading.result
      } finally {
        signal?.removeEventListener('abort', leave)
      }
    },
    clear: () => {
      current = undefined
    },
  }
}
