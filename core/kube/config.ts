import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openKubeconfig } from './kubeconfig.ts'
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
  /**
   * Called for every request, so it is cheap. Rotated tokens and certificates are used within a
   * minute.
   */
  credentials(): Promise<Credentials>
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
}): Promise<KubeConfig> {
  const { clock, env } = options
  const host = env['KUBERNETES_SERVICE_HOST']
  if (options.kubeconfig === undefined && !env['KUBECONFIG'] && host !== undefined) {
    const port = env['KUBERNETES_SERVICE_PORT'] ?? '443'
    const directory = env['KUBERNETES_SERVICE_ACCOUNT_DIRECTORY'] ?? serviceAccountDirectory
    return inClusterConfig({ clock, host, port, directory })
  }
  return kubeconfigFile({ clock, env, path: options.kubeconfig, context: options.context })
}

/**
 * Credentials of the Pod's ServiceAccount, read from the mounted files.
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
 * Credentials of a kubeconfig: certificates, tokens, token files, exec and OIDC plug-ins.
 * Errors: `KubeconfigError`. Caveat: imports `@kubernetes/client-node`, about 85 MiB, so it is for
 * people's machines and tests only.
 */
export async function kubeconfigFile(options: {
  readonly clock: Clock
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Without it: `$KUBECONFIG`, else `~/.kube/config`. */
  readonly path?: string | undefined
  readonly context?: string | undefined
}): Promise<KubeConfig> {
  const { env = {}, path, context } = options
  const load = () => openKubeconfig({ env, path, context })
  let loader = await load()
  let isOld = false
  const server = loader.getCurrentCluster()?.server ?? ''
  let tls: TlsMaterial = {}
  const read = async (): Promise<Credentials> => {
    if (isOld) loader = await load()
    isOld = false
    // The loader fills in options of `https.request`; these are the ones that are used here.
    const found: { headers?: Record<string, string>; auth?: string } & {
      -readonly [Field in keyof TlsMaterial]: TlsMaterial[Field]
    } = {}
    await loader.applyToHTTPSOptions(found)
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
  const cached = cachedFor(options.clock, read)
  return {
    server: server.replace(/\/+$/, ''),
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

function fingerprint(tls: TlsMaterial): string {
  return JSON.stringify(Object.entries(tls).map(([name, value]) => [name, String(value)]))
}

/** Shares one read between callers and repeats it after `freshMs`; a failed read is not kept. */
function cachedFor<T>(
  clock: Clock,
  read: () => Promise<T>,
): { readonly get: () => Promise<T>; readonly clear: () => void } {
  let current: Promise<T> | undefined
  let readAt = 0
  return {
    get: () => {
      if (current !== undefined && clock.monotonic() - readAt < freshMs) return current
      readAt = clock.monotonic()
      const reading = read()
      current = reading
      reading.catch(() => {
        if (current === reading) current = undefined
      })
      return reading
    },
    clear: () => {
      current = undefined
    },
  }
}
