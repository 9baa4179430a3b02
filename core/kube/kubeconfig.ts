// Finds the kubeconfig by kubectl's rules and names its faults. Without a kubeconfig the library
// alone would take localhost:8080, and would complain only when nothing answers there.
import { existsSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileProblem } from '../base/file-problem.ts'
import type { KubeConfig as LibraryConfig } from '@kubernetes/client-node'

/** The paths of the chosen files, for sentences about their contents. Empty inside a Pod. */
export function kubeconfigInWords({ env, path }: KubeconfigChoice): string {
  if (path === undefined && !env['KUBECONFIG'] && env['KUBERNETES_SERVICE_HOST'] !== undefined)
    return ''
  try {
    return filesOf({ env, path }).join(' and ')
  } catch {
    return path ?? ''
  }
}

/** There is no kubeconfig, or it names no usable cluster; `next` is the command to type. */
export class KubeconfigError extends Error {
  override readonly name = 'KubeconfigError'
  readonly code = 'kubeconfig'
  readonly next: string

  constructor(sentence: string, next: string, options?: { readonly cause: unknown }) {
    super(sentence, options)
    this.next = next
  }
}

interface KubeconfigChoice {
  readonly env: Readonly<Record<string, string | undefined>>
  /** A file; by default the files of `$KUBECONFIG`, else `~/.kube/config`. */
  readonly path?: string | undefined
  readonly context?: string | undefined
}

/** `up` is over at once where the cluster is up. */
const noFile = 'npm run -s cluster -- up && export KUBECONFIG=$(npm run -s cluster -- kubeconfig)'
const contexts = 'kubectl config get-contexts'

/**
 * The kubeconfig with its context chosen; it holds the cluster and the user of that context.
 * Caveat: imports `@kubernetes/client-node`, which takes a second. Errors: `KubeconfigError`.
 */
export async function openKubeconfig(choice: KubeconfigChoice): Promise<LibraryConfig> {
  const { KubeConfig: Loader } = await import('@kubernetes/client-node')
  const files = filesOf(choice)
  const shown = files.join(' and ')
  let loaded: LibraryConfig | undefined
  for (const file of files) {
    const one = new Loader()
    if (!read(one, file)) continue
    if (loaded === undefined) loaded = one
    else addTo(loaded, one)
  }
  if (loaded === undefined) throw new KubeconfigError(`the kubeconfig ${shown} is empty`, noFile)
  const { context } = choice
  if (context !== undefined) loaded.setCurrentContext(context)
  const name = loaded.getCurrentContext()
  if (!name)
    throw new KubeconfigError(
      `the kubeconfig ${shown} has no current-context`,
      loaded.getContexts().length === 0 ? noFile : useContext(loaded),
    )
  const found = loaded.getContextObject(name)
  if (found === null)
    throw new KubeconfigError(
      context === undefined
        ? `the current-context ${name} of the kubeconfig ${shown} is not among its contexts`
        : `the kubeconfig ${shown} has no context ${name}`,
      context === undefined ? useContext(loaded) : contexts,
    )
  const cluster = loaded.getCluster(found.cluster)
  if (!cluster?.server)
    throw new KubeconfigError(
      `the context ${name} of the kubeconfig ${shown} names the cluster ${found.cluster}, which is not in it or has no server`,
      contexts,
    )
  refuseServer(cluster, shown)
  if (found.user && loaded.getUser(found.user) === null)
    throw new KubeconfigError(
      `the context ${name} of the kubeconfig ${shown} names the user ${found.user}, which is not in it`,
      contexts,
    )
  return loaded
}

/** The files that exist. As for kubectl, a missing file in a list is not an error. */
function filesOf({ env, path }: KubeconfigChoice): readonly string[] {
  if (path !== undefined) {
    if (existsSync(path)) return [path]
    throw new KubeconfigError(`there is no kubeconfig ${path}`, noFile)
  }
  const listed = (env['KUBECONFIG'] ?? '').split(delimiter).filter((file) => file !== '')
  const there = [...new Set(listed)].filter((file) => existsSync(file))
  if (there.length > 0) return there
  if (listed.length > 0)
    throw new KubeconfigError(
      `there is no kubeconfig: ${listed.join(' and ')}, which KUBECONFIG names, ${listed.length === 1 ? 'does' : 'do'} not exist`,
      noFile,
    )
  const usual = join(env['HOME'] ?? env['USERPROFILE'] ?? '', '.kube', 'config')
  if (existsSync(usual)) return [usual]
  throw new KubeconfigError(
    `there is no kubeconfig: KUBECONFIG is not set, and ${usual} does not exist`,
    noFile,
  )
}

/** Returns false for an empty file. */
function read(into: LibraryConfig, file: string): boolean {
  try {
    const text = readFileSync(file, 'utf8')
    if (/^(?:\s|#.*|---)*$/.test(text)) return false
    into.loadFromFile(file)
    return true
  } catch (cause) {
    const why = fileProblem(cause)
    throw new KubeconfigError(`the kubeconfig ${file} cannot be read: ${why}`, noFile, { cause })
  }
}

/** Merges as kubectl does: of several entries with one name the first counts. */
function addTo(first: LibraryConfig, other: LibraryConfig): void {
  const added = <T extends { readonly name: string }>(mine: readonly T[], theirs: readonly T[]) => [
    ...mine,
    ...theirs.filter(({ name }) => !mine.some((one) => one.name === name)),
  ]
  first.clusters = added(first.clusters, other.clusters)
  first.users = added(first.users, other.users)
  first.contexts = added(first.contexts, other.contexts)
  if (!first.currentContext) first.currentContext = other.currentContext
}

/** Refuses addresses about which the library's error would name neither the file nor the value. */
function refuseServer(
  { name, server, skipTLSVerify }: NonNullable<ReturnType<LibraryConfig['getCluster']>>,
  shown: string,
): void {
  const url = URL.canParse(server) ? new URL(server) : undefined
  const mend = (address: string): string =>
    `kubectl config set-cluster ${name} --kubeconfig ${shown.split(' ')[0]} --server ${address}`
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.hostname === '')
    throw new KubeconfigError(
      `the server of the cluster ${name} in the kubeconfig ${shown} is ${server}, which is not an address: it has to be as in https://127.0.0.1:6443`,
      mend('https://HOST:PORT'),
    )
  if (url.protocol === 'http:' && !skipTLSVerify)
    throw new KubeconfigError(
      `the server of the cluster ${name} in the kubeconfig ${shown} is ${server}, which is http: it has to be https`,
      mend(server.replace(/^http:/i, 'https:')),
    )
}

function useContext(config: LibraryConfig): string {
  const [only, ...more] = config.getContexts()
  return `kubectl config use-context ${only === undefined || more.length > 0 ? 'NAME' : only.name}`
}
